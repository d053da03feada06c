"""Extensions as real programs in layers, against a running server."""

from __future__ import annotations

import itertools
import os
import time

import pytest
from tests.support.functions import WHOLE_CPU, Deployed, deploy, zipped
from tests.support.server import running_server
from tests.support.waiting import wait_logged

# An extension as people write them: nothing but the standard library, and told what to do by
# variables of the function's.
EXTENSION = """\
#!/usr/bin/python3
import json, os, sys, time, urllib.request

NAME = os.path.basename(sys.argv[0])
URL = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"

def ask(method, path, body=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(URL + path, body, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        return answer.headers, json.loads(answer.read())

def say(*words):
    print(NAME, *words, flush=True)

def main():
    wish = os.environ.get("WISH", "")
    if wish == "crash at start":
        sys.exit(7)
    events = json.dumps({"events": os.environ.get("EVENTS", "INVOKE SHUTDOWN").split()})
    headers, whose = ask("POST", "register", events.encode(), Lambda_Extension_Name=NAME)
    me = {"Lambda_Extension_Identifier": headers["Lambda-Extension-Identifier"]}
    say("registered for", whose["functionName"], "without" if "_HANDLER" not in os.environ else "with")
    if wish == "fail to initialise":
        ask("POST", "init/error", b"{}", Lambda_Extension_Function_Error_Type="Extension.Mine", **me)
        sys.exit(1)
    while True:
        _, event = ask("GET", "event/next", **me)
        say(event["eventType"], event.get("requestId", event.get("shutdownReason")))
        if event["eventType"] == "SHUTDOWN":
            if wish == "stay":
                time.sleep(60)
            open("/tmp/told", "a").write(event["shutdownReason"] + "\\n")
            say("bye")
            return
        if wish == "be slow":
            time.sleep(1)
        if wish == "crash":
            sys.exit(9)
        if wish == "exit with an error":
            ask("POST", "exit/error", b"{}", Lambda_Extension_Function_Error_Type="Mine.Error", **me)
            sys.exit(3)

main()
"""
FUNCTION = """\
import os, time
def handler(event, context):
    time.sleep(event.get("sleep", 0))
    if event.get("exit"):
        os._exit(1)
    path = "/tmp/told"
    return open(path).read().split() if os.path.exists(path) else []
"""
_numbers = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    data = tmp_path_factory.mktemp("extensions") / "data"
    with running_server(data, "--freeze-after-seconds", "0.1", "--idle-seconds", "2") as server:
        yield server


@pytest.fixture
def with_extension(server):
    """A function with the extension, which does what WISH says."""

    def make(wish="", *, files=FUNCTION, program=EXTENSION, mode=True, **settings):
        path = "extensions/watcher"
        layer = server.client().publish_layer_version(
            LayerName=f"extension-{os.getpid()}-{next(_numbers)}",
            Content={"ZipFile": zipped({path: program}, executable=(path,) if mode else ())},
        )
        variables = {"WISH": wish, **settings.pop("variables", {})}
        return deploy(
            server,
            files,
            Layers=[layer["LayerVersionArn"]],
            Environment={"Variables": variables},
            **WHOLE_CPU,
            **settings,
        )

    return make


def wait_for_line(function, text):
    """The lines of the log that have the text, once there is one."""
    return [line.rstrip("\n") for line in wait_logged(function, text) if text in line]


def test_an_external_extension_follows_the_function_s_life(with_extension):
    function = with_extension()
    assert function.call() == []
    request_id = function.invoke()["ResponseMetadata"]["RequestId"]
    wait_for_line(function, f"watcher INVOKE {request_id}")
    lines = wait_for_line(function, "watcher registered")
    assert lines == [f"watcher registered for {function.name} without"]
    [line] = wait_for_line(function, "EXTENSION")
    assert line == "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]"
    # Idle for two seconds: frozen in between, thawed to be told.
    wait_for_line(function, "watcher SHUTDOWN spindown")
    wait_for_line(function, "watcher bye")


def test_a_slow_extension_holds_the_invocation_but_not_its_caller(with_extension):
    function = with_extension("be slow", Timeout=30)
    function.call()
    [report] = wait_for_line(function, "REPORT")
    assert float(report.split("Duration: ")[1].split()[0]) >= 1000


def test_a_server_that_stops_waits_for_an_extension_that_is_still_at_work(tmp_path):
    path = "extensions/watcher"
    with running_server(tmp_path / "data") as server:
        layer = server.client().publish_layer_version(
            LayerName="slow", Content={"ZipFile": zipped({path: EXTENSION}, executable=(path,))}
        )
        function = deploy(
            server,
            FUNCTION,
            Layers=[layer["LayerVersionArn"]],
            Environment={"Variables": {"WISH": "be slow"}},
            Timeout=30,
            **WHOLE_CPU,
        )
        function.call()
        assert server.stop() == 0
    with running_server(tmp_path / "data") as server:
        function = Deployed(name=function.name, server=server, client=server.client())
        [report] = wait_for_line(function, "REPORT")
        assert float(report.split("Duration: ")[1].split()[0]) >= 1000
        wait_for_line(function, "watcher SHUTDOWN spindown")


def test_a_crash_of_the_extension_is_the_function_s_error(with_extension):
    function = with_extension("crash", files=FUNCTION.replace('event.get("sleep", 0)', "2"))
    error = function.fail()
    assert error["errorType"] == "Extension.Crash"
    assert error["errorMessage"].endswith(" Error: exit status 9")
    [report] = wait_for_line(function, "REPORT")
    assert report.endswith("Status: error\tError Type: Extension.Crash")


def test_an_exit_the_extension_announced_has_its_own_type(with_extension):
    files = FUNCTION.replace('event.get("sleep", 0)', "2")
    error = with_extension("exit with an error", files=files).fail()
    assert error["errorType"] == "Extension.ExitError"


@pytest.mark.parametrize(
    ("wish", "error_type"),
    [("crash at start", "Extension.Crash"), ("fail to initialise", "Extension.InitError")],
)
def test_an_extension_that_fails_in_init_fails_it_twice(with_extension, wish, error_type):
    function = with_extension(wish)
    assert function.fail()["errorType"] == error_type
    wait_for_line(function, "Phase: invoke")
    reports = wait_for_line(function, "INIT_REPORT")
    assert [line.split("\t", 1)[1] for line in reports] == [
        f"Phase: {phase}\tStatus: error\tError Type: {error_type}" for phase in ("init", "invoke")
    ]


def test_a_file_nobody_may_execute_is_a_launch_error(with_extension):
    function = with_extension(mode=False)
    error = function.fail()
    assert error["errorType"] == "Extension.LaunchError"
    assert error["errorMessage"].endswith("fork/exec /opt/extensions/watcher: permission denied")


def test_after_a_time_out_the_extension_is_told_and_tmp_stays(with_extension):
    function = with_extension(Timeout=3)  # a slow host starts it anew in that time
    assert function.fail({"sleep": 5})["errorType"] == "Sandbox.Timedout"
    assert function.call() == ["timeout"]


def test_after_a_crash_of_the_runtime_the_extension_is_told(with_extension):
    function = with_extension()
    assert function.fail({"exit": True})["errorType"] == "Runtime.ExitError"
    assert function.call() == ["failure"]


def test_an_extension_that_stays_is_killed_after_two_seconds(with_extension):
    function = with_extension("stay", Timeout=3)
    began = time.monotonic()
    function.fail({"sleep": 5})
    assert time.monotonic() - began < 10
    assert function.call() == []


INTERNAL = """\
import json, os, threading, urllib.request
URL = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"
seen, came = [], threading.Condition()
def ask(method, path, body=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return urllib.request.urlopen(urllib.request.Request(URL + path, body, headers, method=method))
def follow(me):
    while True:
        event = json.load(ask("GET", "event/next", Lambda_Extension_Identifier=me))
        with came:
            seen.append(event["requestId"])
            came.notify_all()
answer = ask("POST", "register", b'{"events":["INVOKE"]}', Lambda_Extension_Name="inside")
threading.Thread(target=follow, args=[answer.headers["Lambda-Extension-Identifier"]], daemon=True).start()
def handler(event, context):
    with came:
        came.wait_for(lambda: context.aws_request_id in seen)
    return len(seen)
"""


def test_an_internal_extension_lives_in_the_runtime(server):
    function = deploy(server, INTERNAL, **WHOLE_CPU)
    assert [function.call() for _ in range(3)] == [1, 2, 3]
    # As often as it was initialised: on a busy machine the first time may take too long.
    lines = wait_for_line(function, "EXTENSION")
    assert set(lines) == {"EXTENSION\tName: inside\tState: Ready\tEvents: [INVOKE]"}


BACKGROUND = """\
import threading, time
count = 0
def work():
    global count
    while True:
        count += 1
        time.sleep(0.01)
threading.Thread(target=work, daemon=True).start()
def handler(event, context):
    return [count, time.time()]
"""


def test_background_work_stands_still_while_nobody_invokes(server):
    function = deploy(server, BACKGROUND, **WHOLE_CPU)
    first, began = function.call()
    time.sleep(1.5)
    second, ended = function.call()
    assert second >= first
    # A tenth of a second of grace is ten steps; unfrozen it would have taken a hundred and more.
    assert second - first < (ended - began) * 100 / 2
