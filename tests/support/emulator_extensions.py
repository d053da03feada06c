"""External extensions for tests of `lambent rie`: small programs, in a directory of layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.emulator import PYTHON

if TYPE_CHECKING:
    from pathlib import Path

_HEAD = """#!{python} -I
import json, os, signal, sys, time
from http.client import HTTPConnection

NAME = os.path.basename(sys.argv[0])
INSTANCE = os.environ["_INSTANCE"]

def say(*words):
    print(NAME, INSTANCE, *words, flush=True)

def ask(method, path, body=None, **headers):
    connection = HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    named = {{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request(method, "/2020-01-01/extension/" + path, body, named)
    response = connection.getresponse()
    return response.status, dict(response.getheaders()), json.loads(response.read() or b"null")

def register(*events, name=NAME):
    body = json.dumps({{"events": events}})
    status, head, said = ask("POST", "register", body, Lambda_Extension_Name=name)
    return status, head.get("Lambda-Extension-Identifier", ""), said

def next_event(identifier):
    return ask("GET", "event/next", Lambda_Extension_Identifier=identifier)
"""

# Registers, and prints each event it gets.
LISTENER = """
status, identifier, said = register("INVOKE", "SHUTDOWN")
say("registered", status, json.dumps(said))
while True:
    _, head, event = next_event(identifier)
    say("heard", json.dumps(event))
    if event["eventType"] == "SHUTDOWN":
        break
"""

# Has made every mistake there is by the time it goes on as it should.
PROBER = """
def probe(name, answer):
    status, _, said = answer
    say("probe", json.dumps([name, status, said.get("errorType"), said.get("errorMessage")]))

EVENTS = '{"events": ["INVOKE"]}'
UNKNOWN = "00000000-0000-4000-8000-000000000000"
probe("no name", ask("POST", "register", EVENTS))
probe("no JSON", ask("POST", "register", "nonsense", Lambda_Extension_Name=NAME))
probe("no event", register("FOO"))
probe("internal shutdown", register("SHUTDOWN", name="inner"))
_, identifier, _ = register("INVOKE")
probe("twice", register("INVOKE"))
probe("no identifier", ask("GET", "event/next"))
probe("no UUID", next_event("nonsense"))
probe("unknown identifier", next_event(UNKNOWN))
while True:
    next_event(identifier)
"""

# Ends before it has registered.
DEAD = "sys.exit(7)\n"

# Never registers.
SILENT = "time.sleep(600)\n"

# Registers, says who it is, and stays whatever it is told.
STAYING = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
_, identifier, _ = register("SHUTDOWN")
say("is", os.getpid())
_, _, event = next_event(identifier)
say("has", event["deadlineMs"] - time.time_ns() // 1_000_000, "ms")
time.sleep(600)
"""

# Says that it cannot begin.
UNFIT = """
_, identifier, _ = register("INVOKE")
error = {"Lambda-Extension-Function-Error-Type": "Extension.NoConfiguration"}
ask("POST", "init/error", "{}", Lambda_Extension_Identifier=identifier, **error)
sys.exit(1)
"""

# Says with the first invocation that it cannot go on.
LEAVING = """
_, identifier, _ = register("INVOKE")
next_event(identifier)
error = {"Lambda-Extension-Function-Error-Type": "Extension.NoConnection"}
ask("POST", "exit/error", "{}", Lambda_Extension_Identifier=identifier, **error)
sys.exit(1)
"""

# Registers, and ends with the first invocation.
MORTAL = """
_, identifier, _ = register("INVOKE")
next_event(identifier)
sys.exit(3)
"""


def write_extension(layers: Path, name: str, program: str) -> Path:
    """Put an extension where LAMBENT_LAYERS_ROOT is to lead; the layers' directory."""
    file = layers / "extensions" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_HEAD.format(python=PYTHON) + program)
    file.chmod(0o755)
    return layers
