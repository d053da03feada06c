from __future__ import annotations

from lambent.sandbox import servers
from lambent.sandbox.server_directory import own_directory


def test_it_is_there_only_while_the_server_is(tmp_path):
    with own_directory(tmp_path) as directory:
        assert (directory / "volumes").is_dir()
        assert directory.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []


def test_what_a_crashed_server_left_is_removed_and_nothing_else(tmp_path):
    namespace, _, started = servers.own_name().split("-")
    dead = tmp_path / "servers" / f"{namespace}-4194304-{started}"
    foreign = tmp_path / "servers" / "1-2-3"
    (dead / "volumes/1").mkdir(parents=True)
    foreign.mkdir()
    with own_directory(tmp_path):
        assert not dead.exists()
        assert foreign.exists()
