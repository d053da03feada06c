from __future__ import annotations

from typing import Any, cast

from benchmarks.load import Turns


class _Client:
    def __init__(self) -> None:
        self.sent = 0

    def send(self) -> None:
        self.sent += 1


def test_so_many_are_sent_at_once_and_the_others_follow_in_order() -> None:
    turns = Turns(2)
    clients = [_Client() for _ in range(4)]
    for client in clients:
        turns.take(cast("Any", client))
    assert [each.sent for each in clients] == [1, 1, 0, 0]
    turns.give_back()
    assert [each.sent for each in clients] == [1, 1, 1, 0]
    turns.give_back()
    assert [each.sent for each in clients] == [1, 1, 1, 1]


def test_turns_given_back_while_nobody_waits_are_kept() -> None:
    turns = Turns(1)
    client = _Client()
    turns.take(cast("Any", client))
    turns.give_back()
    turns.take(cast("Any", client))
    assert client.sent == 2
