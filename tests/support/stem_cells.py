"""Making sure that a test's function begins in a stem cell."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

from tests.support.functions import WHOLE_CPU, deploy
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.server import RunningServer

_CODE = {
    "python": ({"index.py": "def handler(event, context):\n    pass\n"}, "index.handler"),
    "nodejs": ({"index.mjs": "export const handler = async () => {};\n"}, "index.handler"),
}


def stem_cells(server: RunningServer) -> dict[str, int]:
    """How many are ready, by runtime identifier."""
    with urllib.request.urlopen(f"{server.url}/health") as answer:
        ready: dict[str, int] = json.load(answer)["stem_cells"]
        return ready


def stock(server: RunningServer, runtime: str) -> None:
    """Wait for stem cells of a runtime, for functions that have a whole processor."""
    if stem_cells(server).get(runtime):
        return
    files, handler = _CODE[runtime.rstrip("0123456789.x")]
    primer = deploy(server, files, runtime=runtime, handler=handler, **WHOLE_CPU)
    primer.call()
    primer.client.delete_function(FunctionName=primer.name)
    eventually(lambda: stem_cells(server).get(runtime), f"stem cells of {runtime}")
