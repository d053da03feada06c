"""Programs inside that try what the system call filter refuses."""

from __future__ import annotations

import platform
import shutil

import pytest

from lambent.sandbox.sandbox import Exit

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86_64")

_TRY = (
    "import ctypes, sys\n"
    "libc = ctypes.CDLL(None, use_errno=True)\n"
    "for line in sys.argv[1:]:\n"
    "  result = libc.syscall(*[ctypes.c_long(int(word, 0)) for word in line.split()])\n"
    "  print(ctypes.get_errno() if result == -1 else 'done')\n"
)
_REFUSED = {
    "mount": "165 0 0 0 0 0",
    "umount2": "166 0 0",
    "unshare of a user namespace": "272 0x10000000",
    "setns": "308 0 0",
    "clone with a new user namespace": "56 0x10000011 0 0 0 0",
    "ptrace": "101 0 0 0 0",
    "process_vm_readv": "310 1 0 0 0 0 0",
    "bpf": "321 0 0 0",
    "perf_event_open": "298 0 0 0 0 0",
    "userfaultfd": "323 0",
    "io_uring_setup": "425 1 0",
    "keyctl": "250 0 0 0",
    "add_key": "248 0 0 0 0 0",
    "open_by_handle_at": "304 0 0 0",
    "init_module": "175 0 0 0",
    "kexec_load": "246 0 0 0 0",
    "reboot": "169 0 0 0 0",
    "syslog": "103 3 0 0",
    "personality that turns randomisation off": "135 0x0040000",
    "pidfd_getfd": "438 0 0 0",
    "fsopen": "430 0 0",
    "TIOCSTI": "16 0 0x5412 0",
}


_FINE = Exit(code=0, signal=None, is_out_of_memory=False)


@pytest.mark.parametrize("call", _REFUSED)
async def test_refused(place, call):
    assert await place.run("/usr/bin/python3", "-c", _TRY, _REFUSED[call]) == ("1\n", _FINE)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("435 0 0", "38"),  # clone3: not there, so that libraries use clone
        ("41 40 1 0", "97"),  # a VSOCK socket, which would reach below this machine
        ("41 38 5 0", "97"),  # a kernel crypto socket
        ("0x40000000 0 0 0", "38"),  # any x32 call
        ("135 0xffffffff", "done"),  # asking for the personality
        ("41 1 1 0", "done"),  # a Unix socket
        ("41 10 1 0", "done"),  # an IPv6 socket
    ],
)
async def test_answered_as_programs_expect(place, call, error):
    assert await place.run("/usr/bin/python3", "-c", _TRY, call) == (f"{error}\n", _FINE)


@pytest.mark.parametrize(
    "line",
    [
        ["node", "-e", "setTimeout(() => console.log('fine'), 1)"],
        ["java", "-version"],
        ["bash", "-c", "(echo fine | cat) & wait"],
        ["python3", "-c", "import threading; t = threading.Thread(target=print); t.start()"],
        ["perl", "-e", "print 'fine'"],
    ],
)
async def test_ordinary_programs_run(place, line):
    program = shutil.which(line[0], path="/usr/bin:/bin")
    if program is None:
        pytest.skip(f"{line[0]} is not installed")
    output, ended = await place.run(program, *line[1:], limits=place.limits)
    assert ended.code == 0, output
