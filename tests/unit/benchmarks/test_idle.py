from __future__ import annotations

from benchmarks.idle import Memory


def test_what_one_environment_takes_is_what_has_come_with_it() -> None:
    before = Memory(environments=1, below_server=20.0, server=50.0, machine=1000.0)
    after = Memory(environments=11, below_server=60.0, server=51.0, machine=1100.0)
    assert after.each_since(before) == Memory(10, 4.0, 0.1, 10.0)
