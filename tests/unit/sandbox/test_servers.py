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


def test_its_directory_is_there_only_while_the_server_is(tmp_path):
    with servers.own_directory(tmp_path) as directory:
        assert (directory / "volumes").is_dir()
        assert directory.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []


def test_what_a_crashed_server_left_is_removed_and_nothing_else(tmp_path):
    namespace, _, started = servers.own_name().split("-")
    dead = tmp_path / "servers" / f"{namespace}-4194304-{started}"
    foreign = tmp_path / "servers" / "1-2-3"
    (dead / "volumes/1").mkdir(parents=True)
    foreign.mkdir()
    with servers.own_directory(tmp_path):
        assert not dead.exists()
        assert foreign.exists()
