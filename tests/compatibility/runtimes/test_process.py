"""The function's own process, as the function and the kernel see it: the same for every start."""

from __future__ import annotations

import pytest
from tests.support.programs import two_nodes, two_pythons

PYTHON = """
import os, resource, sys

def lines(name):
    with open(name) as file:
        return dict(line.rstrip("\\n").partition(":\\t")[::2] for line in file)

def names(name):
    with open(name, "rb") as file:
        return [part.decode() for part in file.read().split(b"\\0") if part]

def command(pid):
    try:
        return names(f"/proc/{pid}/cmdline")
    except OSError:
        return None

STATUS = lines("/proc/self/status")
STARTED_WITH = names("/proc/self/environ")

def handler(event, context):
    return {
        "status": STATUS,
        "environ": STARTED_WITH,
        "cmdline": names("/proc/self/cmdline"),
        "exe": os.readlink("/proc/self/exe"),
        "descriptors": {
            n: os.readlink(f"/proc/self/fd/{n}")
            for n in os.listdir("/proc/self/fd")
            if os.path.exists(f"/proc/self/fd/{n}") or n in "0123"
        },
        "mapped": sorted({line.split()[5] for line in open("/proc/self/maps") if "/" in line}),
        "commands": [command(pid) for pid in os.listdir("/proc") if pid.isdigit()],
        "argv": sys.argv,
        "executable": sys.executable,
        "path": sys.path,
        "cwd": os.getcwd(),
        "umask": os.umask(0o22),
        "main": sys.modules["__main__"].__file__,
        "files": resource.getrlimit(resource.RLIMIT_NOFILE),
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "standard": [(s.encoding, s.isatty()) for s in (sys.stdin, sys.__stdout__)],
        "hash": sys.flags.hash_randomization,
    }
"""
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
BOOTSTRAP = "/var/runtime/lambent/bootstrap.py"


@pytest.fixture
def seen(function, runtime):
    """What a Python function sees of its process."""
    return function(runtime, {"main.py": PYTHON}, Environment={"Variables": {"OWN": "x y"}}).call()


@two_pythons
def test_the_process_has_no_privilege_and_can_get_none(seen):
    status = seen["status"]
    assert {int(status[name], 16) for name in CAPABILITIES} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"], status["Seccomp_filters"]) == ("1", "2", "1")
    assert len(set(status["Uid"].split())) == len(set(status["Gid"].split())) == 1
    assert status["Uid"].split()[0] != "0"
    assert status["Groups"].strip() == ""
    assert (status["Threads"], status["Umask"]) == ("1", "0022")


@two_pythons
def test_signals_are_what_the_interpreter_makes_of_them(seen):
    status = seen["status"]
    ignored = 1 << (13 - 1) | 1 << (25 - 1)  # SIGPIPE and SIGXFSZ
    interrupt = 1 << (2 - 1)
    # 32 and 33 are the C library's own, and no program can set them: where whatever started
    # everything ignores them, so does every process.
    own = 1 << (32 - 1) | 1 << (33 - 1)
    assert int(status["SigBlk"], 16) == 0
    assert int(status["SigIgn"], 16) & ~own == ignored
    assert int(status["SigCgt"], 16) == interrupt


@two_pythons
def test_nothing_but_its_own_descriptors_is_open(seen):
    kinds = {number: target.partition(":")[0] for number, target in seen["descriptors"].items()}
    assert kinds.pop("0") == "/dev/null"
    assert [kinds.pop(number) for number in "1234"] == ["pipe", "pipe", "pipe", "socket"]
    assert all(kind.startswith("/proc/") for kind in kinds.values())  # the directory just read
    assert seen["descriptors"]["1"] == seen["descriptors"]["2"] != seen["descriptors"]["3"]


@two_pythons
def test_the_kernel_shows_what_it_was_started_with(seen, runtime):
    assert seen["cmdline"] == [seen["executable"], BOOTSTRAP]
    assert seen["exe"] == seen["executable"]
    started_with = dict(entry.partition("=")[::2] for entry in seen["environ"])
    assert started_with["OWN"] == "x y"
    assert started_with["_HANDLER"] == "main.handler"
    assert started_with["PWD"] == "/var/task"
    assert started_with["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{runtime}"
    assert not any(name.startswith("LAMBENT") for name in started_with)
    assert seen["mapped"]
    places = ("/var/lang/", "/usr/", "/lib", "/var/runtime/")
    assert all(path.startswith(places) for path in seen["mapped"])


@two_pythons
def test_no_other_process_of_the_platform_is_in_sight(seen):
    interpreters = [line for line in seen["commands"] if line and BOOTSTRAP in line]
    assert interpreters == [seen["cmdline"]]


@two_pythons
def test_the_interpreter_is_as_it_is_after_a_plain_start(seen):
    assert seen["argv"] == [BOOTSTRAP]
    assert seen["main"] == BOOTSTRAP
    assert seen["cwd"] == "/var/task"
    assert seen["path"][0] == "/var/task"
    assert "/var/runtime/lambent" not in seen["path"]
    assert len(seen["path"]) == len(set(seen["path"]))
    assert seen["files"] == [1024, 1024]
    assert seen["core"] == [0, 0]
    assert seen["standard"] == [["utf-8", False]] * 2
    assert seen["hash"] == 1


NODE = """
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
const status = Object.fromEntries(
  readFileSync("/proc/self/status", "utf8").trim().split("\\n").map((line) => line.split(":\\t")));
export const handler = async () => ({
  status,
  argv: process.argv,
  execArgv: process.execArgv,
  cwd: process.cwd(),
  variables: Object.keys(process.env),
  standard: ["0", "1", "2", "3"].map((n) => readlinkSync(`/proc/self/fd/${n}`).split(":")[0]),
  listeners: process.eventNames().map(String),
});
"""


@two_nodes
def test_node_is_as_it_is_after_a_plain_start(function, runtime):
    deployed = function(runtime, {"main.mjs": NODE}, Environment={"Variables": {"OWN": "x y"}})
    seen = deployed.call()
    assert {int(seen["status"][name], 16) for name in CAPABILITIES} == {0}
    assert seen["status"]["NoNewPrivs"] == "1"
    assert seen["argv"][1:] == [BOOTSTRAP.replace(".py", ".mjs")]
    assert "--max-old-space-size=1593" in seen["execArgv"]
    assert seen["cwd"] == "/var/task"
    assert {"OWN", "PWD", "_HANDLER"} <= set(seen["variables"])
    assert seen["standard"] == ["/dev/null", "pipe", "pipe", "pipe"]
