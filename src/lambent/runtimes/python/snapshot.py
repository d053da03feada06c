"""SnapStart: where a process that has initialised waits, and is copied for each environment.

AWS's client calls `restore_next` once the hooks that come before a snapshot have run; it returns,
as there, in something that goes on from the snapshot: in each copy, after which that client runs
the hooks that come after a restore. The server's half is `sandbox/template.py`.

Runs under Python 3.12 and later, and depends on nothing but the interpreter. Nothing here is a
barrier: it runs among the function's own code, which could do all of it as well.
"""

import _socket
import ctypes
import gc
import json
import os
import sys

_ADDRESS = b"\0lambent-snapshot"
_MESSAGE_BYTES = 1024 * 1024
_DESCRIPTORS = 3  # of each request for a copy: output, telemetry, its connection
_INT_BYTES = 4
_TELEMETRY_DESCRIPTOR = 3
_FIRST_PROCESSES = {1, 2}  # of every sandbox: what holds it together

_NAMESPACES = 0x5C02_0000  # CLONE_NEWUSER, NEWNS, NEWNET, NEWIPC and NEWUTS
_PR_SET_SECCOMP = 22
_PR_CAPBSET_DROP = 24
_SECCOMP_MODE_FILTER = 2
_LINUX_CAPABILITY_VERSION_3 = 0x2008_0522

_libc = ctypes.CDLL(None, use_errno=True)


def restore_next(restore_here, disconnect):
    """Returns in each copy; or here, where nobody makes copies, after `restore_here`.

    `disconnect` closes what the client itself may have open.
    """
    disconnect()
    control = _connect()
    if control is None:
        restore_here()
    else:
        _be_copied(control)


def _connect():
    control = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    try:
        control.connect(_ADDRESS)
    except OSError:
        control.close()
        return None
    return control


def _be_copied(control):
    """Make copies until the server hangs up. Returns in each copy, and only there."""
    gc.collect()
    gc.freeze()  # memory nobody writes to is shared, and the collector writes
    control.send(json.dumps(_readiness()).encode())
    while True:
        request, descriptors = _receive(control)
        if request is None:
            os._exit(0)
        if "bury" in request:
            _bury(request["bury"])
            continue
        _flush()
        if os.fork() == 0:
            control.close()
            _become_copy(*descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _readiness():
    processes = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    descriptors = os.listdir("/proc/self/fd")
    return {
        "threads": len(os.listdir("/proc/self/task")),
        "processes": len(processes - _FIRST_PROCESSES - _own_line()),
        "sockets": sum(map(_is_socket, descriptors)) - 1,  # the one to the server
    }


def _own_line():
    """This process and those that it comes from."""
    line = {os.getpid()}
    parent = os.getppid()
    while parent and parent not in line:
        line.add(parent)
        with open("/proc/%d/stat" % parent) as status:
            parent = int(status.read().rpartition(")")[2].split()[1])
    return line


def _is_socket(descriptor):
    try:
        return os.readlink("/proc/self/fd/" + descriptor).startswith("socket:")
    except OSError:
        return False  # the one the directory was read by


def _receive(control):
    space = _socket.CMSG_SPACE(_DESCRIPTORS * _INT_BYTES)
    data, ancillary, _, _ = control.recvmsg(_MESSAGE_BYTES, space)
    descriptors = [
        int.from_bytes(content[start : start + _INT_BYTES], sys.byteorder)
        for _, _, content in ancillary
        for start in range(0, len(content), _INT_BYTES)
    ]
    return (json.loads(data) if data else None), descriptors


def _bury(process):
    try:
        os.waitpid(process, 0)
    except ChildProcessError:
        pass  # the function's own handler of SIGCHLD was faster


def _flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # the function may have put anything in their place, or closed them


def _become_copy(output, telemetry, channel):
    """Leave the template, and wait to be told who this is. Whatever fails ends this copy."""
    try:
        connection = _socket.socket(fileno=channel)
        os.setsid()
        _leave_namespaces()
        connection.send(b"ready")
        message = connection.recv(_MESSAGE_BYTES)
        if not message:
            os._exit(0)  # the server has no use for this one
        connection.close()
        order = json.loads(message)
        for descriptor, number in ((output, 1), (output, 2), (telemetry, _TELEMETRY_DESCRIPTOR)):
            os.dup2(descriptor, number)
        os.close(output)
        os.close(telemetry)
        _drop_privileges(bytes.fromhex(order["filter"]))
        os.environ.update(order["environment"])
        _seed()
    except BaseException as error:
        os.write(2, ("a snapshot could not be restored: %r\n" % error).encode())
        os._exit(1)


def _leave_namespaces():
    user, group = os.getuid(), os.getgid()
    os.unshare(_NAMESPACES)
    # The kernel asks for this order: user_namespaces(7), "setgroups".
    for file, text in (
        ("setgroups", "deny"),
        ("uid_map", "%d %d 1" % (user, user)),
        ("gid_map", "%d %d 1" % (group, group)),
    ):
        with open("/proc/self/" + file, "w") as opened:
            opened.write(text)


def _drop_privileges(program):
    """Those that came with the user namespace; and make no other."""
    capability = 0
    while _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    header = (ctypes.c_uint32 * 2)(_LINUX_CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")
    filter_program = _FilterProgram(len(program) // 8, program)
    pointer = ctypes.byref(filter_program)
    _check(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, pointer, 0, 0), "seccomp")


def _seed():
    """Numbers that are to be random must not be the same in all copies.

    Python's own generator sees to that itself after each fork.
    """
    random = sys.modules.get("numpy.random")
    if random is not None:
        random.seed()


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, "%s: %s" % (what, os.strerror(number)))


class _FilterProgram(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]
