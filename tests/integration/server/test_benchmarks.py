"""That the benchmarks still run; what they find out is for nobody to assert."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.server import newest_runtime

ROOT = Path(__file__).parents[3]


@pytest.mark.timeout(300)  # two servers and twenty processes to start, perhaps on a busy machine
def test_a_small_run_compares_everything_with_something() -> None:
    newest_runtime("python")
    options = ("--rounds", "1", "--requests", "32", "--idle-calls", "1")
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--json", *options, "--only", "warm", "frozen"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    results = json.loads(run.stdout)["results"]
    assert len(results) == 7
    for result in results:
        _, *compared = result["subjects"].values()
        assert compared
        assert all(each["p50"]["ratios"] for each in compared)


@pytest.mark.timeout(120)
def test_a_small_run_reads_of_more_functions_than_a_page_has() -> None:
    newest_runtime("python")
    options = ("--functions", "60", "--reads", "2")
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--json", *options, "--only", "control-plane"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    one, page = json.loads(run.stdout)["results"]
    for result in (one, page):
        assert list(result["subjects"]) == ["of 50 functions", "of 60 functions"]
        assert result["unit"] == "ms"


@pytest.mark.timeout(120)
def test_a_small_run_streams_beside_the_least_program() -> None:
    newest_runtime("provided")
    options = ("--streams", "2", "--streams-at-once", "4")
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--json", *options, "--only", "streaming"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    results = json.loads(run.stdout)["results"]
    compared = ["bare stream", "lambent, by Invoke", "lambent, function URL"]
    many = ["in new environments", "in warm environments"]
    assert [(each["unit"], list(each["subjects"])) for each in results] == [
        ("MiB", ["fast reader", "slow reader"]),
        ("us", compared),
        ("MiB/s", compared),
        ("ms", many),
        ("ms", many[1:]),
    ]
