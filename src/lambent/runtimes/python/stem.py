"""A stem cell: a copy of the zygote in its sandbox, which waits to become one function's runtime.

It is told over a connection to the Runtime API's address, where nobody else can be yet; what it is told is
what a program is started with. From then on nothing distinguishes it from a plain start: the same
environment, files, modules and search path.

Runs under Python 3.8 and later, and depends on nothing but the interpreter.
"""

import _socket
import ctypes
import importlib
import json
import logging
import os
import sys
import time

_RECEIVE_BYTES = 65536
_PR_SET_MM = 35
_PR_SET_MM_MAP = 14
# What AWS's client reads while it is imported, and what it does so in.
_READ_ON_IMPORT = ("AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL")
_READER = "awslambdaric.bootstrap"


def preload():
    """Import what most functions will; returns the names of all modules that came with it."""
    before = set(sys.modules)
    try:
        import boto3  # noqa: F401
        import boto3.s3.inject  # noqa: F401  # what the first client of S3 imports
    except ImportError:
        pass  # a runtime that was installed without it
    return set(sys.modules) - before


def become_function(preloaded, function_directories):
    """Wait for the function and take on its environment; ends with the server.

    When the function brings a module of its own under the name of one that is here already, it must
    find its own: AWS's SDK is forgotten, and for any other this becomes a plain start.
    """
    order = _receive_order(os.environ["AWS_LAMBDA_RUNTIME_API"])
    earlier = [os.environ.get(name) for name in _READ_ON_IMPORT]
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["directory"])
    own_names = _top_level_names(function_directories)
    shadowed = {name for name in preloaded if name.partition(".")[0] in own_names}
    if shadowed:
        library = _modules_below(os.environ["LAMBDA_RUNTIME_DIR"], preloaded)
        if shadowed - library:
            os.execv(sys.executable, [sys.executable, *sys.argv])
        for name in library:
            sys.modules.pop(name, None)
    _show_environment()
    time.tzset()
    # `LogRecord.relativeCreated` counts from here.
    logging._startTime = time.time_ns() if sys.version_info >= (3, 13) else time.time()
    if earlier != [os.environ.get(name) for name in _READ_ON_IMPORT]:
        importlib.reload(sys.modules[_READER])


def _receive_order(address):
    host, _, port = address.rpartition(":")
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    connection.connect((host, int(port)))
    received = b""
    while True:
        data = connection.recv(_RECEIVE_BYTES)
        if not data:
            break
        received += data
    connection.close()
    if not received:
        os._exit(0)  # the server has no use for this one
    return json.loads(received)


def _top_level_names(directories):
    names = set()
    for directory in directories:
        try:
            names.update(entry.partition(".")[0] for entry in os.listdir(directory))
        except OSError:
            pass  # most functions have no layers
    return names


def _modules_below(directory, names):
    """Those of the modules whose package is in `directory`."""
    found = set()
    for name in names:
        package = sys.modules.get(name.partition(".")[0])
        if (getattr(package, "__file__", None) or "").startswith(directory + "/"):
            found.add(name)
    return found


def _show_environment():
    """Let /proc/self/environ show the function's environment, as after a plain start.

    Where the kernel has no PR_SET_MM_MAP (CONFIG_CHECKPOINT_RESTORE) it shows what the zygote was
    started with, in which there is nothing of any function.
    """
    libc = ctypes.CDLL(None)
    libc.malloc.restype = libc.sbrk.restype = ctypes.c_size_t
    block = b"".join(b"%s=%s\0" % item for item in os.environb.items())
    start = libc.malloc(len(block))  # for as long as the process lives
    ctypes.memmove(start, block, len(block))
    with open("/proc/self/stat") as status:
        fields = status.read().rpartition(")")[2].split()
    start_code, end_code, start_stack = (int(field) for field in fields[23:26])
    data_and_arguments = [int(field) for field in fields[42:47]]
    start_data, end_data, start_brk, start_arguments, end_arguments = data_and_arguments
    # struct prctl_mm_map; no auxiliary vector (it stays), and no file descriptor.
    layout = (ctypes.c_uint64 * 13)(
        *(start_code, end_code, start_data, end_data, start_brk, libc.sbrk(0), start_stack),
        *(start_arguments, end_arguments, start, start + len(block), 0, 0xFFFF_FFFF << 32),
    )
    libc.prctl(_PR_SET_MM, _PR_SET_MM_MAP, ctypes.byref(layout), ctypes.sizeof(layout), 0)
