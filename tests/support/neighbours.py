"""Neighbouring AWS services for tests, in a process of their own: moto, or MiniStack.

The two have no code in common: what passes with both does not rest on the habits of one.
"""

from __future__ import annotations

import contextlib
import functools
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# Ends when the test does, also when that is killed: its standard input ends then.
_PROGRAM = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
server.start()
print(*server.get_host_and_port(), sep=":", flush=True)
sys.stdin.read()
"""

_UV = str(Path(sys.executable).with_name("uv"))
_SECOND = (
    *("--frozen", "--quiet", "--no-python-downloads", "--python", sys.executable),
    *("--script", str(Path(__file__).with_name("second_neighbours.py"))),
)
IMPLEMENTATIONS = ("moto", "ministack")


@dataclass(frozen=True)
class Neighbours:
    url: str

    def client(self, service: str, *, region: str = "us-east-1") -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


@contextlib.contextmanager
def running_neighbours(implementation: str = "moto") -> Iterator[Neighbours]:
    """One of IMPLEMENTATIONS, with nothing in it; the test is skipped where it cannot be had."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM] if implementation == "moto" else _second_command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Neighbours(f"http://{process.stdout.readline().strip()}")
        finally:
            process.stdin.close()


def _second_command() -> list[str]:
    """What runs MiniStack, whose packages are installed by now."""
    if reason := _why_no_second():
        pytest.skip(reason)
    return [_UV, "run", *_SECOND]


@functools.cache
def _why_no_second() -> str:
    """Installs MiniStack; why it could not be, or nothing."""
    installing = subprocess.run([_UV, "sync", *_SECOND], capture_output=True, text=True)
    said = installing.stderr.strip()
    return f"MiniStack could not be installed: {said}" if installing.returncode else ""
