from __future__ import annotations

import errno
import struct

import pytest

from lambent.sandbox import seccomp

ALLOW = 0x7FFF0000
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def answer(machine, number, arguments=(), architecture=None, program=None):
    """What the filter returns: ALLOW, or the error of a refusal. A tiny BPF machine."""
    words = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack("<IIQ6Q", number, architecture or MACHINES[machine], 0, *words)
    program = list(struct.iter_unpack("<HBBI", program or seccomp.build_filter(machine)))
    accumulator = position = 0
    while True:
        code, yes, no, value = program[position]
        position += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif code == 0x06:
            return value if value == ALLOW else value & 0xFFFF
        else:
            holds = {
                0x15: accumulator == value,
                0x35: accumulator >= value,
                0x45: accumulator & value,
            }
            position += yes if holds[code] else no


@pytest.mark.parametrize(("machine", "mount", "read"), [("x86_64", 165, 0), ("aarch64", 40, 63)])
def test_a_refused_call_gets_an_error_and_an_ordinary_one_passes(machine, mount, read):
    assert answer(machine, mount) == errno.EPERM
    assert answer(machine, read) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_every_refusal_has_a_number_on_every_machine_that_has_the_call(machine):
    column = list(MACHINES).index(machine)
    for name, numbers in seccomp._REFUSED.items():
        if numbers[column] is not None:
            assert answer(machine, numbers[column]) == errno.EPERM, name


@pytest.mark.parametrize("machine", MACHINES)
def test_the_calls_of_another_architecture_do_not_exist(machine):
    assert answer(machine, 0, architecture=0x40000003) == errno.ENOSYS


def test_x32_calls_do_not_exist():
    assert answer("x86_64", 0x40000000 | 165) == errno.ENOSYS


@pytest.mark.parametrize(("machine", "clone"), [("x86_64", 56), ("aarch64", 220)])
def test_processes_and_threads_may_be_made_but_no_namespaces(machine, clone):
    assert answer(machine, clone, [0x003D0F00]) == ALLOW
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert answer(machine, clone, [flag | 17]) == errno.EPERM


def test_clone3_is_answered_so_that_libraries_fall_back():
    assert answer("x86_64", 435) == errno.ENOSYS


def test_only_the_low_word_of_an_argument_counts():
    assert answer("x86_64", 16, [0, 0x1_0000_5412]) == errno.EPERM
    assert answer("x86_64", 16, [0, 0x5413]) == ALLOW


def test_an_unknown_machine_has_no_filter():
    assert not seccomp.is_supported("riscv64")
    with pytest.raises(KeyError):
        seccomp.build_filter("riscv64")


COPY_FLAGS = 0x5C020000  # CLONE_NEWUSER, NEWNS, NEWNET, NEWIPC, NEWUTS


@pytest.mark.parametrize("machine", MACHINES)
def test_nobody_may_unshare_but_who_may_be_copied_and_they_in_one_way_only(machine):
    column = list(MACHINES).index(machine)
    unshare = seccomp._CALLS["unshare"][column]
    template = seccomp.build_filter(machine, may_be_copied=True)
    assert answer(machine, unshare, (COPY_FLAGS,)) == errno.EPERM
    assert answer(machine, unshare, (COPY_FLAGS,), program=template) == ALLOW
    for flags in (0, 0x10000000, COPY_FLAGS | 0x20000000, COPY_FLAGS & ~0x40000000):
        assert answer(machine, unshare, (flags,), program=template) == errno.EPERM


@pytest.mark.parametrize("machine", MACHINES)
def test_who_may_be_copied_is_no_administrator_of_a_network(machine):
    column = list(MACHINES).index(machine)
    template = seccomp.build_filter(machine, may_be_copied=True)
    calls = {name: numbers[column] for name, numbers in seccomp._CALLS.items()}

    def said(call, *arguments):
        return answer(machine, calls[call], arguments, program=template)

    assert (
        said("socket", 2, 1, 0) == said("socket", 10, 0x80802, 0) == said("socket", 1, 5) == ALLOW
    )
    assert said("socket", 16, 2, 0) == said("socket", 40, 1, 0) == errno.EAFNOSUPPORT
    for kind in (3, 10):  # raw, and SOCK_PACKET
        for flags in (0, 0x800, 0x80000, 0x80800):
            assert said("socket", 2, kind | flags) == errno.EPERM
    for level, option in ((0, 17), (0, 64), (0, 128), (41, 35), (41, 64), (41, 65)):
        assert said("setsockopt", 5, level, option) == errno.EPERM
    for level, option in ((0, 10), (0, 35), (41, 17), (41, 67), (1, 64), (6, 1)):
        assert said("setsockopt", 5, level, option) == ALLOW
    for request in (0x5412, 0x541C, 0x8940, 0x89A0, 0x89F1, 0x89FF):
        assert said("ioctl", 5, request) == errno.EPERM
    for request in (0x5413, 0x541B, 0x5421, 0x8912, 0x8933, 0x8A00, 0x80045432):
        assert said("ioctl", 5, request) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_a_copy_is_sealed_against_more(machine):
    column = list(MACHINES).index(machine)
    seal = seccomp.build_seal(machine)
    assert answer(machine, seccomp._CALLS["unshare"][column], (0,), program=seal) == errno.EPERM
    assert answer(machine, 0, program=seal) == ALLOW
