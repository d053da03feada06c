from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts/build-java.py"


def _script() -> Any:
    specification = importlib.util.spec_from_file_location("build_java", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


build_java = _script()


@pytest.mark.parametrize("jar", build_java.JARS, ids=lambda jar: jar.name)
def test_a_jar_is_made_from_the_source_beside_it(jar):
    """When this fails: .venv/bin/python scripts/build-java.py"""
    assert build_java.digest_in(jar) == build_java.source_digest(build_java.JARS[jar])
