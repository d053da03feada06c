"""A short soak: the same as `python -m benchmarks.soak`, which does it for longer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lambent.sandbox import host

ROOT = Path(__file__).parents[3]
# What is idle goes soon, so that the end need not be waited for.
SHORT = ("--invocations", "300", "--functions", "20", "--clients", "4", "--", "--idle-seconds", "2")


@pytest.mark.timeout(300)
def test_crashes_and_changes_leave_nothing_behind():
    missing = [each.detail for each in host.probe_essentials() if each.state == "missing"]
    if missing:
        pytest.skip(f"this host has no sandboxes: {missing}")
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", *SHORT],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, f"{finished.stdout}{finished.stderr}"
