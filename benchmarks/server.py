"""A Lambent server to measure, with a data directory of its own."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from benchmarks.functions import FULL_CPU_MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.functions import Function

_WAIT = {"Delay": 0.02, "MaxAttempts": 3000}
_SETTLED_SECONDS = 20.0
# Limits of the host's are not what is measured; a hundred environments may take more than it has.
# Nor is what neighbours take at the same time.
_WITHOUT_LIMITS = ("--memory-mib", "1000000", "--companion", "off")


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    pid: int
    client: Any
    has_fast_starts: bool
    changes: Iterator[int] = field(default_factory=itertools.count)
    most_ready: dict[str, int] = field(default_factory=dict)  # stem cells there have been

    def deploy(self, function: Function) -> None:
        """Create it. Raises ClientError."""
        self.client.create_function(
            FunctionName=function.name,
            Runtime=function.runtime.identifier,
            Handler=function.handler,
            Role="arn:aws:iam::000000000000:role/benchmark",
            MemorySize=FULL_CPU_MIB,
            Timeout=60,
            Code={"ZipFile": function.archive()},
            **({"SnapStart": {"ApplyOn": "PublishedVersions"}} if function.is_snap_start else {}),
        )
        self._wait("function_active_v2", function.name)

    def prime(self, function: Function) -> None:
        """Call it once, and wait until the next environment of its runtime can start fast."""
        self.call(function)
        deadline = time.monotonic() + _SETTLED_SECONDS
        while self.has_fast_starts and time.monotonic() < deadline:
            if self._stem_cells().get(function.runtime.identifier):
                time.sleep(1)  # for the rest of them
                break
            time.sleep(0.1)
        self.settle()

    def remove(self, function: Function) -> None:
        self.client.delete_function(FunctionName=function.name)

    def renew(self, function: Function) -> None:
        """Change its configuration, so that its next call needs a new environment."""
        number = str(next(self.changes))
        self.client.update_function_configuration(
            FunctionName=function.name, Environment={"Variables": {"CHANGE": number}}
        )
        self._wait("function_updated_v2", function.name)

    def publish(self, function: Function) -> str:
        """A new version that has never been called; with SnapStart, once its snapshot is there."""
        self.renew(function)
        published = self.client.publish_version(FunctionName=function.name)["Version"]
        self._wait("published_version_active", function.name, Qualifier=published)
        return str(published)

    def provision(self, function: Function, version: str) -> None:
        """Have one environment of a version ready."""
        names = {"FunctionName": function.name, "Qualifier": version}
        self.client.put_provisioned_concurrency_config(**names, ProvisionedConcurrentExecutions=1)
        while True:
            found = self.client.get_provisioned_concurrency_config(**names)
            if found["Status"] == "READY":
                return
            if found["Status"] == "FAILED":
                raise SystemExit(f"{function.title}: {found['StatusReason']}")
            time.sleep(_WAIT["Delay"])

    def call(self, function: Function, version: str | None = None) -> float:
        """Milliseconds that a whole call takes, on a connection that is there already."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.connect()
        with contextlib.closing(connection):
            started = time.perf_counter()
            connection.request("POST", path(function, version), b"{}")
            answer = connection.getresponse()
            body = answer.read()
            elapsed = time.perf_counter() - started
        if answer.status != http.client.OK or answer.headers["X-Amz-Function-Error"]:
            raise SystemExit(f"{function.title}: {answer.status} {body.decode()}")
        return elapsed * 1000

    def environments(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self._read("/_lambent/environments")["environments"]
        return listed

    def waiting_events(self, function: Function) -> int:
        """Accepted events of a function that are not done."""
        listed = self._read(f"/_lambent/queue?function={function.name}&limit=1")
        return sum(each["count"] for each in listed["counts"])

    def purge_events(self, function: Function) -> None:
        """Forget all of them that wait."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(
                "POST",
                "/_lambent/queue/purge",
                json.dumps({"function": function.name}),
                {"Content-Type": "application/json"},
            )
            connection.getresponse().read()

    def settle(self) -> None:
        """Wait until whatever it makes ahead of need has been made."""
        if not self.has_fast_starts:
            return
        before = None
        deadline = time.monotonic() + _SETTLED_SECONDS
        while time.monotonic() < deadline:
            ready = self._stem_cells()
            is_full = all(ready.get(each, 0) >= most for each, most in self.most_ready.items())
            self.most_ready.update(ready if is_full else {})
            if is_full and ready == before:
                return
            before = ready
            time.sleep(0.1)  # longer than it waits before it makes one more

    def wait(self, condition: Callable[[list[dict[str, Any]]], bool]) -> None:
        """Wait until the environments are as wanted; for a while."""
        deadline = time.monotonic() + _SETTLED_SECONDS
        while not condition(self.environments()) and time.monotonic() < deadline:
            time.sleep(0.02)

    def _stem_cells(self) -> dict[str, int]:
        """How many are ready, by runtime."""
        ready: dict[str, int] = self._read("/health")["stem_cells"]
        return ready

    def _read(self, resource: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", resource)
            read: dict[str, Any] = json.load(connection.getresponse())
            return read

    def _wait(self, waiter: str, name: str, **arguments: str) -> None:
        self.client.get_waiter(waiter).wait(FunctionName=name, WaiterConfig=_WAIT, **arguments)


def path(function: Function, version: str | None = None) -> str:
    """Of its Invoke."""
    query = f"?Qualifier={version}" if version else ""
    return f"/2015-03-31/functions/{function.name}/invocations{query}"


@contextlib.contextmanager
def lambent_server(
    *options: str, has_fast_starts: bool = True, data_dir: Path | None = None
) -> Iterator[Server]:
    """A server on a free port, with nothing in it unless `data_dir` has something."""
    lambent = str(Path(sys.executable).with_name("lambent"))
    options = (*_WITHOUT_LIMITS, "--fast-starts", str(has_fast_starts).lower(), *options)
    with tempfile.TemporaryDirectory() as directory:
        command = [lambent, "serve", "--port", "0", "--data-dir", str(data_dir or directory)]
        # Without fast starts it says so of every snapshot.
        command += ["--log-level", "warning" if has_fast_starts else "error", *options]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            port = _port(process)
            yield Server(port, process.pid, _client(port), has_fast_starts)
        finally:
            process.terminate()
            process.wait()


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    for line in process.stderr:
        if "listening on " in line:
            # Nobody must ever wait for room in the pipe.
            threading.Thread(target=_pass_on, args=(process,), daemon=True).start()
            return int(line.rsplit(":", 1)[1])
    raise SystemExit("the server did not start")


def _pass_on(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if not line.startswith("  try:"):
            sys.stderr.write(line)


def _client(port: int) -> Any:
    return boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}),
    )
