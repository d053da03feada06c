"""Functions that do as they are told, one per language, and the runtimes they run on."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.server import run_lambent

if TYPE_CHECKING:
    from tests.support.functions import Deployed

PYTHONS = tuple(f"python3.{minor}" for minor in range(8, 14))
NODES = tuple(f"nodejs{major}.x" for major in (16, 18, 20, 22, 24))
# Releases 3 and 4 of Node's client differ, and so do Python's before and since 3.12.
TWO_PYTHONS = ("python3.9", "python3.13")
TWO_NODES = ("nodejs20.x", "nodejs24.x")

every_runtime = pytest.mark.parametrize("runtime", [*PYTHONS, *NODES])
every_python = pytest.mark.parametrize("runtime", PYTHONS)
every_node = pytest.mark.parametrize("runtime", NODES)
two_of_each = pytest.mark.parametrize("runtime", [*TWO_PYTHONS, *TWO_NODES])
two_pythons = pytest.mark.parametrize("runtime", TWO_PYTHONS)
two_nodes = pytest.mark.parametrize("runtime", TWO_NODES)

_FUNCTIONS = Path(__file__).parents[1] / "compatibility/runtimes/functions"


@dataclass
class Program:
    """A function of `functions/python` or `functions/nodejs`, on one runtime."""

    runtime: str
    deployed: Deployed

    @property
    def is_python(self) -> bool:
        return self.runtime.startswith("python")

    def call(self, action: str, argument: object = None, **options: Any) -> Any:
        """Have it do something, insist on success, and give its result."""
        return self.deployed.call({"do": action, "with": argument}, **options)

    def fail(self, action: str, argument: object = None, **options: Any) -> Any:
        """Have it do something, insist on a function error, and give its payload."""
        return self.deployed.fail({"do": action, "with": argument}, **options)

    def invoke(self, action: str, argument: object = None, **options: Any) -> Any:
        """Invoke's whole answer."""
        return self.deployed.invoke({"do": action, "with": argument}, **options)


def program_files(runtime: str) -> dict[str, str]:
    """What a program's deployment package consists of; its handler is `main.handler`."""
    directory = _FUNCTIONS / ("python" if runtime.startswith("python") else "nodejs")
    return {file.name: file.read_text() for file in directory.iterdir() if file.is_file()}


def require_runtime(runtime: str) -> None:
    """Skip the test when functions of this runtime cannot run here, with the reason."""
    reason = _reasons().get(runtime)
    if reason is not None:
        pytest.skip(reason)


@functools.cache
def _reasons() -> dict[str, str | None]:
    listed = json.loads(run_lambent("runtime", "list", "--json").stdout)
    return {each["runtime"]: each["unavailable_because"] for each in listed}
