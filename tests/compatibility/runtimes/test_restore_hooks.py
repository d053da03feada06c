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
