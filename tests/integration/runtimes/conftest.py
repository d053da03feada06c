"""Real runtimes in a bare bubblewrap sandbox, talking to a stub of the Runtime API."""

from __future__ import annotations

import http.client
import json
import os
import queue
import shutil
import struct
import subprocess
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.versions import function_version

from lambent.execution_environment.runtimes.installed_runtimes import find_runtimes
from lambent.execution_environment.variables import TELEMETRY_DESCRIPTOR, defined_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.runtimes.runtime import Runtime

ANSWER_SECONDS = 30.0
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:orders:live"
_FRAME = struct.Struct(">IIQ")
_HEADER_BYTES = 2 * 1024 * 1024  # an error's cause is a header of up to 1 MiB


@dataclass(frozen=True)
class Posted:
    """What the runtime posted."""

    path: str
    headers: dict[str, str]  # lower-case names
    body: bytes
    trailers: dict[str, str]

    @property
    def kind(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class StubRuntimeApi(ThreadingHTTPServer):
    """Hands out invocations and keeps what is posted."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.invocations: queue.Queue[tuple[bytes, dict[str, str]]] = queue.Queue()
        self.posted: queue.Queue[Posted] = queue.Queue()
        self.hangs_up = False  # after every answer
        self.response_status = 202
        self._count = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a runtime that is killed hangs up in the middle."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def invoke(self, event: object, **headers: str) -> Posted:
        """The runtime's answer to one invocation."""
        self.send(json.dumps(event).encode(), **headers)
        return self.answer()

    def send(self, payload: bytes, **headers: str) -> None:
        self._count += 1
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.invocations.put(
            (
                payload,
                {
                    "Lambda-Runtime-Aws-Request-Id": f"request-{self._count}",
                    "Lambda-Runtime-Deadline-Ms": "4102444800000",
                    "Lambda-Runtime-Invoked-Function-Arn": ARN,
                    "Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793",
                    "Content-Type": "application/json",
                    **named,
                },
            )
        )

    def answer(self) -> Posted:
        return self.posted.get(timeout=ANSWER_SECONDS)


class _Exchange(BaseHTTPRequestHandler):
    server: StubRuntimeApi
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.wfile = self.connection.makefile("wb", 65536)  # whole answers, not a line at a time

    def do_GET(self) -> None:
        payload, headers = self.server.invocations.get()
        self._respond(200, payload, headers)

    def do_POST(self) -> None:
        body, trailers = self._body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = self.server.response_status if self.path.endswith("/response") else 202
        self._respond(status, b'{"status":"OK"}', {})
        self.server.posted.put(Posted(self.path, headers, body, trailers))

    def _respond(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            # http.server writes Latin-1; the real API passes on the caller's UTF-8.
            self.send_header(name, value.encode().decode("latin-1"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        self.close_connection = self.server.hangs_up

    def _body(self) -> tuple[bytes, dict[str, str]]:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"])), {}
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        trailers = {}
        while line := self.rfile.readline().strip().decode():
            name, _, value = line.partition(":")
            trailers[name.lower()] = value.strip()
        return b"".join(chunks), trailers

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: pytest's output is for failures."""


@dataclass
class StartedFunction:
    """A function's process, its Runtime API, and what it has written."""

    process: subprocess.Popen[bytes]
    api: StubRuntimeApi
    output_file: Path
    telemetry_file: Path
    runtime: Runtime = field(repr=False)

    def invoke(self, event: object, **headers: str) -> Posted:
        return self.api.invoke(event, **headers)

    @property
    def output(self) -> str:
        """Standard output and standard error so far."""
        return self.output_file.read_text()

    @property
    def frames(self) -> list[tuple[int, str]]:
        """(frame type, message) of each frame on the telemetry descriptor so far."""
        data = self.telemetry_file.read_bytes()
        found = []
        while data:
            kind, length, _ = _FRAME.unpack_from(data)
            end = _FRAME.size + length
            found.append((kind, data[_FRAME.size : end].decode()))
            data = data[end:]
        return found

    def wait(self) -> int:
        return self.process.wait(ANSWER_SECONDS)


@pytest.fixture(scope="session", autouse=True)
def long_headers() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http.client, "_MAXLINE", _HEADER_BYTES)
        yield


@pytest.fixture(scope="session")
def runtimes() -> Mapping[str, Runtime]:
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    directory = Path(os.environ.get("LAMBENT_RUNTIMES_DIR") or data / "lambent/runtimes")
    # Whichever Ruby the machine has: no registry has those of Lambda's releases.
    ruby = shutil.which("ruby")
    return find_runtimes(directory, {"ruby3.2": Path(ruby)} if ruby else {})


@pytest.fixture
def start(
    runtimes: Mapping[str, Runtime], tmp_path: Path
) -> Iterator[Callable[..., StartedFunction]]:
    """Starts a function; skips the test when its runtime is not installed."""
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None:
        pytest.skip("bubblewrap is not installed")
    started: list[StartedFunction] = []

    def start_function(
        identifier: str,
        files: Mapping[str, str | bytes],
        handler: str = "main.handler",
        variables: Mapping[str, str] | None = None,
    ) -> StartedFunction:
        runtime = runtimes[identifier]
        if runtime.reason is not None:
            pytest.skip(f"{runtime.reason} {runtime.remedy or ''}")
        task_root = tmp_path / f"task-{len(started)}"
        _write(task_root, files)
        version = _version(identifier, handler, variables or {})
        function = _start(bubblewrap, runtime, version, task_root)
        started.append(function)
        return function

    yield start_function
    for function in started:
        function.process.kill()
        function.process.wait()
        function.api.shutdown()
        function.api.server_close()


def _write(root: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(0o755)


def _version(identifier: str, handler: str, variables: Mapping[str, str]) -> FunctionVersion:
    return function_version(
        region="eu-west-1",
        name="orders",
        version="7",
        runtime=identifier,
        handler=handler,
        memory_mib=256,
        environment=variables,
    )


def _start(
    bubblewrap: str, runtime: Runtime, version: FunctionVersion, task_root: Path
) -> StartedFunction:
    api = StubRuntimeApi()
    threading.Thread(target=api.serve_forever, args=(0.01,), daemon=True).start()
    output_file = task_root.with_suffix(".output")
    telemetry_file = task_root.with_suffix(".telemetry")
    variables = defined_variables(
        version,
        runtime,
        log_stream="2026/01/31/[7]0123",
        runtime_api="127.0.0.1:9001",
        credentials={"AWS_ACCESS_KEY_ID": "AKIA"},
    )
    command = runtime.command(
        task_root=task_root, layers_root=None, memory_mib=256, variables=variables
    )
    with output_file.open("ab") as output, telemetry_file.open("ab") as telemetry:
        process = subprocess.Popen(
            [*_sandbox(bubblewrap, runtime, task_root), *command],
            env={
                **variables,
                "AWS_LAMBDA_RUNTIME_API": api.address,
                TELEMETRY_DESCRIPTOR: str(telemetry.fileno()),
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[telemetry.fileno()],
        )
    return StartedFunction(process, api, output_file, telemetry_file, runtime)


def _sandbox(bubblewrap: str, runtime: Runtime, task_root: Path) -> list[str]:
    command = [bubblewrap, "--die-with-parent", "--unshare-pid", "--ro-bind", "/usr", "/usr"]
    for link in ("bin", "lib", "lib64", "sbin"):
        command += ["--symlink", f"usr/{link}", f"/{link}"]
    command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/opt"]
    command += ["--ro-bind", str(task_root), "/var/task", "--chdir", "/var/task"]
    for source, target in runtime.mounts():
        command += ["--ro-bind", str(source), target]
    return [*command, "--"]
