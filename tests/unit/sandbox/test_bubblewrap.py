from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import pytest

from lambent.sandbox import bubblewrap
from lambent.sandbox.sandbox import Mount, Volume

PROGRAMS = bubblewrap.Programs(
    bubblewrap="/usr/bin/bwrap", setpriv="/usr/bin/setpriv", holder=("/usr/bin/cat",)
)


async def nothing():
    pass


@pytest.fixture
def arguments(tmp_path):
    def build(user_id, mounts=(), make=bubblewrap.sandbox_arguments, *, mount_namespaces=None):
        surroundings = bubblewrap.Surroundings(
            programs=PROGRAMS,
            etc=tmp_path,
            filter=None,
            home_network=0,
            mounts=mount_namespaces,
        )
        volume = Volume(path=Path("/vol"), user_id=user_id, accounts=tmp_path, remove=nothing)
        return make(surroundings, mounts, volume)

    return build


def pairs(words):
    return list(itertools.pairwise(words))


def test_root_keeps_only_what_changing_the_user_takes(arguments):
    words = arguments(2_000_000_000)
    assert "--unshare-user" not in words
    kept = {value for option, value in pairs(words) if option == "--cap-add"}
    assert kept == {"CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"}
    entry = bubblewrap.shell_entry(PROGRAMS, 2_000_000_000)
    assert ("--reuid", "2000000000") in pairs(entry.argv)
    assert "--bounding-set=-all" in entry.argv
    assert entry.user_id == 2_000_000_000


def test_an_ordinary_user_gets_a_user_namespace_and_no_powers(arguments):
    words = arguments(None)
    assert "--unshare-user" in words
    assert "--cap-add" not in words
    assert PROGRAMS.setpriv not in bubblewrap.shell_entry(PROGRAMS, None).argv


@pytest.mark.parametrize("user_id", [None, 2_000_000_000])
def test_a_holder_is_process_1_and_has_no_powers(arguments, user_id):
    words = arguments(user_id, make=bubblewrap.held_arguments)
    assert "--as-pid-1" in words
    assert "--cap-add" not in words
    assert ("--cap-drop", "ALL") in pairs(words)
    assert ("--unshare-user" in words) == ("--uid" in words) == (user_id is None)
    assert bubblewrap.holder_entry(PROGRAMS).argv == ("/usr/bin/cat",)


def test_there_is_a_holder_on_this_host():
    programs = bubblewrap.find_programs()
    if programs is None:
        pytest.skip("this host has no bubblewrap")
    held = subprocess.run(programs.holder, input=b"\n", capture_output=True, check=True)
    assert held.stdout == b"\n"


def test_mounts_are_read_only_and_tmp_is_not(arguments):
    words = arguments(None, (Mount(source=Path("/a"), target="/var/task"),))
    triples = list(zip(words, words[1:], words[2:], strict=False))
    assert ("--ro-bind", "/a", "/var/task") in triples
    assert ("--bind", "/vol", "/tmp") in triples


def test_where_the_kernel_can_add_a_volume_later_bwrap_only_makes_its_place(arguments):
    words = arguments(None, mount_namespaces=(3, 4))
    assert ("--dir", "/tmp") in pairs(words)
    assert "/vol" not in words


def test_the_sandbox_dies_with_us_and_its_root_is_read_only_in_the_end(arguments):
    words = arguments(None)
    assert "--die-with-parent" in words
    assert words.index("--ro-bind") < words.index("--remount-ro")
    assert ("--remount-ro", "/") in pairs(words)


@pytest.mark.parametrize("user_id", [None, 2_000_000_000])
def test_company_gets_the_same_but_the_namespaces_it_joins(arguments, user_id):
    mounts = (Mount(source=Path("/a"), target="/var/task"),)
    first = arguments(user_id, mounts)
    beside = arguments(user_id, mounts, bubblewrap.company_arguments)
    # For the company's life see `launcher._bubblewrap_line`.
    own = {"--unshare-pid", "--unshare-ipc", "--unshare-user", "--die-with-parent"}
    assert [word for word in first if word not in own] == beside
