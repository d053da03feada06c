"""A long run of functions that crash, hang and change, and a look at what it leaves behind.

    python -m benchmarks.soak --invocations 20000

ends with a verdict: every answer was right, and no process, cgroup, mount, network namespace,
socket, descriptor or file is left, nor has the server grown. The steps follow from the seed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from tests.support import leftovers
from tests.support.functions import zipped
from tests.support.server import ROLE, RunningServer, run_lambent, running_server

from benchmarks.soak_plan import (
    EXTENSION,
    Function,
    Step,
    make_functions,
    make_steps,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT = {"Delay": 0.05, "MaxAttempts": 1200}
OPTIONS = ("--max-environments", "40", "--idle-seconds", "15", "--log-level", "warning")
# What a heap may do in a long run without anything being lost.
GROWTH_MIB, GROWTH_SHARE = 16, 0.15
LEAST_TO_TELL = 4000  # invocations, before growth means anything
PROGRESS_SECONDS = 5
# Around an answer that should not have been, once it is in the log.
LOG_SECONDS, LOG_LINES = 2, 8


@dataclass
class Run:
    """What happens, for everybody to add to."""

    client: Any
    logs: Any
    layer: str
    marks: dict[str, int] = field(default_factory=dict)  # of the newest code that is in force
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    updates: dict[str, threading.Lock] = field(default_factory=dict)

    def note(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def complain(self, step: Step, what: object) -> None:
        with self.lock:
            self.wrong.append(f"{step.function.name} {step.action} {step.value}: {what}")


# Functions and steps


def create(run: Run, function: Function, mark: int) -> None:
    layers = {"Layers": [run.layer]} if function.has_extension else {}
    run.client.create_function(
        FunctionName=function.name,
        Runtime=function.runtime,
        Handler="main.handler",
        Role=ROLE,
        MemorySize=function.memory_mib,
        Timeout=function.timeout_seconds,
        Code={"ZipFile": zipped(function.source(mark))},
        **layers,
    )
    run.client.get_waiter("function_active_v2").wait(FunctionName=function.name, WaiterConfig=WAIT)
    run.marks[function.name] = mark


def publish_extension(client: Any) -> str:
    files = {"extensions/soak-extension": EXTENSION}
    answer = client.publish_layer_version(
        LayerName="soak-extension",
        Content={"ZipFile": zipped(files, ("extensions/soak-extension",))},
    )
    return str(answer["LayerVersionArn"])


def take(run: Run, step: Step) -> None:
    """One step; whatever is not as it should be becomes a complaint."""
    try:
        if step.action in ("update_code", "update_configuration", "recreate"):
            with run.updates[step.function.name]:
                change(run, step)
        else:
            invoke(run, step)
    except Exception as error:  # noqa: BLE001  # the run goes on, and its verdict says it
        run.complain(step, repr(error))
    with run.lock:
        run.done += 1


def change(run: Run, step: Step) -> None:
    name = step.function.name
    mark = run.marks[name] + 1
    if step.action == "recreate":
        run.client.delete_function(FunctionName=name)
        create(run, step.function, mark)
    elif step.action == "update_code":
        run.client.update_function_code(
            FunctionName=name, ZipFile=zipped(step.function.source(mark))
        )
        wait_updated(run, name)
        run.marks[name] = mark
    else:
        run.client.update_function_configuration(
            FunctionName=name, Environment={"Variables": {"STEP": str(mark)}}
        )
        wait_updated(run, name)
    run.note(step.action)


def wait_updated(run: Run, name: str) -> None:
    run.client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=WAIT)


def invoke(run: Run, step: Step) -> None:
    least_mark = run.marks[step.function.name]
    answer = answered(run, step)
    payload = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        check_error(run, step, answer["ResponseMetadata"]["RequestId"], payload)
        return
    run.note(f"{step.action}: answered")
    expected = "x" * (100_000 + step.value) if step.action == "big" else step.value
    if step.action in ("fail", "leave", "crash", "hoard", "sleep"):
        run.complain(step, f"answered {payload}")
    elif payload["answer"] != expected or payload["mark"] < least_mark:
        run.complain(step, f"answered {str(payload)[:200]}, of mark {least_mark} at least")


def answered(run: Run, step: Step) -> Any:
    """Invoke's answer, after as many throttles as there may be."""
    event = json.dumps({"do": step.action, "with": step.value})
    while True:
        try:
            return run.client.invoke(FunctionName=step.function.name, Payload=event)
        except ClientError as error:
            if error.response["Error"]["Code"] != "TooManyRequestsException":
                raise
            run.note("throttled")
            time.sleep(0.1)


def check_error(run: Run, step: Step, request_id: str, payload: Any) -> None:
    error_type = payload["errorType"]
    run.note(f"{step.action}: {error_type}")
    if error_type not in step.function.errors(step.action):
        run.complain(step, f"{payload}\n{''.join(told(run, step, request_id))}")


def told(run: Run, step: Step, request_id: str) -> list[str]:
    """The log of the environment that had this invocation, around it."""
    time.sleep(LOG_SECONDS)
    pages = run.logs.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{step.function.name}"
    )
    events = [event for page in pages for event in page["events"]]
    stream = next((each["logStreamName"] for each in events if request_id in each["message"]), "")
    own = [
        f"    {each['message'].rstrip()}\n" for each in events if each["logStreamName"] == stream
    ]
    where = [number for number, message in enumerate(own) if request_id in message] or [0]
    return own[max(0, where[0] - LOG_LINES) : where[-1] + LOG_LINES]


# The server


def status_mib(server: RunningServer, name: str = "VmRSS") -> float:
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def sockets(server: RunningServer) -> int:
    files = Path(f"/proc/{server.process.pid}/fd").iterdir()
    return sum(_target(file).startswith("socket:") for file in files)


def _target(file: Path) -> str:
    try:
        return str(file.readlink())
    except OSError:
        return ""


@dataclass(frozen=True)
class Holdings:
    """What a server at rest has."""

    snapshot: leftovers.Snapshot
    sockets: int

    @classmethod
    def of(cls, server: RunningServer) -> Holdings:
        return cls(leftovers.settled(server), sockets(server))


def left_over(server: RunningServer, before: Holdings) -> list[str]:
    """What is there now and was not before, once the server had time to put things away."""
    found = []
    try:
        leftovers.wait_back(server, before.snapshot)
    except AssertionError as error:
        found.append(str(error))
    deadline = time.monotonic() + 30
    while sockets(server) > before.sockets and time.monotonic() < deadline:
        time.sleep(0.2)
    if sockets(server) > before.sockets:
        found.append(f"{sockets(server) - before.sockets} sockets")
    return found


# The run


def runtimes() -> list[str]:
    """One function after the other is of these: what is installed of them."""
    listed = json.loads(run_lambent("runtime", "list", "--json").stdout)
    ready = {each["runtime"] for each in listed if each["unavailable_because"] is None}
    wanted = ["python3.10", "nodejs20.x", "python3.12", "nodejs22.x", "python3.13"]
    found = [each for each in wanted if each in ready]
    if not found:
        raise SystemExit("no runtime is installed: lambent runtime install python3.12")
    return found


def work(run: Run, steps: list[list[Step]], server: RunningServer) -> list[float]:
    """All steps, a thread for each client; the server's memory now and then, in MiB."""
    total = sum(map(len, steps))
    memory = []
    with ThreadPoolExecutor(len(steps)) as clients:
        started = time.monotonic()
        tasks = [clients.submit(_follow, run, each) for each in steps]
        while not all(task.done() for task in tasks):
            time.sleep(PROGRESS_SECONDS if total > LEAST_TO_TELL else 1)
            memory.append(status_mib(server))
            rate = run.done / (time.monotonic() - started)
            print(
                f"{run.done:>7} of {total}  {rate:6.0f}/s  {memory[-1]:6.1f} MiB  "
                f"{len(run.wrong)} wrong",
                flush=True,
            )
    return memory


def _follow(run: Run, steps: list[Step]) -> None:
    for step in steps:
        take(run, step)


def growth(memory: list[float], invocations: int) -> str | None:
    """How the server has grown between the first third of the run and its end, if it has."""
    if invocations < LEAST_TO_TELL or len(memory) < 9:
        return None
    early, late = max(memory[: len(memory) // 3]), memory[-1]
    if late - early <= GROWTH_MIB + early * GROWTH_SHARE:
        return None
    return f"from {early:.0f} to {late:.0f} MiB"


def soak(options: argparse.Namespace, server: RunningServer) -> list[str]:
    """What is wrong after the run."""
    before = Holdings.of(server)
    client = server.client()
    run = Run(client, server.client("logs"), publish_extension(client))
    functions = make_functions(options.functions, runtimes())
    for function in functions:
        run.updates[function.name] = threading.Lock()
        create(run, function, 0)
    steps = make_steps(functions, options.invocations, options.clients, options.seed)
    memory = work(run, steps, server)
    for function in functions:
        client.delete_function(FunctionName=function.name)
    client.delete_layer_version(LayerName="soak-extension", VersionNumber=1)
    for each in server.clients.values():
        each.close()
    print("\n".join(f"{count:>7}  {what}" for what, count in sorted(run.counts.items())))
    found = [*run.wrong, *left_over(server, before)]
    if grown := growth(memory, options.invocations):
        found.append(f"the server has grown {grown}")
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--invocations", type=int, default=20_000)
    arguments.add_argument("--functions", type=int, default=50)
    arguments.add_argument("--clients", type=int, default=8)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("server_options", nargs="*", help="of lambent serve, after --")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory, "data")
        with running_server(data, *OPTIONS, *options.server_options) as server:
            found = soak(options, server)
            is_alive = server.process.poll() is None
            said = complaints(server)
    found += said if is_alive else ["the server has ended", *said]
    print("\n".join(["", "wrong:", *found[:50]] if found else ["", "verdict: nothing is left"]))
    sys.exit(bool(found))


def complaints(server: RunningServer) -> list[str]:
    """What the server itself said at the level of a warning or above."""
    return [f"the server said: {line}" for line in _lines(server.log) if "Traceback" in line]


def _lines(log: Path) -> Iterator[str]:
    yield from log.read_text().splitlines()


if __name__ == "__main__":
    main()
