from __future__ import annotations

import pytest

from lambent.sandbox import users


@pytest.fixture
def ids():
    block = users.UserIds()
    yield block
    block.close()


def test_two_servers_never_share_an_id(ids):
    other = users.UserIds()
    assert abs(ids.take() - other.take()) >= users._BLOCK
    other.close()


def test_an_id_is_reused_only_when_released_and_no_other_is_left(ids):
    taken = [ids.take() for _ in range(users._BLOCK)]
    assert len(set(taken)) == users._BLOCK
    assert max(taken) < 2**31
    with pytest.raises(RuntimeError):
        ids.take()
    ids.release(taken[5])
    assert ids.take() == taken[5]
