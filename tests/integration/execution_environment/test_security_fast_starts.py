"""What began before its function, as a copy of a process, is left with nothing that it began with."""

from __future__ import annotations

import textwrap

import pytest
from tests.integration.execution_environment.conftest import ANYTHING
from tests.support.functions import WHOLE_CPU, deploy
from tests.support.server import newest_runtime, running_server
from tests.support.stem_cells import stock

SECRET = "the bystander's own secret"
LOOK = textwrap.dedent("""
    import ctypes, os, platform, socket
    number = 0 if platform.machine() == "x86_64" else 1
    libc = ctypes.CDLL(None, use_errno=True)
    EVERYTHING = 0x7E020000  # namespaces of every kind
    own = os.pidfd_open(os.getpid())
    calls = {
        "unshare what a snapshot's copy does": (272, 97, 0x5C020000),
        "unshare a user namespace": (272, 97, 0x10000000),
        "clone a user namespace": (56, 220, 0x10000000 | 17, 0, 0, 0, 0),
        "clone3": (435, 435, ctypes.create_string_buffer(88), 88),
        "setns by a pidfd": (308, 268, own, EVERYTHING),
        "mount": (165, 40, b"none", b"/tmp", b"tmpfs", 0, None),
        "open_tree": (428, 428, -100, b"/", 1),
        "open_tree_attr": (467, 467, -100, b"/var/task", 1, ctypes.create_string_buffer(32), 32),
        "mount_setattr": (442, 442, -100, b"/", 0, ctypes.create_string_buffer(32), 32),
        "keyctl": (250, 219, 0, -3, 0),
        "bpf": (321, 280, 0, None, 0),
        "ptrace a child": (101, 117, 0, 0, 0, 0),
        "process_vm_readv": (310, 270, os.getpid(), None, 0, None, 0, 0),
        "pidfd_getfd": (438, 438, own, 0, 0),
        "kill process 1": (62, 129, 1, 9),
        "io_uring_setup": (425, 425, 1, ctypes.create_string_buffer(120)),
        "setuid": (105, 146, 0),
        "chmod a shared file": (268, 53, -100, b"/var/task/lambda_function.py", 0o777),
    }
    allowed = []
    for name, (x86, arm, *arguments) in calls.items():
        if libc.syscall((x86, arm)[number], *arguments) >= 0:
            allowed.append(name)
    os.close(own)
    try:
        socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        allowed.append("AF_VSOCK")
    except OSError:
        pass
    for path in ("/proc/1/environ", "/proc/1/mem", "/proc/1/fd", "/proc/1/cwd/", "/proc/1/root/"):
        try:
            os.listdir(path) if path.endswith(("fd", "/")) else open(path, "rb").close()
            allowed.append(path)
        except OSError:
            pass
    for each in os.listdir("/proc/self/fd"):
        try:
            os.close(os.open(f"/proc/self/fd/{each}/..", os.O_RDONLY))
            allowed.append("a directory is open")
        except OSError:
            pass
    status = {line.partition(":")[0]: line.partition(":")[2] for line in open("/proc/self/status")}
    found = False
    with open("/proc/self/mem", "rb", 0) as memory:
        for line in list(open("/proc/self/maps")):
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            if "rw" in line.split()[1]:
                memory.seek(start)
                found |= backwards in memory.read(end - start)[::-1]
    result = {
        "parent": os.getppid(),
        "allowed": allowed,
        "status": {name: status[name].strip() for name in
            ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Groups")},
        "descriptors": sorted(
            os.readlink(f"/proc/self/fd/{each}").split(":")[0]
            for each in range(16) if os.path.lexists(f"/proc/self/fd/{each}")
        ),
        "writable": [
            line.split()[4] for line in open("/proc/self/mountinfo")
            if line.split()[5].startswith("rw") and not line.split()[4].startswith("/dev/")
        ],
        "has another's secret": found,
        "names": sorted({line.split()[-1] for line in open("/proc/self/maps") if "/" in line}),
    }
""")
# So that asking for it is not finding it.
ASK = f"backwards = {SECRET[::-1].encode()!r}\n"


def check(seen, data_dir):
    assert seen["allowed"] == []
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(seen["status"][name], 16) == 0, name
    assert (seen["status"]["NoNewPrivs"], seen["status"]["Seccomp"]) == ("1", "2")
    assert seen["status"]["Groups"] == ""
    assert set(seen["writable"]) == {"/proc", "/tmp"}
    assert not seen["has another's secret"]
    assert set(seen["descriptors"]) <= {"/dev/null", "pipe", "socket"}
    assert not [name for name in seen["names"] if name.startswith((str(data_dir), "/root"))]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("fast") / "data") as running:
        yield running


def test_a_copy_of_a_zygote_keeps_nothing(server):
    runtime = newest_runtime("python")
    options = {"runtime": runtime, **WHOLE_CPU}
    stock(server, runtime)
    variables = {"Variables": {"SECRET": SECRET}}
    deploy(server, ANYTHING, Environment=variables, **options).call("result = 1")
    # A copy of a process that another function had a copy of.
    seen = deploy(server, ANYTHING, **options).call(ASK + LOOK)
    assert seen["parent"] == 0  # it began in a stem cell
    check(seen, server.data_dir)


@pytest.mark.parametrize("qualifier", ["$LATEST", "1"])
def test_what_a_snapshot_may_unshare_no_environment_may(server, qualifier):
    deployed = deploy(
        server,
        ANYTHING,
        runtime=newest_runtime("python"),
        SnapStart={"ApplyOn": "PublishedVersions"},
        **WHOLE_CPU,
    )
    deployed.client.publish_version(FunctionName=deployed.name)
    deployed.client.get_waiter("published_version_active").wait(
        FunctionName=deployed.name, Qualifier="1", WaiterConfig={"Delay": 0.2, "MaxAttempts": 150}
    )
    check(deployed.call(ASK + LOOK, Qualifier=qualifier), server.data_dir)


# While it initialises for a snapshot, a function may do what the copies will: here it does so itself.
UNSHARES = textwrap.dedent("""
    import ctypes, os, platform, socket
    number = 0 if platform.machine() == "x86_64" else 1
    libc = ctypes.CDLL(None, use_errno=True)
    calls = {
        "mount": (165, 40, b"none", b"/tmp", b"tmpfs", 0, None),
        "remount": (165, 40, b"none", b"/var/task", None, 0x1020, None),
        "umount2": (166, 39, b"/tmp", 2),
        "pivot_root": (155, 41, b"/tmp", b"/tmp"),
        "chroot": (161, 51, b"/tmp"),
        "open_tree_attr": (467, 467, -100, b"/var/task", 1, ctypes.create_string_buffer(32), 32),
        "setns": (308, 268, os.pidfd_open(1), 0x40000000),
        "sethostname": (170, 161, b"x", 1),
        "unshare process ids": (272, 97, 0x20000000),
        "unshare the user alone": (272, 97, 0x10000000),
        "bpf": (321, 280, 0, None, 0),
        "keyctl": (250, 219, 0, -3, 0),
        "ptrace": (101, 117, 16, 1, 0, 0),
        "open_by_handle_at": (304, 265, -100, ctypes.create_string_buffer(16), 0),
    }
    def find_allowed():
        allowed = [
            name for name, (x86, arm, *arguments) in calls.items()
            if libc.syscall((x86, arm)[number], *arguments) >= 0
        ]
        for family, kind, protocol in ((17, 3, 0), (16, 3, 12), (16, 3, 6), (40, 1, 0), (15, 3, 2)):
            try:
                socket.socket(family, kind, protocol).close()
                allowed.append(f"socket of family {family}, protocol {protocol}")
            except OSError:
                pass
        for path in ("/var/task/x", "/usr/x", "/x", "/proc/sys/kernel/core_pattern"):
            try:
                open(path, "a").close()
                allowed.append(path)
            except OSError:
                pass
        return allowed
    if os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start":
        if os.fork() == 0:
            with open("/tmp/allowed", "w") as found:
                found.write(repr(libc.unshare(0x5C020000)) + repr(find_allowed()))
            os._exit(0)
        os.wait()

    def handler(event, context):
        return open("/tmp/allowed").read()
""")


def test_what_a_template_unshares_gets_it_nothing(server):
    deployed = deploy(
        server,
        UNSHARES,
        runtime=newest_runtime("python"),
        SnapStart={"ApplyOn": "PublishedVersions"},
        **WHOLE_CPU,
    )
    deployed.client.publish_version(FunctionName=deployed.name)
    deployed.client.get_waiter("published_version_active").wait(
        FunctionName=deployed.name, Qualifier="1", WaiterConfig={"Delay": 0.2, "MaxAttempts": 150}
    )
    assert deployed.call(Qualifier="1") == "0[]"
