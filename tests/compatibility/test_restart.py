"""What was answered is kept, however the server ends."""

from __future__ import annotations

import contextlib
import json
import urllib.request

import pytest
from tests.support.functions import Deployed, deploy
from tests.support.refusals import refusal
from tests.support.server import run_lambent, running_server
from tests.support.waiting import wait_logged

CODE = "import os\ndef handler(event, context):\n    print('got', event)\n    return {}\n"
ANSWERING = CODE.replace("{}", "os.environ['SECRET']")


@pytest.fixture
def restarted(tmp_path):
    """A function calls `again(server)` to kill a server and go on with another on its data."""
    with contextlib.ExitStack() as stack:

        def start():
            return stack.enter_context(running_server(tmp_path / "data"))

        def again(server):
            server.kill()
            return start()

        yield start(), again


def test_everything_answered_survives_a_kill(restarted):
    server, again = restarted
    secret = {"Variables": {"SECRET": "sesame"}}
    greet = deploy(server, ANSWERING, FunctionName="greet", Tags={"a": "1"}, Environment=secret)
    client = greet.client
    client.publish_version(FunctionName="greet", Description="first")
    client.tag_resource(Resource=arn_of(client, "greet"), Tags={"b": "2"})
    client.update_function_configuration(FunctionName="greet", Description="changed")
    client.get_waiter("function_updated_v2").wait(
        FunctionName="greet", WaiterConfig={"Delay": 0.02}
    )
    before = everything(client)
    assert greet.call("x") == "sesame"
    logged = wait_logged(greet, "REPORT")
    logs = server.client("logs")
    logs.put_retention_policy(logGroupName="/aws/lambda/greet", retentionInDays=7)

    server = again(server)
    assert everything(server.client()) == before
    greet = Deployed(name="greet", server=server, client=server.client())
    assert wait_logged(greet, "REPORT") == logged
    (group,) = server.client("logs").describe_log_groups()["logGroups"]
    assert group["retentionInDays"] == 7
    assert greet.call("y") == "sesame"
    location = greet.client.get_function(FunctionName="greet")["Code"]["Location"]
    with urllib.request.urlopen(location) as answer:
        assert len(answer.read()) == before["configuration"]["CodeSize"]


def arn_of(client, name):
    return client.get_function_configuration(FunctionName=name)["FunctionArn"]


def everything(client):
    function = client.get_function(FunctionName="greet")
    versions = client.list_versions_by_function(FunctionName="greet")["Versions"]
    return {"configuration": function["Configuration"], "tags": function["Tags"], "all": versions}


def test_a_kill_right_after_an_answer_loses_nothing(restarted):
    server, again = restarted
    made = []
    for number in range(3):
        client = server.client()
        name = f"f{number}"
        client.create_function(**function_named(name))
        made.append(name)
        client.delete_function(FunctionName="f0") if number == 1 else None
        server = again(server)
        client = server.client()
        client.get_waiter("function_active_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": 500}
        )
    assert [each["FunctionName"] for each in client.list_functions()["Functions"]] == ["f1", "f2"]
    assert refusal(client.get_function, FunctionName="f0").status == 404
    log = server.log.read_text()
    assert "Traceback" not in log
    assert "sesame" not in log


def test_nothing_secret_is_legible_on_disk(restarted):
    server, _ = restarted
    secret = {"Variables": {"SECRET": "sesame-0123456789"}}
    deploy(server, CODE, Environment=secret)
    server.stop()
    for path in server.data_dir.rglob("*"):
        if path.is_file():
            assert b"sesame-0123456789" not in path.read_bytes(), path
    assert server.data_dir.joinpath("key").stat().st_mode & 0o077 == 0


def test_a_stop_is_clean_and_the_next_start_has_everything(restarted):
    server, again = restarted
    server.client().create_function(**function_named("kept"))
    assert server.stop() == 0
    log = server.log.read_text()
    assert "Traceback" not in log
    server = again(server)
    assert server.client().get_function(FunctionName="kept")


def test_a_second_server_on_the_same_data_says_so(restarted):
    server, _ = restarted
    finished = run_lambent("serve", "--port", "0", "--data-dir", str(server.data_dir))
    assert finished.returncode == 1
    assert str(server.data_dir) in finished.stderr
    assert f"process {server.process.pid}" in finished.stderr
    with urllib.request.urlopen(f"{server.url}/health") as answer:
        assert json.load(answer)["status"] == "ok"
