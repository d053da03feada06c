from __future__ import annotations

from lambent.server.connection_bounds import Places


def test_so_many_may_be_there_at_once_of_one_and_of_all():
    within = Places(limit=3)
    first, second = (Places(limit=2, within=within) for _ in range(2))
    assert [first.admit() for _ in range(3)] == [True, True, False]
    assert [second.admit() for _ in range(2)] == [True, False]
    first.leave()
    assert second.admit()
    assert not first.admit()
    assert (first.count, second.count, within.count) == (1, 2, 3)
