"""What was answered is kept, however the server ends."""

from __future__ import annotations

import contextlib
import json
import urllib.request

import pytest
from tests.support.accounts import Account
from tests.support.functions import Deployed, deploy
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
    for number in range(2):
        Account(id="000000000000", server=server).create(f"f{number}")
        if number == 1:
            server.client().delete_function(FunctionName="f0")
        server = again(server)
        Account(id="000000000000", server=server).settle(f"f{number}")
    functions = server.client().list_functions()["Functions"]
    assert [each["FunctionName"] for each in functions] == ["f1"]
    assert "Traceback" not in server.log.read_text()


def test_a_stop_is_clean_and_leaves_no_secret_legible(restarted):
    server, again = restarted
    secret = {"Variables": {"SECRET": "sesame-0123456789"}}
    Account(id="000000000000", server=server).create("kept", Environment=secret)
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()
    for path in [server.log, *server.data_dir.rglob("*")]:
        if path.is_file():
            assert b"sesame-0123456789" not in path.read_bytes(), path
    assert server.data_dir.joinpath("key").stat().st_mode & 0o077 == 0
    kept = again(server).client().get_function_configuration(FunctionName="kept")
    assert kept["Environment"] == secret


def test_a_second_server_on_the_same_data_says_so_and_harms_nothing(server):
    finished = run_lambent("serve", "--port", "0", "--data-dir", str(server.data_dir))
    assert finished.returncode == 1
    assert str(server.data_dir) in finished.stderr
    assert f"process {server.process.pid}" in finished.stderr
    with urllib.request.urlopen(f"{server.url}/health") as answer:
        assert json.load(answer)["status"] == "ok"
