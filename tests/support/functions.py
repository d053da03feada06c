"""Deployment packages and functions made by tests."""

from __future__ import annotations

import io
import itertools
import json
import os
import stat
import urllib.request
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.server import ROLE, RunningServer

if TYPE_CHECKING:
    from collections.abc import Mapping

# The memory that comes with a whole processor: tests need not wait for a small share of one.
WHOLE_CPU: Mapping[str, Any] = {"MemorySize": 1769}
_numbers = itertools.count()


def zipped(files: Mapping[str, str | bytes], executable: tuple[str, ...] = ("bootstrap",)) -> bytes:
    """A deployment package of these files; those named `executable` get the bit."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            mode = 0o755 if name in executable else 0o644
            entry.external_attr = (stat.S_IFREG | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            writer.writestr(entry, content)
    return archive.getvalue()


@dataclass
class Deployed:
    """A function of a test's, ready to be invoked."""

    name: str
    server: RunningServer
    client: Any

    def invoke(self, event: object = None, **options: Any) -> Any:
        return self.client.invoke(
            FunctionName=self.name, Payload=json.dumps({} if event is None else event), **options
        )

    def environments(self) -> list[dict[str, Any]]:
        """What `lambent ps` shows of it."""
        url = f"{self.server.url}/_lambent/environments?function={self.name}"
        with urllib.request.urlopen(url) as answer:
            listed: list[dict[str, Any]] = json.load(answer)["environments"]
        return listed

    def call(self, event: object = None, **options: Any) -> Any:
        """Invoke, insist on success, and give what the function returned."""
        answer = self.invoke(event, **options)
        payload = answer["Payload"].read()
        assert "FunctionError" not in answer, payload
        return json.loads(payload)

    def fail(self, event: object = None, **options: Any) -> Any:
        """Invoke, insist on a function error, and give its payload."""
        answer = self.invoke(event, **options)
        payload = json.loads(answer["Payload"].read())
        assert answer.get("FunctionError") == "Unhandled", payload
        return payload


def deploy(
    server: RunningServer,
    files: Mapping[str, str | bytes] | str,
    *,
    runtime: str = "python3.11",
    handler: str = "lambda_function.handler",
    executable: tuple[str, ...] = ("bootstrap",),
    **settings: Any,
) -> Deployed:
    """Create a function and wait until it is active. `files` may be one Python module's text."""
    if isinstance(files, str):
        files = {"lambda_function.py": files}
    client = server.client()
    name = settings.pop("FunctionName", f"test-{os.getpid()}-{next(_numbers)}")
    client.create_function(
        FunctionName=name,
        Runtime=runtime,
        Handler=handler,
        Role=ROLE,
        Code={"ZipFile": zipped(files, executable)},
        **settings,
    )
    client.get_waiter("function_active_v2").wait(
        FunctionName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600}
    )
    return Deployed(name=name, server=server, client=client)
