"""The programs a benchmark measures: a Lambent server, and the bare loop with its functions."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lambent.domain.function import FunctionVersion
from lambent.execution_environment.runtimes import Runtime, find_runtimes
from lambent.execution_environment.variables import Credentials, defined_variables
from lambent.server.config import data_home

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def lambent_server(*options: str) -> Iterator[int]:
    """A server on a free port, with a data directory of its own; gives the port."""
    lambent = str(Path(sys.executable).with_name("lambent"))
    with tempfile.TemporaryDirectory() as directory:
        process = subprocess.Popen(
            [lambent, "serve", "--port", "0", "--data-dir", directory, *options],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if "listening on " in line:
                    break
            else:
                raise SystemExit("the server did not start")
            yield int(line.rsplit(":", 1)[1])
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def bare_loop(runtime: Runtime, code: Path, functions: int) -> Iterator[int]:
    """The bare loop with this many processes of the same function; gives its port."""
    invoke_port, runtime_port = free_port(), free_port()
    loop = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare_loop", str(invoke_port), str(runtime_port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert loop.stdout is not None
    loop.stdout.readline()
    processes = [spawn(runtime, code, runtime_port) for _ in range(functions)]
    try:
        yield invoke_port
    finally:
        for process in processes:
            process.kill()
            process.wait()
        loop.kill()
        loop.wait()


def spawn(runtime: Runtime, code: Path, runtime_port: int) -> subprocess.Popen[bytes]:
    """One runtime without limits or isolation, but with its files where Lambda has them."""
    version = FunctionVersion(
        account_id="000000000000",
        region="us-east-1",
        name="bare",
        runtime=runtime.identifier,
        handler="lambda_function.handler",
        role="",
        timeout_seconds=3,
        memory_mib=1769,
        ephemeral_storage_mib=512,
        code_sha256="",
        code_bytes=0,
        revision_id="",
        configuration_id="",
        last_modified="",
    )
    variables = defined_variables(
        version,
        runtime,
        log_stream="bare",
        runtime_api=f"127.0.0.1:{runtime_port}",
        credentials=Credentials(access_key_id="a", secret_access_key="b", session_token="c"),
    )
    mounts = [(code, "/var/task"), *runtime.mounts()]
    argv = runtime.command(
        task_root=code, layers_root=None, memory_mib=version.memory_mib, variables=variables
    )
    return subprocess.Popen(
        [
            *("bwrap", "--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc"),
            *(
                argument
                for name in ("bin", "lib", "lib64", "sbin")
                if Path("/", name).exists()
                for argument in ("--ro-bind", f"/{name}", f"/{name}")
            ),
            *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--die-with-parent"),
            *(argument for source, target in mounts for argument in ("--ro-bind", source, target)),
            *("--chdir", "/var/task", "--", *argv),
        ],
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # it complains when the benchmark is over
    )


def load(port: int, path: str, connections: int, requests: int) -> dict[str, float]:
    """One run of the load generator, in a process of its own."""
    arguments = [str(port), path, str(connections), str(requests)]
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", *arguments],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    )
    figures: dict[str, float] = json.loads(answer.stdout)
    return figures


def python_runtime() -> Runtime:
    """The newest Python runtime that is ready here."""
    ready = [
        each
        for each in find_runtimes(data_home() / "runtimes").values()
        if each.family == "python" and each.is_runnable
    ]
    if not ready:
        raise SystemExit(
            "no Python runtime is ready; install one: lambent runtime install python3.11"
        )
    wanted = os.environ.get("BENCHMARK_RUNTIME")
    return next((each for each in ready if each.identifier == wanted), ready[-1])


def spawn_until_next(runtime: Runtime, code: Path) -> float:
    """Milliseconds from the start of a plain process to its first request for an invocation."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        started = time.perf_counter()
        process = spawn(runtime, code, listener.getsockname()[1])
        try:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
            return (time.perf_counter() - started) * 1000
        finally:
            process.kill()
            process.wait()
