"""Where the broker is, and how its queue is to be: what AMQP_URI says, with the parameters of pika.

`amqp://user:password@host:5672/vhost?connection_attempts=20&retry_delay=10&heartbeat=5`, and of
Lambent's own `queue_type`, `durable`, `auto_delete` and `delivery_limit`. What other clients know
beside these is warned about: it may be one of these that is misspelt.

Complaints quote nothing but host, port and user: what stands elsewhere may be a password's end.
"""

from __future__ import annotations

import difflib
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
_KNOWN = (
    *("connection_attempts", "retry_delay", "heartbeat"),
    *("queue_type", "durable", "auto_delete", "delivery_limit"),
    *_FOR_LIBRARY,
)
# RabbitMQ's own queues, which nobody else may declare.
_BROKERS_PREFIX = "amq."
_LONGEST_NAME_BYTES = 255
_QUOTE_PASSWORDS = "In a password, write %2F for '/', %3F for '?', %23 for '#' and %40 for '@'."
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
    # At the start and after each loss; 0: without end. It takes a broker some minutes to come back.
    connection_attempts: int = 20
    retry_delay_seconds: float = 10.0
    queue: QueueForm = QueueForm()
    # How often a request may come back because whoever had it was lost, before it is refused.
    delivery_limit: int = 5
    warnings: tuple[str, ...] = ()  # to be logged first


def check_queue_name(name: str) -> None:
    """Raises AddressInvalid for a function's name that no queue can have."""
    if name.startswith(_BROKERS_PREFIX):
        raise AddressInvalid(
            f"The function's name is {name!r}, and so would its queue's be: names that begin with "
            f"{_BROKERS_PREFIX!r} are the broker's own."
        )
    if len(name.encode(errors="replace")) > _LONGEST_NAME_BYTES:
        raise AddressInvalid(
            f"The function's name is longer than its queue's may be, {_LONGEST_NAME_BYTES} bytes."
        )


def amqp_address(environment: Mapping[str, str]) -> AmqpAddress | None:
    """None where AMQP_URI is not set. Raises AddressInvalid.

    AMQP_USERNAME and AMQP_PASSWORD, both, are for an AMQP_URI that names no user.
    """
    uri = environment.get("AMQP_URI", "").strip()
    if not uri:
        return None
    parts, port = _parts(uri)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    login, host = _credentials(parts, environment), _host(parts, port)
    address = f"{host}{parts.path or '/'}"
    passed_on = {name: query[name] for name in _FOR_LIBRARY if name in query}
    passed_on["heartbeat"] = str(_heartbeat(query))
    return AmqpAddress(
        uri=f"{parts.scheme}://{login}@{address}?{urlencode(passed_on)}",
        shown=f"{parts.scheme}://{login.partition(':')[0]}@{address}",
        connection_attempts=int(_number(query, "connection_attempts", 20)),
        retry_delay_seconds=_number(query, "retry_delay", 10),
        queue=_queue_form(query),
        delivery_limit=int(_number(query, "delivery_limit", 5)),
        warnings=tuple(_unknown(name) for name in query if name not in _KNOWN),
    )


def _parts(uri: str) -> tuple[SplitResult, int | None]:
    """And the port."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise AddressInvalid(
            "AMQP_URI cannot be read: it must be like amqp://user:password@host:5672/. "
            f"{_QUOTE_PASSWORDS}"
        ) from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise AddressInvalid("AMQP_URI must be like amqp://user:password@host:5672/ or amqps://...")
    if parts.fragment or "@" in parts.path + parts.query:
        raise AddressInvalid(
            f"AMQP_URI has a '#', or an '@' behind the host, and must not. {_QUOTE_PASSWORDS}"
        )
    return parts, port


def _unknown(name: str) -> str:
    nearest = difflib.get_close_matches(name, _KNOWN, n=1, cutoff=0.75)
    meant = f"; {nearest[0]} is" if nearest else ""
    return f"AMQP_URI's parameter {name} is not known here, and has no effect{meant}"


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
        raise AddressInvalid("AMQP_URI's queue_type must be classic or quorum.")
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
        raise AddressInvalid(f"AMQP_URI's {name} must be a number, at least 0.")
    return number


def _truth(query: Mapping[str, str], name: str, *, default: bool) -> bool:
    told = query.get(name, "").lower()
    if told and told not in _WORDS:
        raise AddressInvalid(f"AMQP_URI's {name} must be true or false.")
    return _WORDS[told] if told else default
