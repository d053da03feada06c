"""A real `lambent serve` for tests, and clients of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

LAMBENT = str(Path(sys.executable).with_name("lambent"))
ROLE = "arn:aws:iam::000000000000:role/lambda-role"
_START_SECONDS = 60
# Tests use runtimes of any age, on any day: AWS's dates for them do not count.
DATELESS = ("--blocked-runtimes", "allow")
# Most tests have no use for neighbours, or start their own. A later option wins.
ALONE = ("--companion", "off")


@dataclass
class RunningServer:
    url: str
    data_dir: Path
    process: subprocess.Popen[str]
    log: Path
    clients: dict[tuple[str, str, str], Any] = field(default_factory=dict)

    def client(
        self, service: str = "lambda", *, account: str = "test", region: str = "us-east-1"
    ) -> Any:
        key = (service, account, region)
        if key not in self.clients:
            self.clients[key] = boto3.client(
                service,
                endpoint_url=self.url,
                region_name=region,
                aws_access_key_id=account,
                aws_secret_access_key="test",
                config=Config(
                    retries={"total_max_attempts": 1},
                    max_pool_connections=64,
                    read_timeout=60,
                    parameter_validation=False,
                ),
            )
        return self.clients[key]

    def peak_memory_bytes(self) -> int:
        """The most memory this process, without its functions, ever had."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

    def reset_peak_memory(self) -> None:
        """Let the peak be counted from here on, from what it has now."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@contextlib.contextmanager
def running_server(
    data_dir: Path, *options: str, through: tuple[str, ...] = ()
) -> Iterator[RunningServer]:
    """A server of the test's own on a free port; stopped, if it still runs, at the end.

    `through` is a command that becomes the one given after it.
    """
    command = [LAMBENT, "serve", "--port", "0", "--data-dir", str(data_dir)]
    command += [*DATELESS, *ALONE, *options]
    log = data_dir.with_suffix(".log")
    with log.open("a") as stderr:
        start = stderr.tell()
        process = subprocess.Popen(
            [*through, *command],
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            text=True,
            env=_environment(),
        )
    try:
        with log.open() as lines:
            lines.seek(start)
            url = _wait_listening(lines, process)
        yield RunningServer(url=url, data_dir=data_dir, process=process, log=log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=45)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_listening(lines: IO[str], process: subprocess.Popen[str]) -> str:
    """The URL the server says it listens on."""
    said = ""
    for _ in range(_START_SECONDS * 20):
        said += lines.read()
        if "listening on " in said:
            return said.rsplit("listening on ", 1)[1].split()[0]
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            break
    raise AssertionError(f"the server did not start:\n{said}{lines.read()}")


def run_lambent(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The `lambent` program, run to its end, without this shell's own settings for it."""
    return subprocess.run(
        [LAMBENT, *arguments],
        capture_output=True,
        text=True,
        env=_environment() | options.pop("env", {}),
        **options,
    )


def ready_runtimes(family: str) -> list[str]:
    """The runtimes of a family that are ready here, the newest first."""
    listed = json.loads(run_lambent("runtime", "list", "--json").stdout)
    return [
        each["runtime"]
        for each in listed
        if each["runtime"].startswith(family) and each["unavailable_because"] is None
    ]


def newest_runtime(family: str) -> str:
    """The newest runtime of a family that is ready here; the test is skipped without one."""
    ready = ready_runtimes(family)
    if not ready:
        pytest.skip(f"no {family} runtime is installed: lambent runtime install")
    return ready[0]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("LAMBENT_")}
