"""A function that looks around, and reaches out, finds itself and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.waiting import wait_logged

SECRET = "the bystander's own secret"


def program(text):
    return textwrap.dedent(text)


@pytest.fixture
def victim(function):
    """A function at work, with files, variables, an event and a listening socket of its own."""
    deployed = function(
        """
import os, socket, time

def handler(event, context):
    open("/tmp/victim", "w").write("file of the victim")
    server = socket.create_server(("0.0.0.0", 8080))
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    probe.connect(("198.51.100.1", 9))
    print("address", probe.getsockname()[0], flush=True)
    server.settimeout(1.5)
    try:
        return server.accept()[1]
    except TimeoutError:
        return "nobody came"
""",
        Timeout=30,
        Environment={"Variables": {"SECRET": SECRET}},
    )
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(deployed.call, {"secret": SECRET})
        [line] = [each for each in wait_logged(deployed, "address ") if "address " in each]
        deployed.address = line.split()[1]
        yield deployed
        assert answer.result() == "nobody came"


PROCESSES = program("""
    import os
    result = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            found = {}
            for part in ("cmdline", "environ", "maps", "cwd", "root", "exe", "fd"):
                path = f"/proc/{name}/{part}"
                try:
                    if part in ("cwd", "root", "exe"):
                        found[part] = os.readlink(path)
                    elif part == "fd":
                        found[part] = " ".join(os.listdir(path))
                    else:
                        found[part] = open(path, "rb").read().decode("latin-1")
                except OSError:
                    pass
            result[name] = found
""")


def test_it_sees_its_own_processes_only(attack, hostile, victim):
    seen = attack(hostile(), PROCESSES)["Payload"]
    own = [each for each in seen.values() if "environ" in each]
    others = [each for each in seen.values() if "environ" not in each]
    assert len(own) == 1
    assert SECRET not in json.dumps(seen)
    assert victim.name not in json.dumps(seen)
    # The one it may not look into is the sandbox's process 1.
    assert len(others) == 1
    assert others[0]["cmdline"].startswith(("bwrap", "/usr/bin/bwrap", "/usr/bin/cat"))
    assert others[0].keys() <= {"cmdline", "maps"}
    assert others[0].get("maps", "") == ""


FILES = program("""
    import os
    everybodys = {"usr", "lib", "proc", "etc", "dev", "run", "lang", "runtime", "node_modules"}
    result = []
    for directory, directories, files in os.walk("/"):
        directories[:] = set(directories) - everybodys
        result += [os.path.join(directory, file) for file in files]
""")


def test_it_sees_its_own_files_only(attack, hostile, victim, server):
    deployed = hostile()
    attack(deployed, "open('/tmp/own', 'w').write('x')")
    seen = attack(deployed, FILES)["Payload"]
    assert sorted(seen) == ["/tmp/own", "/var/task/lambda_function.py"]
    hidden = [str(server.data_dir), str(server.data_dir / "key"), "/root", "/home", "/etc/shadow"]
    hidden += [f"/proc/{pid}/root{path}" for pid in (1, "self") for path in hidden]
    looked = attack(deployed, f"import os\nresult = [os.path.exists(path) for path in {hidden}]")
    assert looked["Payload"] == [False] * len(hidden)


def test_it_inherits_no_descriptor_of_the_servers(attack, function):
    deployed = function("""
import os
KINDS = [os.readlink(f"/proc/self/fd/{each}").split(":")[0] for each in range(3)]
OTHERS = [each for each in os.listdir("/proc/self/fd") if int(each) > 3]

def handler(event, context):
    return [KINDS, OTHERS]
""")
    kinds, others = attack(deployed)["Payload"]
    assert kinds == ["/dev/null", "pipe", "pipe"]
    # The listing's own, and what the runtime's client opened: its telemetry is number 3.
    assert len(others) <= 2


WRITES = program("""
    import os
    result = []
    for path in (
        "/x", "/var/x", "/var/task/x", "/var/task/lambda_function.py", "/opt/x", "/usr/x",
        "/usr/bin/env", "/etc/x", "/etc/passwd", "/var/runtime/x", "/var/lang/x", "/dev/x",
        "/run/x", "/run/sh", "/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern",
        "/proc/sysrq-trigger", "/proc/1/oom_score_adj", "/sys/x", "/dev/shm/x",
    ):
        try:
            open(path, "a").close()
            result.append(path)
        except OSError:
            pass
""")


def test_it_writes_nowhere_but_to_tmp(attack, hostile):
    assert attack(hostile(), WRITES)["Payload"] == []


# Name, number on x86-64 and arm64, arguments: each must be refused.
CALLS = program("""
    import ctypes, os, platform
    number = 0 if platform.machine() == "x86_64" else 1
    calls = {
        "mount": (165, 40, b"none", b"/tmp", b"tmpfs", 0, None),
        "umount2": (166, 39, b"/var/task", 2),
        "pivot_root": (155, 41, b"/tmp", b"/tmp"),
        "chroot": (161, 51, b"/tmp"),
        "unshare a user namespace": (272, 97, 0x10000000),
        "unshare mounts": (272, 97, 0x00020000),
        "unshare the network": (272, 97, 0x40000000),
        "setns": (308, 268, 0, 0),
        "ptrace process 1": (101, 117, 16, 1, 0, 0),
        "kill process 1": (62, 129, 1, 9),
        "setuid": (105, 146, 0),
        "setgid": (106, 144, 0),
        "reboot": (169, 142, 0xFEE1DEAD, 672274793, 0, None),
        "init_module": (175, 105, b"", 0, b""),
        "delete_module": (176, 106, b"x", 0),
        "kexec_load": (246, 104, 0, 0, None, 0),
        "settimeofday": (164, 170, b"\\0" * 16, None),
        "sethostname": (170, 161, b"x", 1),
        "swapon": (167, 224, b"/tmp/x", 0),
        "acct": (163, 89, b"/tmp/x"),
        "bpf": (321, 280, 0, None, 0),
        "perf_event_open": (298, 241, b"\\0" * 128, 0, -1, -1, 0),
        "add_key": (248, 217, b"user", b"name", b"x", 1, -3),
        "keyctl": (250, 219, 0, -3, 0),
        "userfaultfd": (323, 282, 0),
        "open_by_handle_at": (304, 265, 0, b"\\0" * 16, 0),
        "syslog": (103, 116, 3, ctypes.create_string_buffer(4096), 4096),
        "mknod a disk": (133, None, b"/tmp/disk", 0o060666, 0x0800),
        "process_vm_readv": (310, 270, 1, None, 0, None, 0, 0),
        "pidfd of process 1 signalled": (424, 424, 1, 9, None, 0),
    }
    libc = ctypes.CDLL(None, use_errno=True)
    result = {}
    for name, (x86, arm, *arguments) in calls.items():
        which = (x86, arm)[number]
        if which is not None and libc.syscall(which, *arguments) != -1:
            result[name] = "was allowed"
""")


def test_it_may_not_do_what_only_root_may(attack, hostile):
    assert attack(hostile(), CALLS)["Payload"] == {}


SIGNALS = program("""
    import os, signal
    if os.fork() == 0:
        os.kill(-1, signal.SIGKILL)
        os._exit(0)
    import time
    time.sleep(20)
""")


def test_its_signals_reach_only_itself(attack, hostile, victim):
    answer = attack(hostile(), SIGNALS)
    assert answer["Payload"]["errorType"] == "Runtime.ExitError"


KNOCK = """
import socket
from concurrent.futures import ThreadPoolExecutor

def knock(target):
    family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        try:
            connection.connect(tuple(target))
            return True
        except OSError:
            return False

def handler(event, context):
    with ThreadPoolExecutor(32) as threads:
        return list(threads.map(knock, event))
"""


def host_addresses():
    """Every address of this machine, so far as a name or a route tells."""
    found = {"127.0.0.1", "::1", "127.0.1.1"}
    for family, far in ((socket.AF_INET, "198.51.100.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            found.add(probe.getsockname()[0])
    with contextlib.suppress(OSError):
        found |= {str(each[4][0]) for each in socket.getaddrinfo(socket.gethostname(), None)}
    return sorted(found)


def test_it_reaches_neither_this_host_nor_its_neighbours(attack, function, victim, server):
    port = int(server.url.rpartition(":")[2])
    gateway = victim.address.rpartition(".")[0] + ".1"
    with socket.create_server(("", 0)) as everywhere, abstract_listener() as abstract:
        open_port = everywhere.getsockname()[1]
        targets = [(address, each) for address in host_addresses() for each in (port, open_port)]
        targets += [(victim.address, each) for each in (8080, 9001)]
        targets += [(gateway, each) for each in (22, 53, port, open_port, 9001)]
        targets += [("169.254.169.254", 80), ("169.254.170.2", 80), ("fd00:ec2::254", 80)]
        targets.remove(("127.0.0.1", port))
        deployed = function(KNOCK, Timeout=30)
        reached = attack(deployed, [["127.0.0.1", 9001], ["127.0.0.1", port], *targets])["Payload"]
        # The first are its own Runtime API and its own door: it can knock.
        assert reached[:2] == [True, True]
        assert [target for target, hit in zip(targets, reached[2:], strict=True) if hit] == []
        connect = f"""
import socket
def handler(event, context):
    try:
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).connect({abstract!r})
    except OSError as error:
        return type(error).__name__
"""
        assert attack(function(connect))["Payload"] == "ConnectionRefusedError"


@contextlib.contextmanager
def abstract_listener():
    """A socket that needs no file, and that only the network namespace hides."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        name = f"\0lambent-test-{os.getpid()}"
        listener.bind(name)
        listener.listen()
        yield name
