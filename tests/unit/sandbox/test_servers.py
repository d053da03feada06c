from __future__ import annotations

from lambent.sandbox import servers


def test_a_living_server_is_not_left_behind():
    assert not servers.is_left_behind(servers.own_name())


def test_a_process_that_took_over_the_number_is_another_server():
    namespace, pid, started = servers.own_name().split("-")
    assert servers.is_left_behind(f"{namespace}-{pid}-{int(started) - 1}")
    assert servers.is_left_behind(f"{namespace}-{pid}-{int(started) - 1}-probe")


def test_a_dead_process_leaves_things_behind():
    namespace, _, started = servers.own_name().split("-")
    assert servers.is_left_behind(f"{namespace}-4194304-{started}")


def test_what_cannot_be_judged_from_here_is_left_alone():
    _, pid, _ = servers.own_name().split("-")
    assert not servers.is_left_behind(f"1-{pid}-1")
    assert not servers.is_left_behind("something else")
