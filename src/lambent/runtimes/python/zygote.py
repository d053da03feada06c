"""A process that is copied instead of started: `fork()` takes 2 ms, an interpreter's start 30.

It has imported AWS's client and the AWS SDK, never runs a function's code and is never told a
secret. The server (`sandbox/fork_server.py`) asks it for copies over a socket. A copy enters a
sandbox that was built before, gives up every privilege, becomes a stem cell (`stem.py`), and only
then is assigned a function. One thread, no garbage to collect: all memory nobody writes to is shared.

Runs under Python 3.8 and later, and depends on nothing but the interpreter.
"""

import _socket
import ctypes
import fcntl
import gc
import json
import os
import resource
import sys

CONTROL_VARIABLE = "LAMBENT_CONTROL_DESCRIPTOR"

_CLONE_NEWPID = 0x2000_0000
_MAX_REQUEST_BYTES = 65536
_DESCRIPTORS = 3  # of each request: a process of the sandbox, output, telemetry
_INT_BYTES = 4

_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_LINUX_CAPABILITY_VERSION_3 = 0x2008_0522

_libc = ctypes.CDLL(None, use_errno=True)


def serve():
    """Answer requests for copies until the server hangs up. Returns in each copy, and only there."""
    control = _socket.socket(fileno=int(os.environ.pop(CONTROL_VARIABLE)))
    program = bytes.fromhex(json.loads(control.recv(_MAX_REQUEST_BYTES))["filter"])
    gc.collect()
    gc.freeze()
    _answer(control, {"process": os.getpid()})
    while True:
        request, descriptors = _receive(control)
        if request is None:
            sys.exit(0)
        helper = os.fork()
        if helper == 0:
            _copy(control, request, descriptors)
            _enter(request, descriptors, program)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        os.waitpid(helper, 0)
        _answer(control, {"process": helper})  # is gone, and the copy is the server's child


def _receive(control):
    space = _socket.CMSG_SPACE(_DESCRIPTORS * _INT_BYTES)
    data, ancillary, _, _ = control.recvmsg(_MAX_REQUEST_BYTES, space)
    descriptors = [
        int.from_bytes(content[start : start + _INT_BYTES], sys.byteorder)
        for _, _, content in ancillary
        for start in range(0, len(content), _INT_BYTES)
    ]
    return (json.loads(data) if data else None), descriptors


def _answer(control, document):
    control.send(json.dumps(document).encode())


def _copy(control, request, descriptors):
    """Fork into the sandbox's process ids; returns in the copy.

    The helper between it and the zygote ends at once, which makes the copy the server's child:
    the zygote may come and go, and the exit status is the kernel's own.
    """
    status = 1
    try:
        _check(_libc.setns(descriptors[0], _CLONE_NEWPID), "setns")
        copy = os.fork()
        if copy == 0:
            control.close()
            return
        _answer(control, {"process": copy})
        status = 0
    except OSError as error:
        _answer(control, {"error": str(error)})
    os._exit(status)


def _enter(request, descriptors, program):
    """Go into the sandbox and give up what it does not have. Whatever fails ends this copy."""
    try:
        _check(_libc.setns(descriptors[0], request["namespaces"]), "setns")
        os.setsid()
        _arrange(*descriptors)
        os.chdir("/")
        _limit(resource.RLIMIT_NOFILE, request["open_files"])
        # A core dump would be written, or piped to a program, outside of the sandbox.
        _limit(resource.RLIMIT_CORE, 0)
        _drop_privileges(request["user"], program)
        if sorted(os.listdir("/proc/self/fd"))[:-1] != ["0", "1", "2", "3"]:
            raise RuntimeError("a descriptor is open that should not be")
    except BaseException as error:
        os.write(2, ("the sandbox could not be entered: %r\n" % error).encode())
        os._exit(1)


def _arrange(sandbox, output, telemetry):
    """The descriptors a function starts with, and no others."""
    null = os.open("/dev/null", os.O_RDONLY)
    given = (null, output, output, telemetry)
    # Out of the way of the numbers they are to have.
    sources = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 2 * len(given)) for each in given]
    for descriptor in (null, sandbox, output, telemetry):
        os.close(descriptor)
    for wanted, source in enumerate(sources):
        os.dup2(source, wanted)
        os.close(source)


def _limit(name, value):
    hard = resource.getrlimit(name)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(name, (value, value))


def _drop_privileges(user, program):
    capability = 0
    while _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    header = (ctypes.c_uint32 * 2)(_LINUX_CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    # Changing users has made /proc/self root's, which a program that was started is not.
    _check(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0), "dumpable")
    if program:
        filter_program = _FilterProgram(len(program) // 8, program)
        pointer = ctypes.byref(filter_program)
        _check(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, pointer, 0, 0), "seccomp")


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, "%s: %s" % (what, os.strerror(number)))


class _FilterProgram(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]
