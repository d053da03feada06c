from __future__ import annotations

from typing import Any

from lambent.server.quiet_connections import QuietConnections


class Connection:
    """Says what a sweep asks, and remembers what came of it."""

    def __init__(self, *, unsent_bytes=0, is_at_rest=False, unfinished_head=None):
        self.unsent_bytes = unsent_bytes
        self.is_at_rest = is_at_rest
        self.unfinished_head = unfinished_head
        self.is_quiet = False
        self.end: Any = None

    def finish(self):
        self.end = "finished"

    def hang_up(self):
        self.end = "hung up"

    def refuse(self, status):
        self.end = status


def swept(connection, *between):
    """After two sweeps, and what happens between each and the next."""
    quiet = QuietConnections()
    connections: Any = [connection]
    quiet.sweep(connections)
    for happen in between:
        happen(connection)
        quiet.sweep(connections)
    return connection.end


def nothing(connection):
    pass


def test_what_is_quiet_and_at_rest_is_closed_the_second_time():
    assert swept(Connection(is_at_rest=True)) is None
    assert swept(Connection(is_at_rest=True), nothing) == "finished"


def test_a_function_that_takes_its_time_is_waited_for():
    assert swept(Connection(), nothing, nothing) is None


def test_who_does_not_take_an_answer_is_hung_up_on():
    assert swept(Connection(unsent_bytes=1000), nothing) == "hung up"


def test_a_slow_reader_is_not():
    def read(connection):
        connection.unsent_bytes -= 1

    assert swept(Connection(unsent_bytes=1000), read, read) is None


def test_nor_is_one_who_gets_more():
    def write(connection):
        connection.is_quiet = False

    assert swept(Connection(unsent_bytes=1000), write, write) is None


def test_a_head_that_takes_too_long_is_refused():
    def trickle(connection):
        connection.is_quiet = False

    assert swept(Connection(unfinished_head=object()), trickle) == 408


def test_heads_of_different_requests_are_not_one():
    def another(connection):
        connection.unfinished_head = object()

    assert swept(Connection(unfinished_head=object()), another) is None
