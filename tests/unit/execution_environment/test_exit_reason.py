from __future__ import annotations

import pytest

from lambent.execution_environment.exit_reason import exit_reason, extension_exit_reason
from lambent.sandbox.sandbox import Exit


@pytest.mark.parametrize(
    ("process_exit", "reason"),
    [
        (Exit(code=0, signal=None, is_out_of_memory=False), "without providing a reason"),
        (Exit(code=1, signal=None, is_out_of_memory=False), "with error: exit status 1"),
        (Exit(code=127, signal=None, is_out_of_memory=False), "with error: exit status 127"),
        (Exit(code=None, signal=9, is_out_of_memory=False), "with error: signal: killed"),
        (
            Exit(code=None, signal=11, is_out_of_memory=False),
            "with error: signal: segmentation fault",
        ),
        (Exit(code=None, signal=6, is_out_of_memory=False), "with error: signal: aborted"),
        (Exit(code=None, signal=64, is_out_of_memory=False), "with error: signal: 64"),
        (Exit(code=137, signal=None, is_out_of_memory=True), "with error: signal: killed"),
    ],
)
def test_an_exit_is_told_in_lambda_s_words(process_exit, reason):
    assert exit_reason(process_exit) == f"Runtime exited {reason}"


@pytest.mark.parametrize(
    ("process_exit", "reason"),
    [
        (Exit(code=0, signal=None, is_out_of_memory=False), "exit code 0"),
        (Exit(code=1, signal=None, is_out_of_memory=False), "exit status 1"),
        (Exit(code=None, signal=15, is_out_of_memory=False), "signal: terminated"),
    ],
)
def test_so_is_an_extension_s(process_exit, reason):
    assert extension_exit_reason(process_exit) == reason
