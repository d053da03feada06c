"""Where the broker is, and how its queue is to be: what AMQP_URI says, with the parameters of pika.

`amqp://user:password@host:5672/vhost?connection_attempts=20&retry_delay=10&heartbeat=5`, and of
Lambent's own `queue_type`, `durable`, `auto_delete` and `delivery_limit`. What other clients know
beside these is for them, and not complained about.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_PORTS = {"amqp": 5672, "amqps": 5671}
_GUEST = "guest:guest"
# A heartbeat of 0, as the original's documents have it in every URI, is there "as the broker
# likes", which is once a minute. Without any, a broker that vanished would never be missed.
_BROKERS_HEARTBEAT = 60
_LONGEST_HEARTBEAT = 65_534
# Of the TLS connection, in the client library's own words.
_FOR_LIBRARY = ("cafile", "capath", "cadata", "certfile", "keyfile", "no_verify_ssl")
_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class AddressInvalid(Exception):
    """Raised for an AMQP_URI that cannot be; the text is a sentence without its password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueForm:
    """What a function's queue is declared as, unless it is there already."""

    is_quorum: bool = False
    is_durable: bool = False  # the original's are gone with the last consumer, or the broker
    is_auto_delete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AmqpAddress:
    uri: str = field(repr=False)  # for the client library, with the password
    shown: str  # the same for people
    connection_attempts: int = 1  # after each loss; 0: without end
    retry_delay_seconds: float = 2.0
    queue: QueueForm = QueueForm()
    # How often a request may come back because whoever had it was lost, before it is refused.
    delivery_limit: int = 5


def amqp_address(environment: Mapping[str, str]) -> AmqpAddress | None:
    """None where AMQP_URI is not set. Raises AddressInvalid.

    AMQP_USERNAME and AMQP_PASSWORD, both, are for an AMQP_URI that names no user.
    """
    uri = environment.get("AMQP_URI", "").strip()
    if not uri:
        return None
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise AddressInvalid(f"AMQP_URI cannot be read: {error}.") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise AddressInvalid("AMQP_URI must be like amqp://user:password@host:5672/ or amqps://...")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    login, host = _credentials(parts, environment), _host(parts, port)
    address = f"{host}{parts.path or '/'}"
    passed_on = {name: query[name] for name in _FOR_LIBRARY if name in query}
    passed_on["heartbeat"] = str(_heartbeat(query))
    return AmqpAddress(
        uri=f"{parts.scheme}://{login}@{address}?{urlencode(passed_on)}",
        shown=f"{parts.scheme}://{login.partition(':')[0]}@{address}",
        connection_attempts=int(_number(query, "connection_attempts", 1)),
        retry_delay_seconds=_number(query, "retry_delay", 2),
        queue=_queue_form(query),
        delivery_limit=int(_number(query, "delivery_limit", 5)),
    )


def _credentials(parts: SplitResult, environment: Mapping[str, str]) -> str:
    given = parts.netloc.rpartition("@")[0]
    if given:
        return given
    user, password = environment.get("AMQP_USERNAME"), environment.get("AMQP_PASSWORD")
    if user and password:
        return f"{quote(user, safe='')}:{quote(password, safe='')}"
    return _GUEST


def _host(parts: SplitResult, port: int | None) -> str:
    host = parts.hostname or ""
    return f"{f'[{host}]' if ':' in host else host}:{port or _PORTS[parts.scheme]}"


def _heartbeat(query: Mapping[str, str]) -> int:
    seconds = int(_number(query, "heartbeat", 10))
    return min(seconds, _LONGEST_HEARTBEAT) or _BROKERS_HEARTBEAT


def _queue_form(query: Mapping[str, str]) -> QueueForm:
    kind = query.get("queue_type", "classic")
    if kind not in ("classic", "quorum"):
        raise AddressInvalid(f"AMQP_URI's queue_type is {kind!r}; choose classic or quorum.")
    is_quorum = kind == "quorum"
    is_durable = _truth(query, "durable", default=is_quorum)
    form = QueueForm(
        is_quorum=is_quorum,
        is_durable=is_durable,
        is_auto_delete=_truth(query, "auto_delete", default=not is_durable),
    )
    if is_quorum and (form.is_auto_delete or not is_durable):
        raise AddressInvalid("AMQP_URI asks for a quorum queue, which is always durable and kept.")
    return form


def _number(query: Mapping[str, str], name: str, default: float) -> float:
    told = query.get(name) or str(default)
    try:
        number = float(told)
    except ValueError:
        number = -1
    if not 0 <= number < 1e9:
        raise AddressInvalid(f"AMQP_URI's {name} is {told!r}; it must be a number, at least 0.")
    return number


def _truth(query: Mapping[str, str], name: str, *, default: bool) -> bool:
    told = query.get(name, "").lower()
    if told and told not in _WORDS:
        raise AddressInvalid(f"AMQP_URI's {name} is {told!r}; it must be true or false.")
    return _WORDS[told] if told else default
