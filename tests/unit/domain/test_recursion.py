from __future__ import annotations

import pytest

from lambent.domain.recursion import RecursionConfig, ends_loops, loop_detected
from lambent.domain.trace import continue_trace

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:around"
BETWEEN = "arn:aws:lambda:us-east-1:123456789012:function:between"


@pytest.mark.parametrize("circle", [[FUNCTION], [FUNCTION, BETWEEN], [BETWEEN, FUNCTION]])
def test_the_seventeenth_invocation_in_one_chain_is_one_too_many(circle):
    header = None
    for _ in range(16):
        for function in circle:
            header = continue_trace(header, function)
            assert not loop_detected(header)
    assert loop_detected(continue_trace(header, FUNCTION))


def test_many_invocations_from_one_are_no_loop():
    header = continue_trace(None, FUNCTION)
    assert not any(loop_detected(continue_trace(header, BETWEEN)) for _ in range(100))


@pytest.mark.parametrize(
    ("recursive_loop", "ends"), [(None, True), ("Terminate", True), ("Allow", False)]
)
def test_loops_end_unless_they_are_allowed(recursive_loop, ends):
    config = recursive_loop and RecursionConfig(
        account_id="123456789012",
        region="us-east-1",
        name="around",
        revision_id="1",
        recursive_loop=recursive_loop,
    )
    assert ends_loops(config) is ends
