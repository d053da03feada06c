"""What a soak run does: functions that misbehave, and the steps of each client, from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

Action = Literal[
    "echo", "big", "flood", "fill", "daemon", "fail", "leave", "crash", "hoard", "sleep",
    "break_extension", "update_code", "update_configuration", "recreate",
]  # fmt: skip
# How many of a thousand steps are of each kind; the rest are echoes.
SHARES: dict[Action, int] = {
    "big": 10,
    "flood": 10,
    "fill": 10,
    "daemon": 10,
    "fail": 30,
    "leave": 20,
    "crash": 10,
    "hoard": 8,
    "sleep": 6,
    "break_extension": 10,
    "update_code": 5,
    "update_configuration": 5,
    "recreate": 3,
}
# The error types a caller may be told, by what the function was asked to do.
ERRORS: dict[Action, frozenset[str]] = {
    "fail": frozenset({"Refused"}),
    "leave": frozenset({"Runtime.ExitError"}),
    "crash": frozenset({"Runtime.ExitError"}),
    "hoard": frozenset({"Runtime.ExitError"}),
    "sleep": frozenset({"Sandbox.Timedout"}),
}
# Of functions that are to run out of time, and of the others, which are not, however busy the
# machine is.
SHORT_SECONDS, LONG_SECONDS = 3, 50

PYTHON = """
import os, subprocess, time

MARK = {mark}

class Refused(Exception):
    pass

def handler(event, context):
    return {{"mark": MARK, "answer": globals()[event["do"]](event["with"])}}

def echo(value):
    return value

def big(value):
    return "x" * (100_000 + value)

def flood(value):
    for number in range(500):
        print("line", number, "of", value)
    return value

def fill(value):
    with open("/tmp/filled", "wb") as file:
        file.write(bytes(5_000_000))
    return value

def daemon(value):
    subprocess.Popen(["sleep", "3600"], start_new_session=True)
    return value

def fail(value):
    raise Refused(value)

def leave(value):
    os._exit(value % 256)

def crash(value):
    os.kill(os.getpid(), 11)
    time.sleep(60)

def hoard(value):
    hoard = []
    while True:
        hoard.append(bytearray(b"x" * 10_000_000))

def sleep(value):
    time.sleep(3600)

def break_extension(value):
    open("/tmp/break", "w").close()
    return value
"""
NODEJS = """
const {{ spawn }} = require("child_process");
const fs = require("fs");

class Refused extends Error {{
  constructor(message) {{
    super(message);
    this.name = "Refused";
  }}
}}

const actions = {{
  echo: (value) => value,
  big: (value) => "x".repeat(100000 + value),
  flood: (value) => {{
    for (let number = 0; number < 500; number += 1) console.log("line", number, "of", value);
    return value;
  }},
  fill: (value) => {{
    fs.writeFileSync("/tmp/filled", Buffer.alloc(5000000));
    return value;
  }},
  daemon: (value) => {{
    spawn("sleep", ["3600"], {{ detached: true, stdio: "ignore" }}).unref();
    return value;
  }},
  fail: (value) => {{ throw new Refused(value); }},
  leave: (value) => process.exit(value % 256),
  crash: () => {{ process.kill(process.pid, 11); return new Promise(() => {{}}); }},
  hoard: () => {{
    const hoard = [];
    for (;;) hoard.push(Buffer.alloc(10000000, "x"));
  }},
  sleep: () => new Promise((resolve) => setTimeout(resolve, 3600000)),
  break_extension: (value) => value,
}};

exports.handler = async (event) => (
  {{ mark: {mark}, answer: await actions[event.do](event.with) }}
);
"""
# An external extension that ends in the middle of its work when the function asks for it.
EXTENSION = """#!/usr/bin/env python3
import json, os, pathlib, sys, urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"

def call(path, headers, body=None):
    with urllib.request.urlopen(urllib.request.Request(API + path, body, headers)) as answer:
        return answer.headers, json.load(answer)

name = pathlib.Path(__file__).name
headers, _ = call(
    "register", {"Lambda-Extension-Name": name}, b'{"events": ["INVOKE", "SHUTDOWN"]}'
)
mine = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
while True:
    event = call("event/next", mine)[1]
    if event["eventType"] == "SHUTDOWN":
        break
    if os.path.exists("/tmp/break"):
        os.remove("/tmp/break")
        sys.exit(1)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One of the functions of a run."""

    index: int
    runtime: str
    memory_mib: int
    has_extension: bool
    is_shared: bool  # several clients use it at once; otherwise it is one client's own
    is_impatient: bool

    @property
    def name(self) -> str:
        return f"soak-{self.index}"

    @property
    def timeout_seconds(self) -> int:
        return SHORT_SECONDS if self.is_impatient else LONG_SECONDS

    @property
    def is_python(self) -> bool:
        return self.runtime.startswith("python")

    def source(self, mark: int) -> dict[str, str]:
        """Its files; `mark` is part of every answer, and tells which code gave it."""
        name, text = ("main.py", PYTHON) if self.is_python else ("main.js", NODEJS)
        return {name: text.format(mark=mark)}

    def errors(self, action: Action) -> frozenset[str]:
        """The errors a caller may be told; anything else is wrong."""
        expected = set(ERRORS.get(action, ()))
        if self.has_extension:
            expected.add("Extension.Crash")
        if self.is_impatient:
            expected.add("Sandbox.Timedout")
        return frozenset(expected)


@dataclass(frozen=True, slots=True)
class Step:
    function: Function
    action: Action
    value: int


def make_functions(count: int, runtimes: list[str]) -> list[Function]:
    """Of every runtime about as many, half of them shared, some Pythons with an extension."""
    made = []
    for index in range(count):
        runtime = runtimes[index % len(runtimes)]
        is_python = runtime.startswith("python")
        has_extension = is_python and index % 3 == 0
        made.append(
            Function(
                index=index,
                runtime=runtime,
                memory_mib=256 if is_python and not has_extension else 512,
                has_extension=has_extension,
                is_shared=index // len(runtimes) % 2 == 0,
                is_impatient=index % 4 == 1,
            )
        )
    return made


def make_steps(
    functions: list[Function], invocations: int, clients: int, seed: int
) -> list[list[Step]]:
    """Each client's steps, in order: the same for the same seed."""
    source = random.Random(seed)
    actions: list[Action] = [*SHARES, "echo"]
    weights = [*SHARES.values(), 1000 - sum(SHARES.values())]
    steps: list[list[Step]] = [[] for _ in range(clients)]
    impatient = [each for each in functions if each.is_impatient]
    for number in range(invocations):
        [action] = source.choices(actions, weights)
        function = source.choice(impatient if action == "sleep" else functions)
        if function.is_shared and action == "recreate":
            action = "update_code"  # others would meet a function that is not there
        client = number if function.is_shared else function.index
        steps[client % clients].append(Step(function, action, source.randrange(1, 256)))
    return steps
