"""The companion: moto as a supervised child process, for whatever AWS service is not ours.

Its socket is bound here, before it runs and for as long as the server does. So its URL is known at
once and never changes, nobody waits for its start who does not need it, and a call that comes while
it starts (two seconds), also after a crash, waits in the socket's queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import logging
import os
import secrets
import socket
import sys
from typing import TYPE_CHECKING

from lambent.server.background import running

if TYPE_CHECKING:
    from asyncio import StreamReader
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

    from lambent.server.config import Config

logger = logging.getLogger(__name__)

_BACKLOG = 512
_STEADY_SECONDS = 60  # after such a life the next start is not held against it
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_END_SECONDS = 2  # to end by itself
_MAX_LINE = 4000  # characters of what it says, in one line of the log
_PIECE_BYTES = 64 * 1024
# Not for the child: the server's settings, whatever credentials its operator has, and what would
# have moto start containers or change its ways.
_WITHHELD = ("LAMBENT_", "AWS_", "DOCKER_", "MOTO_")


class CompanionUnavailable(Exception):
    """Raised when the settings ask for a companion that there cannot be."""


def is_wanted(config: Config) -> bool:
    """Whether the settings make it ours to provide the neighbours; raises CompanionUnavailable."""
    is_installed = importlib.util.find_spec("moto") is not None
    if config.companion == "on" and config.aws_endpoint_url:
        raise CompanionUnavailable(
            "companion = on and aws_endpoint_url cannot both be: one of them is where "
            "neighbouring services are. Leave one out; aws_endpoints may name single services "
            "beside the companion."
        )
    if config.companion == "on" and not is_installed:
        raise CompanionUnavailable(
            "companion = on needs moto, which is not installed: pip install 'lambent[aws]'"
        )
    is_meant = config.companion != "off" and not config.aws_endpoint_url
    if is_meant and not is_installed:
        logger.info(
            "there is no companion for neighbouring services (S3, SQS...), since moto is not "
            "installed: pip install 'lambent[aws]', or set aws_endpoint_url; companion = off says "
            "that none is wanted"
        )
    return is_meant and is_installed


@contextlib.asynccontextmanager
async def open_companion(config: Config, endpoint: str) -> AsyncIterator[Companion | None]:
    """The companion meanwhile, if the settings want one; `endpoint` is this server's URL.

    Raises CompanionUnavailable. Does not wait until it answers.
    """
    if not is_wanted(config):
        yield None
        return
    with _listening() as listening:
        companion = Companion(listening, config, endpoint)
        async with running("companion", companion.run()):
            yield companion


class Companion:
    """Where the child is, and the task that keeps it there."""

    def __init__(self, listening: socket.socket, config: Config, endpoint: str) -> None:
        self._listening = listening
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.secret = secrets.token_hex(32)  # which only the child is told: its calls have it
        self.callers_secret = secrets.token_hex(32)  # and which calls to it must have
        self._instructions = {
            "listening_descriptor": listening.fileno(),
            "endpoint": endpoint,
            "secret": self.secret,
            "callers_secret": self.callers_secret,
            "account_id": config.account_id,
            "region": config.region,
            "time_factor": config.queue_time_factor,
        }
        self._is_ready = asyncio.Event()

    async def ready(self) -> None:
        """Returns once it answers, now or after its next start."""
        await self._is_ready.wait()

    async def run(self) -> None:
        """Start it, and again whenever it ends."""
        pause = _FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                status = await self._live()
            except OSError as error:  # no more processes, or no memory for one
                logger.error("the companion cannot be started: %s", error)
            except Exception:  # a boundary: whatever befalls it is not the end of the server
                logger.exception("the companion is lost")
            else:
                logger.warning(
                    "the companion ended with status %s, and what its services (S3, SQS...) had "
                    "is gone; it is started again",
                    status,
                )
            if loop.time() - began > _STEADY_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _live(self) -> int:
        """One life; its exit status. Raises OSError."""
        child = await _start(self._listening)
        try:
            return await self._attend(child)
        finally:
            self._is_ready.clear()
            await _end(child)

    async def _attend(self, child: Process) -> int:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        with contextlib.suppress(ConnectionError):  # it has ended: its status says so
            child.stdin.write(json.dumps(self._instructions).encode() + b"\n")
            await child.stdin.drain()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_log_lines(child.stderr), name="companion's log")
            tasks.create_task(self._watch_readiness(child.stdout), name="companion's output")
            return await child.wait()

    async def _watch_readiness(self, output: StreamReader) -> None:
        """The first that it prints is its URL; whatever else comes is thrown away."""
        if await output.read(_PIECE_BYTES):
            self._is_ready.set()
            logger.info("the companion answers for neighbouring services at %s", self.url)
        while await output.read(_PIECE_BYTES):
            pass


def _listening() -> socket.socket:
    bound = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
    bound.setblocking(True)  # as the child, which shares this, expects it
    return bound


async def _start(listening: socket.socket) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # the working directory is no place to import from
        "-m",
        "lambent.companion",
        stdin=asyncio.subprocess.PIPE,  # its end is what tells the child that we are gone
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=(listening.fileno(),),
        env=_environment(),
        start_new_session=True,  # Ctrl-C is for the server, which still needs it while it drains
    )


def _environment() -> dict[str, str]:
    passed_on = {
        name: value for name, value in os.environ.items() if not name.startswith(_WITHHELD)
    }
    # Otherwise it invites every web page to read what it answers.
    return passed_on | {"MOTO_DISABLE_GLOBAL_CORS": "true"}


async def _end(child: Process) -> None:
    if child.returncode is not None:
        return
    assert child.stdin is not None
    child.stdin.close()
    try:
        async with asyncio.timeout(_END_SECONDS):
            await child.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


async def _log_lines(said: StreamReader) -> None:
    """What the child says, in our log; a line without an end is told in pieces."""
    rest = b""
    while piece := await said.read(_PIECE_BYTES):
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > _MAX_LINE:
            lines, rest = [*lines, rest], b""
        for line in lines:
            _log(line)
    _log(rest)


def _log(line: bytes) -> None:
    text = line.decode(errors="replace").rstrip()[:_MAX_LINE]
    if text:
        # Callers' bytes may be in it: what moves a terminal's cursor is not passed on.
        logger.warning("companion: %s", "".join(c if c.isprintable() else "?" for c in text))
