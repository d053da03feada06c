"""Warm and cold invocations beside the bare loop and a plain spawn, on this machine, in one run."""

from __future__ import annotations

import argparse
import io
import json
import statistics
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from benchmarks.processes import (
    bare_loop,
    lambent_server,
    load,
    python_runtime,
    spawn_until_next,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.execution_environment.runtimes import Runtime

ECHO = "def handler(event, context):\n    return event\n"
PATH = "/2015-03-31/functions/echo/invocations"
FULL_CPU_MIB = 1769


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--requests", type=int, default=6000, help="of each warm run")
    arguments.add_argument("--rounds", type=int, default=3, help="runs of each, taken in turn")
    arguments.add_argument("--cold-starts", type=int, default=30)
    options = arguments.parse_args()
    runtime = python_runtime()
    print(f"runtime {runtime.identifier}; medians of {options.rounds} rounds taken in turn\n")
    with tempfile.TemporaryDirectory() as directory:
        code = Path(directory)
        code.chmod(0o755)
        code.joinpath("lambda_function.py").write_text(ECHO)
        warm(runtime, code, options.rounds, options.requests)
        cold(runtime, code, options.cold_starts)


def warm(runtime: Runtime, code: Path, rounds: int, requests: int) -> None:
    with lambent_server("--log-level", "warning") as port, bare_loop(runtime, code, 4) as bare_port:
        create(port, runtime)
        for port_to_warm in (port, bare_port):
            load(port_to_warm, PATH, 4, 400)
        for connections in (1, 16):
            ours, bare = [], []
            for _ in range(rounds):
                bare.append(load(bare_port, PATH, connections, requests))
                ours.append(load(port, PATH, connections, requests))
            print(f"warm echo, {connections} connection{'s' if connections > 1 else ''}")
            for name, figures in (("bare loop", bare), ("lambent", ours)):
                row = {key: statistics.median(each[key] for each in figures) for key in figures[0]}
                print(
                    f"  {name:10} {row['per_second']:>8.0f}/s  p50 {row['p50_us']:>6.0f} us  "
                    f"p99 {row['p99_us']:>6.0f} us"
                )
            print(
                f"  ratio      rate {ratio(ours, bare, 'per_second'):.2f}   "
                f"p50 {ratio(ours, bare, 'p50_us'):.2f}   p99 {ratio(ours, bare, 'p99_us'):.2f}\n"
            )


def ratio(ours: list[dict[str, float]], bare: list[dict[str, float]], key: str) -> float:
    return statistics.median(a[key] / b[key] for a, b in zip(ours, bare, strict=True))


def cold(runtime: Runtime, code: Path, count: int) -> None:
    """A new environment for every call: its configuration has changed since the last."""
    with lambent_server("--log-level", "warning") as port:
        client = create(port, runtime)
        client.invoke(FunctionName="echo", Payload=b"{}")
        spawned, started = [], []
        for number in range(count):
            spawned.append(spawn_until_next(runtime, code))
            change_configuration(client, number)
            started.append(timed(lambda: client.invoke(FunctionName="echo", Payload=b"{}")))
    print("cold start")
    for name, figures in (("plain spawn until `next`", spawned), ("lambent, whole call", started)):
        print(
            f"  {name:26} p50 {statistics.median(figures):>6.1f} ms  "
            f"p99 {sorted(figures)[int(len(figures) * 0.99)]:>6.1f} ms"
        )
    print(
        f"  ratio of medians           {statistics.median(started) / statistics.median(spawned):.2f}"
    )


def change_configuration(client: Any, number: int) -> None:
    client.update_function_configuration(
        FunctionName="echo", Environment={"Variables": {"NUMBER": str(number)}}
    )
    wait(client, "function_updated_v2")


def timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def create(port: int, runtime: Runtime) -> Any:
    client = boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}),
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("lambda_function.py", ECHO)
    client.create_function(
        FunctionName="echo",
        Runtime=runtime.identifier,
        Handler="lambda_function.handler",
        Role="arn:aws:iam::000000000000:role/benchmark",
        MemorySize=FULL_CPU_MIB,
        Code={"ZipFile": archive.getvalue()},
    )
    wait(client, "function_active_v2")
    assert json.loads(client.invoke(FunctionName="echo", Payload=b"1")["Payload"].read()) == 1
    return client


def wait(client: Any, waiter: str) -> None:
    client.get_waiter(waiter).wait(FunctionName="echo", WaiterConfig={"Delay": 0.02})


if __name__ == "__main__":
    main()
