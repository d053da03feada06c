"""AWS's SDK for JavaScript, version 3, as a client of a running server."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.packages import npm_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.server import RunningServer

_PROJECT = Path(__file__).with_name("javascript")
_SECONDS = 120  # for all of an invocation; nothing here takes long


@contextlib.contextmanager
def streamed_invocation(server: RunningServer, **request: Any) -> Iterator[Iterator[Any]]:
    """InvokeWithResponseStream; gives what is read, when it is.

    First the `status` and `version`; then each `chunk` or `InvokeComplete`. In their place comes an
    `error` with its `message` and `status`.
    """
    packages = npm_project(_PROJECT)
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    configuration = {
        "endpoint": server.url,
        "region": "us-east-1",
        "credentials": {"accessKeyId": "test", "secretAccessKey": "test"},
        "maxAttempts": 1,
    }
    command = [node, "--no-warnings", str(_PROJECT / "invoke_with_response_stream.js")]
    process = subprocess.Popen(
        [*command, json.dumps(configuration), json.dumps(request)],
        env={"PATH": os.environ["PATH"], "NODE_PATH": str(packages / "node_modules")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield map(json.loads, process.stdout)
        process.wait(_SECONDS)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
