"""What answers nothing."""

from __future__ import annotations

import asyncio
from typing import cast


class Refusal(asyncio.Protocol):
    """Takes the place of a connection that is not to be had."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).abort()
