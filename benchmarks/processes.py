"""What Lambent is compared with: the bare loop, plain processes and containers of runc."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.functions import FULL_CPU_MIB
from lambent.domain.function import FunctionVersion
from lambent.execution_environment.runtimes.installed_runtimes import find_runtimes
from lambent.execution_environment.variables import defined_variables
from lambent.server.settings import data_home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.functions import Function
    from lambent.execution_environment.runtimes.runtime import Runtime

    Start = Callable[[int], AbstractContextManager[None]]  # with the port of the Runtime API

ROOT = Path(__file__).parent.parent

_START_SECONDS = 60
_HOST_DIRECTORIES = ("/usr", "/etc", "/bin", "/lib", "/lib64", "/sbin")


def newest_runtime(family: str) -> Runtime | None:
    """The newest runtime of a family that is ready here, or the one BENCHMARK_RUNTIME names."""
    ready = [
        each
        for each in find_runtimes(data_home() / "runtimes").values()
        if each.family == family and each.is_runnable
    ]
    wanted = os.environ.get("BENCHMARK_RUNTIME")
    return next((each for each in ready if each.identifier == wanted), ready[0] if ready else None)


# The bare loop


@contextlib.contextmanager
def bare_loop(
    function: Function, processes: int, program: str = "benchmarks.bare_loop"
) -> Iterator[int]:
    """The bare loop with this many processes of the function; gives its port."""
    invoke_port, runtime_port = _free_port(), _free_port()
    loop = subprocess.Popen(
        [sys.executable, "-m", program, str(invoke_port), str(runtime_port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert loop.stdout is not None
    loop.stdout.readline()
    try:
        with ExitStack() as stack:
            start = stack.enter_context(plain_spawns(function))
            for _ in range(processes):
                stack.enter_context(start(runtime_port))
            yield invoke_port
    finally:
        loop.kill()
        loop.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def load(
    port: int,
    path: str,
    *,
    connections: int,
    requests: int,
    at_once: int | None = None,
    event: dict[str, object] | None = None,
    is_queued: bool = False,
) -> dict[str, Any]:
    """One run of the load generator, in a process of its own."""
    options = {
        "connections": connections,
        "requests": requests,
        "at_once": at_once or connections,
        "event": event or {"key": "value"},
        "is_queued": is_queued,
    }
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", str(port), path, json.dumps(options)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    )
    figures: dict[str, Any] = json.loads(answer.stdout)
    return figures


# Starts


def until_next(start: Start, count: int = 1) -> float:
    """Milliseconds from the start of so many at once until each has asked for an invocation."""
    started = time.perf_counter()
    with waiting_for_next(start, count):
        return (time.perf_counter() - started) * 1000


@contextlib.contextmanager
def waiting_for_next(start: Start, count: int) -> Iterator[None]:
    """So many processes that all wait for their first invocation."""
    with socket.create_server(("127.0.0.1", 0), backlog=count) as listener, ExitStack() as stack:
        listener.settimeout(_START_SECONDS)
        for _ in range(count):
            stack.enter_context(start(listener.getsockname()[1]))
        for _ in range(count):
            connection, _ = listener.accept()
            stack.enter_context(connection).recv(4096)
        yield


@contextlib.contextmanager
def plain_spawns(function: Function) -> Iterator[Start]:
    """Its runtime without limits or isolation, but with its files where Lambda has them."""
    with tempfile.TemporaryDirectory() as directory:
        function.lay_out(Path(directory))

        @contextlib.contextmanager
        def start(port: int) -> Iterator[None]:
            command, variables = plain_command(function, Path(directory), port)
            with subprocess.Popen(
                command,
                env=variables,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # it complains when the benchmark is over
            ) as process:
                try:
                    yield
                finally:
                    process.kill()

        yield start


def plain_command(function: Function, code: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """What starts a process of the function whose files are at `code`, and its environment."""
    argv, variables = _command(function, code, port)
    return [*_bubblewrap(function, code), *argv], variables


def _bubblewrap(function: Function, code: Path) -> list[str]:
    command = ["bwrap", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--die-with-parent"]
    for source, target in _mounts(function, code):
        command += ["--ro-bind", source, target]
    return [*command, "--chdir", "/var/task", "--"]


@contextlib.contextmanager
def runc_spawns(function: Function) -> Iterator[Start]:
    """The same in a container of `runc run`, in the host's network."""
    with tempfile.TemporaryDirectory() as directory:
        code, state = Path(directory, "code"), str(Path(directory, "state"))
        code.mkdir()
        function.lay_out(code)

        @contextlib.contextmanager
        def start(port: int) -> Iterator[None]:
            name = f"lambent-benchmark-{uuid.uuid4()}"
            bundle = Path(directory, name)
            bundle.joinpath("rootfs").mkdir(parents=True)
            bundle.joinpath("config.json").write_text(json.dumps(_container(function, code, port)))
            with subprocess.Popen(
                ["runc", "--root", state, "run", "--bundle", str(bundle), name],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ):
                try:
                    yield
                finally:
                    subprocess.run(
                        ["runc", "--root", state, "delete", "--force", name],
                        check=True,
                        stderr=subprocess.DEVNULL,
                    )

        yield start


def why_not_runc() -> str | None:
    """Why nothing can be compared with runc here, if so."""
    if shutil.which("runc") is None:
        return "runc is not installed: apt-get install runc"
    return None if os.geteuid() == 0 else "runc is compared with as root only"


def _container(function: Function, code: Path, port: int) -> dict[str, object]:
    """https://github.com/opencontainers/runtime-spec/blob/main/config.md"""
    argv, variables = _command(function, code, port)
    mounts: list[dict[str, object]] = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"},
    ]
    mounts += [
        {"destination": target, "type": "bind", "source": source, "options": ["bind", "ro"]}
        for source, target in _mounts(function, code)
    ]
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": list(argv),
            "env": [f"{name}={value}" for name, value in variables.items()],
            "cwd": "/var/task",
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "mounts": mounts,
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")],
            "resources": {
                "memory": {"limit": FULL_CPU_MIB << 20},
                "cpu": {"quota": 100_000, "period": 100_000},
                "pids": {"limit": 1024},
            },
        },
    }


def _mounts(function: Function, code: Path) -> list[tuple[str, str]]:
    """What it sees of the host's, and where, in mount order."""
    mounts = [(each, each) for each in _HOST_DIRECTORIES if Path(each).exists()]
    mounts.append((str(code), "/var/task"))
    return mounts + [(str(source), target) for source, target in function.runtime.mounts()]


def _command(function: Function, code: Path, port: int) -> tuple[tuple[str, ...], dict[str, str]]:
    version = FunctionVersion(
        account_id="000000000000",
        region="us-east-1",
        name=function.name,
        runtime=function.runtime.identifier,
        handler=function.handler,
        role="",
        timeout_seconds=3,
        memory_mib=FULL_CPU_MIB,
        ephemeral_storage_mib=512,
        code_sha256="",
        code_bytes=0,
        revision_id="",
        configuration_id="",
        last_modified="",
    )
    variables = defined_variables(
        version,
        function.runtime,
        log_stream="bare",
        runtime_api=f"127.0.0.1:{port}",
        credentials={"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"},
    )
    argv = function.runtime.command(
        task_root=code, layers_root=None, memory_mib=FULL_CPU_MIB, variables=variables
    )
    return argv, variables
