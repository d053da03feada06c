"""What the companion sends to addresses that callers choose: topics' subscribers, API destinations.

Hostile code may choose them. So it reaches the public internet only, as from AWS: not this host,
whose endpoint trusts its neighbours, and not the networks that the host is in.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import ipaddress
import logging
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as NotSent
from requests.models import Response
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from lambent.companion.seams import replace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from urllib.parse import SplitResult

    from requests.models import PreparedRequest

logger = logging.getLogger(__name__)

_SECONDS = 10.0  # for all of an exchange
_CONNECT_SECONDS = 5.0
_MOST_BYTES = 1024 * 1024  # of an answer; the rest is not read
_WEB_PORTS = (80, 443)
_FIRST_USERS_PORT = 1024  # below are mail servers and the like, no receivers of web requests
# Addresses of others in them: what they lead to is not what they say.
_TRANSLATED = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16")))


class Forbidden(Exception):
    """Raised for an address that nothing is sent to; the text says why."""


def install() -> None:
    """Have all that moto sends (it uses `requests`, everywhere) go this way."""
    replace(HTTPAdapter, "send", _send)


def public_addresses(host: str, port: int) -> list[str]:
    """Those of `host`. Raises Forbidden if one of them is not public, and OSError."""
    if port not in _WEB_PORTS and port < _FIRST_USERS_PORT:
        raise Forbidden(f"port {port} is none for this")
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    for address in addresses:
        if not is_public(address):
            raise Forbidden(f"{host} is {address}, which is not in the public internet")
    return addresses


def is_public(address: str) -> bool:
    """Whether it is of the internet's, and not this host's own."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if not parsed.is_global or parsed.is_multicast or any(parsed in net for net in _TRANSLATED):
        return False
    return not _is_own(address)


def _is_own(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # What is bound to has to be an address of this host.
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        return True
    return False


def _send(_adapter: HTTPAdapter, request: PreparedRequest, **_options: Any) -> Response:
    """In the place of `HTTPAdapter.send`. Raises NotSent, which is of `requests`."""
    url = urlsplit(request.url or "")
    place = f"{url.scheme}://{url.hostname}:{_port(url)}"
    try:
        return _exchange(request, url)
    except Forbidden as forbidden:
        logger.warning("nothing is sent to %s: %s", place, forbidden)
        raise NotSent(str(forbidden), request=request) from None
    # ValueError: of what cannot be put in a request, or of a connection that has run out of time.
    except (OSError, ValueError, http.client.HTTPException) as error:
        logger.warning("%s does not answer: %s", place, type(error).__name__)
        raise NotSent(f"{place} does not answer", request=request) from error


def _port(url: SplitResult) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _exchange(request: PreparedRequest, url: SplitResult) -> Response:
    if url.scheme not in ("http", "https") or not url.hostname:
        raise Forbidden("it is no web address")
    connecting = _connecting(url.hostname, _port(url))
    with (
        contextlib.closing(_over_tls(connecting, url) if url.scheme == "https" else connecting) as (
            connection
        ),
        _ended_in_time(connection),
    ):
        if isinstance(connection, ssl.SSLSocket):
            connection.do_handshake()
        return _ask(connection, request, url)


def _connecting(host: str, port: int) -> socket.socket:
    """To an address that has been looked at: a name may have another a moment later."""
    failure: OSError = OSError("it has no address")
    for address in public_addresses(host, port):
        try:
            return socket.create_connection((address, port), timeout=_CONNECT_SECONDS)
        except OSError as error:
            failure = error
    raise failure


def _over_tls(plain: socket.socket, url: SplitResult) -> ssl.SSLSocket:
    return _tls().wrap_socket(plain, server_hostname=url.hostname, do_handshake_on_connect=False)


@functools.lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)


@contextlib.contextmanager
def _ended_in_time(connection: socket.socket) -> Iterator[None]:
    """Who sends a byte now and then would never run into a limit of one read."""

    def end() -> None:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(_SECONDS, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _ask(connection: socket.socket, request: PreparedRequest, url: SplitResult) -> Response:
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    client = kind(str(url.hostname), _port(url))
    client.sock = connection  # so it makes none of its own
    headers = {**request.headers, "Accept-Encoding": "identity"}
    # moto sends nothing that is still to be read.
    body = cast("str | bytes | None", request.body)
    sent = body.encode() if isinstance(body, str) else body
    client.request(str(request.method), request.path_url, body=sent, headers=headers)
    answer = client.getresponse()
    response = Response()
    response.status_code, response.reason = answer.status, answer.reason
    # Without its Location: that may be any address, and nobody is followed there.
    named = [(name, value) for name, value in answer.getheaders() if name.lower() != "location"]
    response.headers = CaseInsensitiveDict(named)
    response.url, response.request = str(request.url), request
    response._content = answer.read(_MOST_BYTES)
    return response
