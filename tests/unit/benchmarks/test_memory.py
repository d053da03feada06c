from __future__ import annotations

import os
import subprocess

from benchmarks.memory import (
    descendants,
    field_kib,
    peak_mib,
    proportional_mib,
    reset_peak,
    used_mib,
)


def test_descendants_are_found_through_every_generation() -> None:
    parents = {2: 1, 3: 2, 4: 3, 5: 1, 6: 99}
    assert descendants(parents, 2) == {3, 4}
    assert descendants(parents, 1) == {2, 3, 4, 5}
    assert descendants(parents, 6) == set()


def test_a_process_that_is_its_own_parent_does_not_keep_the_search_going() -> None:
    assert descendants({1: 1, 2: 1}, 1) == {1, 2}


def test_a_field_is_read_by_its_whole_name() -> None:
    text = "Pss_Dirty:    7 kB\nPss:      1234 kB\nSwapPss:   9 kB\n"
    assert field_kib(text, "Pss") == 1234
    assert field_kib("", "Pss") == 0


def test_a_peak_is_the_most_since_it_was_reset() -> None:
    before = reset_peak(os.getpid())
    bytearray(b"x") * (32 << 20)  # held for a moment
    assert peak_mib(os.getpid()) - before > 30
    assert reset_peak(os.getpid()) > 1
    assert peak_mib(os.getpid()) - before < 30


def test_what_a_child_has_is_below_and_not_in_its_parent() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE):
        own, below = proportional_mib(os.getpid())
    assert own > 1
    assert below > 0


def test_a_process_that_is_gone_has_nothing() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    assert proportional_mib(process.pid) == (0, 0)
    assert used_mib() > 0
