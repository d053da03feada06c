from __future__ import annotations

import shutil

from lambent.store.disk_room import DiskRoom


def test_there_is_room_while_more_than_the_reserve_is_free(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    assert DiskRoom(tmp_path, free // 2).has_some()
    assert not DiskRoom(tmp_path, free * 2).has_some()


def test_it_is_looked_at_again_after_a_moment(tmp_path):
    now = 0.0
    room = DiskRoom(tmp_path, 0, clock=lambda: now)
    assert room.has_some()
    room._reserve_bytes = shutil.disk_usage(tmp_path).total * 2
    assert room.has_some()
    now = 1.0
    assert not room.has_some()
