# /// script
# requires-python = ">=3.11"
# dependencies = ["ministack>=1.5.33"]
# ///
"""MiniStack on a free port of loopback, as a program of its own; tests/support/neighbours.py runs it.

It prints its address, and ends when its standard input does, also when the test is killed. Its
packages are no part of the project's environment: they want other releases than the project's own.
Beside this file are their versions and hashes, which `uv lock --script` writes anew.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading


def _wait_for_end_of_input(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    sys.stdin.read()
    loop.call_soon_threadsafe(ended.set)


async def _serve(listener: socket.socket) -> None:
    # Read when they are imported: the settings must be there before.
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.loglevel = "ERROR"
    ended = asyncio.Event()
    waiting = (asyncio.get_running_loop(), ended)
    threading.Thread(target=_wait_for_end_of_input, args=waiting, daemon=True).start()
    host, port = listener.getsockname()
    sys.stdout.write(f"{host}:{port}\n")
    sys.stdout.flush()
    await serve(app, config, shutdown_trigger=ended.wait)


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    host, port = listener.getsockname()
    os.environ |= {
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": host,
        "LOG_LEVEL": "ERROR",
        "SERVICES": "sqs,sns,s3,events",
    }
    asyncio.run(_serve(listener))


if __name__ == "__main__":
    main()
