"""Where the Invoke API listens."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lambent.server.listening import Listening, bind

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def open_addresses(host: str, port: int) -> Iterator[list[Listening]]:
    """At every address that a name has, or an address itself. Raises AddressInUse."""
    bound = bind([host.strip("[]")], port, option="PORT", host_option="INVOKE_API_HOST")
    with contextlib.ExitStack() as stack:
        yield [Listening(socket=stack.enter_context(each)) for each in bound]
