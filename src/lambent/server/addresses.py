"""Where the server is to be found: its addresses, with one port for HTTP and one for HTTPS."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.server.certificates import open_identity
from lambent.server.listening import Listening, bind, url_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from lambent.server.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """All that is listened on."""

    listening: tuple[Listening, ...]
    url: str  # of HTTP, at the first address: http://127.0.0.1:9000
    port: int  # of HTTP, at every address
    secure_url: str | None  # https://127.0.0.1:9443; None: there is no HTTPS
    authority: Path | None  # the certificate that clients have to trust, where it is ours


@contextlib.contextmanager
def open_addresses(config: Config) -> Iterator[Addresses]:
    """Listen meanwhile where the settings say. Raises AddressInUse, CertificateUnusable."""
    identity = open_identity(config)
    with contextlib.ExitStack() as stack:
        plain = [stack.enter_context(each) for each in bind(config.host, config.port)]
        secure: list[socket.socket] = []
        if identity is not None:
            bound = bind(config.host, config.tls_port, option="--tls-port")
            secure.extend(stack.enter_context(each) for each in bound)
        tls = identity.context if identity else None
        yield Addresses(
            listening=(
                *(Listening(socket=each) for each in plain),
                *(Listening(socket=each, tls=tls) for each in secure),
            ),
            url=url_of(plain[0]),
            port=plain[0].getsockname()[1],
            secure_url=url_of(secure[0], "https") if secure else None,
            authority=identity.authority if identity else None,
        )
