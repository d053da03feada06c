"""Hooks of `snapshot_restore_py`: before a snapshot, and after an environment is restored from it.

https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
"""

from __future__ import annotations

import pytest

CODE = """
import os
from snapshot_restore_py import register_after_restore, register_before_snapshot

seen = []
register_before_snapshot(seen.append, "before, registered first")
register_before_snapshot(seen.append, "before, registered second")
register_after_restore(seen.append, "after, registered first")
register_after_restore(seen.append, "after, registered second")

def handler(event, context):
    return {"seen": seen, "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]}
"""

with_snap_start = pytest.mark.parametrize("runtime", ["python3.12", "python3.13"])


@with_snap_start
def test_hooks_do_not_run_without_a_snapshot(function, runtime):
    assert function(runtime, {"main.py": CODE}).call() == {"seen": [], "type": "on-demand"}


@with_snap_start
def test_they_run_once_each_in_their_order(function, runtime):
    """With a snapshot where starts are fast, and where there is none, as plain starts have it."""
    made = function(runtime, {"main.py": CODE}, SnapStart={"ApplyOn": "PublishedVersions"})
    made.client.publish_version(FunctionName=made.name)
    made.client.get_waiter("published_version_active").wait(
        FunctionName=made.name, Qualifier="1", WaiterConfig={"Delay": 0.05, "MaxAttempts": 600}
    )
    assert made.call(Qualifier="1") == {
        "seen": [
            "before, registered second",
            "before, registered first",
            "after, registered first",
            "after, registered second",
        ],
        "type": "snap-start",
    }
