"""A system call filter: what no function needs and what has broken sandboxes before.

A list of refusals, not of permissions: functions bring any runtime, and a list of permissions
breaks whenever one of those learns a new call. Programs are classic BPF, seccomp(2).
"""

from __future__ import annotations

import errno
import platform
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOAD_WORD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_AT_LEAST = 0x35
_JUMP_ANY_BIT = 0x45
_RETURN = 0x06
_ALLOW = 0x7FFF_0000
_ERRNO = 0x0005_0000

# struct seccomp_data: number, architecture, instruction pointer, six 64-bit arguments. Every
# argument we look at is 32 bits wide in the kernel, so its low word (first: little endian) decides.
_NUMBER = 0
_ARCHITECTURE = 4
_FIRST_ARGUMENT = 16
_SECOND_ARGUMENT = 24
_THIRD_ARGUMENT = 32

_X32_BIT = 0x4000_0000
_MACHINES = {"x86_64": (0, 0xC000_003E), "aarch64": (1, 0xC000_00B7)}

_NAMESPACE_FLAGS = 0x7E02_0000  # CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID and NET
_TERMINAL_INJECTION = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_PERSONALITIES = (0, 0xFFFF_FFFF)  # ordinary Linux; "tell me"
# UNSPEC, UNIX, INET, INET6, NETLINK. Others reach past the network namespace (VSOCK talks to the
# machine below a virtual one) or are seldom used kernel code.
_SOCKET_FAMILIES = (0, 1, 2, 10, 16)
# What a copy of a template (`template.py`) leaves its template's namespaces with: CLONE_NEWUSER,
# NEWNS, NEWNET, NEWIPC and NEWUTS, all at once.
_COPY_FLAGS = 0x5C02_0000
# Who makes a user namespace is the administrator of its network, by much code in the kernel that
# others never reach. So no netlink (interfaces, traffic control, packet filters), which costs these
# functions getifaddrs(3); no raw sockets, and not SOCK_PACKET, which makes an AF_PACKET socket of an
# AF_INET one;
_FAMILIES_OF_COPIES = (0, 1, 2, 10)
_RAW_TYPES = tuple(kind | flags for kind in (3, 10) for flags in (0, 0x800, 0x8_0000, 0x8_0800))
# no IPsec policies and no packet filters (ip(6)tables, arptables, ebtables) by SOL_IP and SOL_IPV6;
_FILTER_OPTIONS = (64, 65, 96, 97, 128, 129)
_ADMINISTRATORS_OPTIONS = {0: (16, 17, *_FILTER_OPTIONS), 41: (34, 35, *_FILTER_OPTIONS)}
# and no ioctl from SIOCGIFBR on: tunnels, bridges, bonds, ethtool.
_ADMINISTRATORS_IOCTLS = (0x8940, 0x8A00)

# Numbers on (x86_64, aarch64).
_CALLS: dict[str, tuple[int | None, int | None]] = {
    "clone": (56, 220),
    "clone3": (435, 435),
    "ioctl": (16, 29),
    "personality": (135, 92),
    "setsockopt": (54, 208),
    "socket": (41, 198),
    "unshare": (272, 97),
}
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    # namespaces and file systems
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "fanotify_init": (300, 262),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "sysfs": (139, None),
    "ustat": (136, None),
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # the kernel itself
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "create_module": (174, None),
    "get_kernel_syms": (177, None),
    "query_module": (178, None),
    "uselib": (134, None),
    "_sysctl": (156, None),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "keyctl": (250, 219),  # key rings belong to no namespace
    "add_key": (248, 217),
    "request_key": (249, 218),
    "syslog": (103, 116),
    "acct": (163, 89),
    "reboot": (169, 142),
    "vhangup": (153, 58),
    "iopl": (172, None),
    "ioperm": (173, None),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
}


def is_supported(machine: str | None = None) -> bool:
    """Whether we know the system call numbers of this machine."""
    return (machine or platform.machine()) in _MACHINES


def build_filter(machine: str | None = None, *, may_be_copied: bool = False) -> bytes:
    """The filter as an array of `struct sock_filter`. Raises KeyError on an unknown machine.

    Where processes `may_be_copied`, they may unshare what a copy has to, and nothing else.
    """
    column, architecture = _MACHINES[machine or platform.machine()]
    return b"".join(_program(column, architecture, may_be_copied=may_be_copied))


def build_seal(machine: str | None = None) -> bytes:
    """What a copy adds to its template's filter once it has unshared: it may not do so again."""
    column, architecture = _MACHINES[machine or platform.machine()]
    refusal = _when(column, "unshare", [_fail(errno.EPERM)])
    return b"".join((*_known_numbers(column, architecture), *refusal, _allow()))


def _known_numbers(column: int, architecture: int) -> Iterator[bytes]:
    # 32-bit programs and x32 would come with other numbers: they get nothing at all.
    yield from (_load(_ARCHITECTURE), _jump(_JUMP_EQUAL, architecture, yes=1), _fail(errno.ENOSYS))
    yield _load(_NUMBER)
    if column == 0:
        yield from (_jump(_JUMP_AT_LEAST, _X32_BIT, no=1), _fail(errno.ENOSYS))


def _program(column: int, architecture: int, *, may_be_copied: bool) -> Iterator[bytes]:
    yield from _known_numbers(column, architecture)
    for numbers in _REFUSED.values():
        number = numbers[column]
        if number is not None:
            yield from (_jump(_JUMP_EQUAL, number, no=1), _fail(errno.EPERM))
    # Its flags are in memory, out of a filter's sight. ENOSYS sends the C library to clone().
    yield from _when(column, "clone3", [_fail(errno.ENOSYS)])
    yield from _when(column, "clone", _refuse_bits(_NAMESPACE_FLAGS))
    yield from _when(column, "personality", _only(_PERSONALITIES, errno.EPERM))
    if may_be_copied:
        yield from _when(column, "unshare", _only((_COPY_FLAGS,), errno.EPERM))
        yield from _when(column, "socket", _refuse_administrators_sockets())
        yield from _when(column, "setsockopt", _refuse_administrators_options())
        yield from _when(column, "ioctl", _refuse_administrators_ioctls())
    else:
        yield from _when(column, "unshare", [_fail(errno.EPERM)])
        yield from _when(column, "socket", _only(_SOCKET_FAMILIES, errno.EAFNOSUPPORT))
    yield from _when(column, "ioctl", _refuse_values(_SECOND_ARGUMENT, _TERMINAL_INJECTION))
    yield _allow()


def _when(column: int, call: str, block: list[bytes]) -> Iterator[bytes]:
    """Run `block`, which must end in a return, for one system call."""
    number = _CALLS[call][column]
    if number is not None:
        yield _jump(_JUMP_EQUAL, number, no=len(block))
        yield from block


def _refuse_bits(bits: int) -> list[bytes]:
    return [_load(_FIRST_ARGUMENT), _jump(_JUMP_ANY_BIT, bits, no=1), _fail(errno.EPERM), _allow()]


def _refuse_values(argument: int, values: tuple[int, ...]) -> list[bytes]:
    tests = [step for value in values for step in _refuse_equal(value)]
    return [_load(argument), *tests, _allow()]


def _refuse_administrators_sockets() -> list[bytes]:
    types = [step for kind in _RAW_TYPES for step in _refuse_equal(kind)]
    families = _only(_FAMILIES_OF_COPIES, errno.EAFNOSUPPORT)
    return [_load(_SECOND_ARGUMENT), *types, *families]


def _refuse_administrators_options() -> list[bytes]:
    steps = [_load(_SECOND_ARGUMENT)]
    for level, options in _ADMINISTRATORS_OPTIONS.items():
        block = _refuse_values(_THIRD_ARGUMENT, options)
        steps += [_jump(_JUMP_EQUAL, level, no=len(block)), *block]
    return [*steps, _allow()]


def _refuse_administrators_ioctls() -> list[bytes]:
    first, end = _ADMINISTRATORS_IOCTLS
    beyond = [_jump(_JUMP_AT_LEAST, end, yes=1), _fail(errno.EPERM)]
    terminal = _refuse_values(_SECOND_ARGUMENT, _TERMINAL_INJECTION)
    return [
        _load(_SECOND_ARGUMENT),
        _jump(_JUMP_AT_LEAST, first, no=len(beyond)),
        *beyond,
        *terminal,
    ]


def _refuse_equal(value: int) -> tuple[bytes, bytes]:
    return _jump(_JUMP_EQUAL, value, no=1), _fail(errno.EPERM)


def _only(values: tuple[int, ...], error: int) -> list[bytes]:
    tests = [step for v in values for step in (_jump(_JUMP_EQUAL, v, no=1), _allow())]
    return [_load(_FIRST_ARGUMENT), *tests, _fail(error)]


def _load(offset: int) -> bytes:
    return struct.pack("<HBBI", _LOAD_WORD, 0, 0, offset)


def _jump(test: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("<HBBI", test, yes, no, value)


def _fail(error: int) -> bytes:
    return struct.pack("<HBBI", _RETURN, 0, 0, _ERRNO | error)


def _allow() -> bytes:
    return struct.pack("<HBBI", _RETURN, 0, 0, _ALLOW)
