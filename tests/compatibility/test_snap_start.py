"""SnapStart as boto3 asks for it: versions that initialise once, when they are published."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.functions import WHOLE_CPU, deploy
from tests.support.http_requests import send
from tests.support.refusals import refusal
from tests.support.server import running_server
from tests.support.waiting import eventually, wait_logged

ON = {"ApplyOn": "PublishedVersions"}
RUNTIME = "python3.12"
TELLING = """
import os, random, socket, sys, time, uuid
from snapshot_restore_py import register_after_restore, register_before_snapshot

made = uuid.uuid4().hex
seen = []
register_before_snapshot(seen.append, "before")
register_after_restore(seen.append, "after")
os.makedirs("/tmp/made")
with open("/tmp/made/" + made, "w") as file:
    file.write(made)

def handler(event, context):
    if event.get("exit"):
        os._exit(event["exit"])
    if event.get("write"):
        open("/tmp/" + event["write"], "w").close()
    listening = socket.create_server(("127.0.0.1", 8080))
    time.sleep(event.get("seconds", 0))
    with open("/proc/self/status") as status:
        capabilities = [line.split()[1] for line in status if line.startswith("Cap")]
    try:
        os.unshare(0x5C02_0000)
    except PermissionError:
        capabilities.append("kept")
    return {
        "made": made,
        "seen": seen,
        "kind": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"],
        "random": [random.random(), str(uuid.uuid4()), os.urandom(8).hex()],
        "files": [*sorted(os.listdir("/tmp")), *os.listdir("/tmp/made")],
        "capabilities": set(capabilities) == {"0" * 16, "kept"},
        "stream": context.log_stream_name,
        "key": os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        "network": os.readlink("/proc/self/ns/net"),
    }
"""


@pytest.fixture
def published(function):
    """A function whose version 1 has been published with SnapStart, and is settled."""

    def make(code=TELLING, **settings):
        options = {"runtime": RUNTIME, "Timeout": 20, "SnapStart": ON, **WHOLE_CPU, **settings}
        made = function(code, **options)
        publish(made)
        return made

    return make


def publish(deployed):
    answer = deployed.client.publish_version(FunctionName=deployed.name)
    assert (answer["State"], answer["StateReasonCode"]) == ("Pending", "Creating")
    return settled(deployed)


def settled(deployed):
    def look():
        answer = deployed.client.get_function_configuration(
            FunctionName=deployed.name, Qualifier="1"
        )
        return answer["State"] != "Pending" and answer

    return eventually(look, "a settled version")


def call(deployed, **event):
    return deployed.call(event, Qualifier="1")


def messages(deployed, text):
    return wait_logged(deployed, text)


def test_a_published_version_is_initialised_once_and_each_environment_restored(published):
    function = published()
    with ThreadPoolExecutor(3) as threads:
        told = list(threads.map(lambda _: call(function, seconds=1), range(3)))
    assert {each["made"] for each in told} == {told[0]["made"]}
    assert [each["seen"] for each in told] == [["before", "after"]] * 3
    assert {each["kind"] for each in told} == {"snap-start"}


def test_what_is_to_be_unique_is_in_each_environment(published):
    function = published()
    with ThreadPoolExecutor(3) as threads:
        told = list(threads.map(lambda _: call(function, seconds=1), range(3)))
    for what in ("stream", "key", "network"):
        assert len({each[what] for each in told}) == 3
    assert len({value for each in told for value in each["random"]}) == 9


def test_environments_have_their_own_files_beside_those_of_the_snapshot(published):
    function = published()
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(
            lambda name: call(function, seconds=1, write=name), ("one", "two")
        )
    assert first["files"] == ["made", "one", first["made"]]
    assert second["files"] == ["made", "two", first["made"]]


def test_no_privilege_is_left_and_none_can_be_had(published):
    assert call(published())["capabilities"]


def test_the_log_has_the_init_once_and_each_restore(published):
    function = published()
    call(function)
    report = messages(function, "REPORT RequestId")
    lines = [line.split("\t")[0].rstrip() for line in report]
    assert sum(line.startswith("INIT_START Runtime Version: python:3.12") for line in lines) == 1
    assert sum(line.startswith("INIT_REPORT Init Duration: ") for line in lines) == 1
    assert sum(line.startswith("RESTORE_START Runtime Version: python:3.12") for line in lines) == 1
    assert sum(line.startswith("RESTORE_REPORT Restore Duration: ") for line in lines) == 1
    [line] = [line for line in report if line.startswith("REPORT RequestId")]
    assert "\tRestore Duration: " in line
    assert "\tBilled Restore Duration: " in line
    assert "\tInit Duration: " not in line


def test_what_crashed_is_restored_again_and_keeps_its_files(published):
    function = published()
    first = call(function, write="kept")
    failed = function.fail({"exit": 3}, Qualifier="1")
    assert failed["errorType"] == "Runtime.ExitError"
    assert failed["errorMessage"].endswith("Runtime exited with error: exit status 3")
    second = call(function)
    assert (second["stream"], second["made"]) == (first["stream"], first["made"])
    assert "kept" in second["files"]


def test_a_version_that_does_not_initialise_fails(function):
    made = function("raise RuntimeError('never')", runtime=RUNTIME, SnapStart=ON, **WHOLE_CPU)
    answer = publish(made)
    assert (answer["State"], answer["StateReasonCode"]) == ("Failed", "FunctionError")
    assert answer["StateReason"] == "An error occurred during function initialization."
    assert answer["SnapStart"] == {**ON, "OptimizationStatus": "Off"}
    assert refusal(made.invoke, Qualifier="1").code == "ResourceConflictException"
    messages(made, "INIT_REPORT")


@pytest.mark.parametrize(
    ("hook", "line"),
    [
        (
            "def hook(): raise RuntimeError('not ready')",
            "Status: error\tError Type: Runtime.AfterRestoreError",
        ),
        (
            "def hook():\n    import os\n    os._exit(5)",
            "Status: error\tError Type: Runtime.ExitError",
        ),
    ],
)
def test_a_restore_that_fails_is_answered_to_the_caller(published, hook, line):
    function = published(
        f"{hook}\nfrom snapshot_restore_py import register_after_restore\n"
        "register_after_restore(hook)\ndef handler(event, context): pass\n"
    )
    refused = refusal(function.invoke, Qualifier="1")
    assert refused.code == "SnapStartException"
    logged = messages(function, line)
    assert any(each.startswith("RESTORE_REPORT Restore Duration: ") for each in logged)


def test_a_hook_before_the_snapshot_that_fails_fails_the_version(function):
    code = (
        "from snapshot_restore_py import register_before_snapshot\n"
        "def hook(): raise RuntimeError('not ready')\n"
        "register_before_snapshot(hook)\ndef handler(event, context): pass\n"
    )
    made = function(code, runtime=RUNTIME, SnapStart=ON, **WHOLE_CPU)
    assert publish(made)["State"] == "Failed"
    messages(made, "Status: error\tError Type: Runtime.BeforeSnapshotError")


@pytest.mark.parametrize(
    "first",
    [
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "import subprocess\nsubprocess.Popen(['/bin/sleep', '60'])",
    ],
)
def test_where_no_snapshot_can_be_taken_each_environment_initialises(published, first):
    function = published(f"{first}\n{TELLING}")
    with ThreadPoolExecutor(2) as threads:
        told = list(threads.map(lambda _: call(function, seconds=1), range(2)))
    assert told[0]["made"] != told[1]["made"]
    assert [each["seen"] for each in told] == [["before", "after"]] * 2
    assert {each["kind"] for each in told} == {"snap-start"}


def test_open_sockets_in_a_snapshot_are_warned_of(published):
    function = published(
        "import socket\nopen_one = socket.socket()\ndef handler(event, context): return 1\n"
    )
    warning = messages(function, "sockets were open when the snapshot was taken")
    assert sum("SnapStart: 1 sockets" in line for line in warning) == 1


def test_latest_is_never_restored(published):
    function = published()
    told = function.call()
    assert told["kind"] == "on-demand"
    assert told["seen"] == []


def test_the_setting_is_answered(function):
    made = function(TELLING, runtime=RUNTIME, **WHOLE_CPU)
    described = made.client.get_function_configuration(FunctionName=made.name)
    assert described["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    updated = made.client.update_function_configuration(FunctionName=made.name, SnapStart=ON)
    assert updated["SnapStart"] == {**ON, "OptimizationStatus": "Off"}
    made.client.get_waiter("function_updated_v2").wait(
        FunctionName=made.name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600}
    )
    assert publish(made)["SnapStart"] == {**ON, "OptimizationStatus": "On"}


def test_with_provisioned_concurrency_it_is_refused(published):
    function = published()
    refused = refusal(
        function.client.put_provisioned_concurrency_config,
        FunctionName=function.name,
        Qualifier="1",
        ProvisionedConcurrentExecutions=1,
    )
    assert refused.code == "InvalidParameterValueException"
    assert "SnapStart" in refused.message


def test_after_a_restart_of_the_server_the_snapshot_is_made_again(tmp_path):
    with running_server(tmp_path / "data") as server:
        made = deploy(server, TELLING, runtime=RUNTIME, SnapStart=ON, Timeout=20, **WHOLE_CPU)
        publish(made)
    with running_server(tmp_path / "data") as server:
        made.server, made.client = server, server.client()
        first = call(made)
        assert first["seen"] == ["before", "after"]

        sizes = itertools.count(2)

        def restored():
            size = next(sizes)  # one more than there are environments
            with ThreadPoolExecutor(size) as threads:
                list(threads.map(lambda _: call(made, seconds=0.2), range(size)))
            return any(line.startswith("RESTORE_START") for line in messages(made, "REPORT"))

        eventually(restored, "a restored environment")


def test_environments_are_listed_with_their_kind(published, server):
    function = published()
    call(function)
    answer = send(server, "GET", f"/_lambent/environments?function={function.name}")
    assert [each["kind"] for each in answer.document["environments"]] == ["snap-start"]
