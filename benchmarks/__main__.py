"""Lambent beside the least programs that could do the same, on this machine, in one run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.asynchronous import asynchronous
from benchmarks.cold import bursts, cold
from benchmarks.control_plane import control_plane
from benchmarks.figures import record, text
from benchmarks.idle import frozen, memory, provisioned
from benchmarks.processes import newest_runtime
from benchmarks.rie import rie
from benchmarks.streaming import streaming
from benchmarks.warm import warm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.figures import Figures, Skipped
    from lambent.execution_environment.runtimes.runtime import Runtime

    Part = Callable[[], Iterator[Figures | Skipped]]

PARTS = (
    "warm",
    "rie",
    "streaming",
    "asynchronous",
    "cold",
    "bursts",
    "frozen",
    "provisioned",
    "memory",
    "control-plane",
)


def main() -> None:
    options = read_options()
    python = newest_runtime("python")
    if python is None:
        raise SystemExit("no Python runtime is ready; install one: lambent runtime install")
    started = time.monotonic()
    records = []
    if not options.json:
        print(f"{machine()}, {python.identifier}\n", flush=True)
    for name, part in parts(options, python).items():
        for result in part() if name in options.only else ():
            records.append(record(result))
            if not options.json:
                print(text(result), flush=True)
    seconds = round(time.monotonic() - started)
    if options.json:
        about = {"machine": machine(), "runtime": python.identifier, "seconds": seconds}
        print(json.dumps(about | {"results": records}, indent=2))
    else:
        print(f"{seconds} seconds")


def read_options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3, help="of each warm load, in turn")
    arguments.add_argument("--requests", type=int, default=6000, help="of each warm load")
    arguments.add_argument("--streams", type=int, default=500, help="one after the other")
    arguments.add_argument("--streams-at-once", type=int, default=200, help="each of a function")
    arguments.add_argument("--events", type=int, default=100_000, help="that wait in a long queue")
    arguments.add_argument("--cold-starts", type=int, default=30, help="of each kind")
    arguments.add_argument("--bursts", type=int, default=2, help="of 100 calls each")
    arguments.add_argument("--idle-calls", type=int, default=50, help="after a freeze, and without")
    arguments.add_argument("--provisioned", type=int, default=20, help="versions to provision")
    arguments.add_argument(
        "--idle-environments",
        type=int,
        default=50,
        help="whose memory is measured; 1000 takes three minutes more",
    )
    arguments.add_argument("--functions", type=int, default=10_000, help="to read one or a page of")
    arguments.add_argument("--reads", type=int, default=1000, help="of a function, and of a page")
    arguments.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="some parts")
    arguments.add_argument("--json", action="store_true", help="print one JSON object at the end")
    return arguments.parse_args()


def parts(options: argparse.Namespace, python: Runtime) -> dict[str, Part]:
    return {
        "warm": partial(warm, python, options.rounds, options.requests),
        "rie": partial(rie, python, options.rounds, options.requests),
        "streaming": partial(streaming, options.streams, options.streams_at_once),
        "asynchronous": partial(
            asynchronous, python, options.rounds, options.requests, options.events
        ),
        "cold": partial(cold, python, options.cold_starts),
        "bursts": partial(bursts, python, options.bursts),
        "frozen": partial(frozen, python, options.idle_calls),
        "provisioned": partial(provisioned, python, options.provisioned),
        "memory": partial(memory, python, options.idle_environments),
        "control-plane": partial(control_plane, python, options.functions, options.reads),
    }


def machine() -> str:
    return f"{platform.system()} {platform.release()}, {os.cpu_count()} processors"


if __name__ == "__main__":
    main()
