from __future__ import annotations

import pytest

from lambent.protocol.body_budget import BodyBudget
from lambent.server.connection_bounds import AllConnections, ConnectionBounds


@pytest.fixture
def both():
    """Those of two sockets."""
    within = AllConnections(limit=3, budget=BodyBudget(limit_bytes=15))
    return [ConnectionBounds(connections=2, body_bytes=10, within=within) for _ in range(2)]


def test_a_socket_has_so_many_connections_and_all_together_so_many(both):
    first, second = both
    assert [first.admit() for _ in range(3)] == [True, True, False]
    assert [second.admit() for _ in range(2)] == [True, False]
    first.leave()
    assert second.admit()
    assert not first.admit()


def test_what_may_be_held_is_for_the_connections_of_a_socket_and_for_all(both):
    first, second = (each.budget for each in both)
    assert first.take(6)
    assert not first.take(5)
    assert second.take(9)
    assert not first.take(1)
    second.give_back(9)
    assert first.take(1)
