"""`lambent rie` beside the bare loop, with the same processes of the same function behind both."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Figures
from benchmarks.functions import python_echo
from benchmarks.processes import ROOT, bare_loop, load, plain_command
from benchmarks.server import path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.figures import Rounds
    from benchmarks.functions import Function
    from lambent.execution_environment.runtimes.runtime import Runtime

_WARMING = 800
_LISTENING = "Invoke API listening on "


def rie(runtime: Runtime, rounds: int, requests: int) -> Iterator[Figures]:
    """One client, then eight; one process of the function, then four."""
    function = python_echo(runtime)
    with ExitStack() as stack:
        enter = stack.enter_context
        bare = {
            "bare loop, 1 function": enter(bare_loop(function, 1)),
            "bare loop, 4 functions": enter(bare_loop(function, 4)),
        }
        emulators = {
            f"rie, MAX_CONCURRENCY={count}": enter(_emulator(function, count)) for count in (1, 4)
        }
        for clients in (1, 8):
            yield _rates(function, clients, rounds, requests, bare | emulators)


def _rates(
    function: Function, clients: int, rounds: int, requests: int, ports: Mapping[str, int]
) -> Figures:
    taken: dict[str, Rounds] = {name: [] for name in ports}
    for number in range(1 + rounds):
        is_warming = number == 0
        for name, port in ports.items():
            count = _WARMING if is_warming else requests
            figures = load(port, path(function), connections=clients, requests=count)
            if not is_warming:
                taken[name].append([figures["per_second"]])
    some = "1 client" if clients == 1 else f"{clients} clients"
    return Figures(title=f"rie, echo, {some}: rate", unit="/s", subjects=taken, references=2)


@contextlib.contextmanager
def _emulator(function: Function, max_concurrency: int) -> Iterator[int]:
    """Its port."""
    lambent = str(Path(sys.executable).with_name("lambent"))
    with tempfile.TemporaryDirectory() as directory:
        function.lay_out(Path(directory))
        # What it is told about a Runtime API is for the bare loop's processes.
        command, variables = plain_command(function, Path(directory), port=0)
        told = {
            "INVOKE_API_HOST": "127.0.0.1",
            "MAX_CONCURRENCY": str(max_concurrency),
            "PATH": os.environ["PATH"],
            "PORT": "0",
            "RUNTIME_API_PORT": "0",
        }
        del variables["AWS_LAMBDA_RUNTIME_API"]
        process = subprocess.Popen(
            [lambent, "rie", *command],
            cwd=ROOT,
            env=variables | told,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield _port(process)
        finally:
            process.terminate()
            process.wait()


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if _LISTENING in line:
            # Nobody must ever wait for room in the pipe.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return int(line.rpartition(":")[2])
    raise SystemExit("lambent rie did not start: " + "".join(said))
