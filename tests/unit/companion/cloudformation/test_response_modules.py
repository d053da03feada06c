"""The module beside code in a template."""

from __future__ import annotations

import pytest

from lambent.companion.cloudformation.response_modules import response_modules


@pytest.mark.parametrize(
    ("source", "suffix", "names"),
    [
        ("import cfnresponse", ".py", ["cfnresponse.py"]),
        ("const r = require('cfn-response')", ".js", ["node_modules/cfn-response/index.js"]),
        ("import json", ".py", []),
        ("import 'fs'", ".js", []),
    ],
)
def test_only_code_that_names_it_has_it(source: str, suffix: str, names: list[str]) -> None:
    assert list(response_modules(source, suffix)) == names
