from __future__ import annotations

import os
from contextlib import ExitStack

import pytest

from lambent.sandbox import pipes
from lambent.sandbox.sandbox import SandboxStartFailed


@pytest.fixture
def ends():
    with ExitStack() as results, ExitStack() as ours:
        theirs = ExitStack()
        yield pipes.open_pipes(results, ours, theirs), theirs
        theirs.close()


def test_the_sign_of_life_is_taken_from_the_telemetry(ends):
    opened, _ = ends
    os.write(opened.telemetry_end, b"\nmore")
    pipes.wait_for_shell(opened)
    assert os.read(opened.telemetry, 9) == b"more"


def test_a_failed_start_is_told_in_its_own_words(ends):
    opened, theirs = ends
    os.write(opened.output_end, b"bwrap: no\n")
    theirs.close()
    with pytest.raises(SandboxStartFailed, match=r"^bwrap: no$"):
        pipes.wait_for_shell(opened)


def test_a_silent_failure_is_told_too(ends):
    opened, theirs = ends
    theirs.close()
    with pytest.raises(SandboxStartFailed, match="ended before its command began"):
        pipes.wait_for_shell(opened)


def test_ours_never_block_and_none_is_inherited(ends):
    opened, _ = ends
    for descriptor in (opened.output, opened.telemetry):
        assert not os.get_blocking(descriptor)
        assert not os.get_inheritable(descriptor)
