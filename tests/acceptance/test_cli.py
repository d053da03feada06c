"""The `lambent` command as a person, or a script of theirs, uses it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.functions import WHOLE_CPU, Deployed, deploy
from tests.support.server import LAMBENT, run_lambent, running_server
from tests.support.waiting import eventually, wait_logged

ECHO = "def handler(event, context):\n    print('got', event)\n    return event\n"
FAILING = "def handler(event, context):\n    raise ValueError('no')\n"
SLOW = """
import time

def handler(event, context):
    print("at work", flush=True)
    time.sleep(event)
    return "done"
"""


@pytest.fixture
def lambent(server):
    def run(*arguments, **options):
        return run_lambent(*arguments, env={"LAMBENT_ENDPOINT": server.url}, **options)

    return run


def test_invoke_prints_the_result_and_shows_the_log(lambent, function):
    name = function(ECHO, **WHOLE_CPU).name
    finished = lambent("invoke", name, "--payload", '{"a": 1}')
    assert finished.returncode == 0
    assert finished.stdout == '{"a": 1}\n'
    assert "got {'a': 1}" in finished.stderr
    assert "REPORT RequestId: " in finished.stderr


def test_invoke_takes_its_payload_from_a_file_or_standard_input(lambent, function, tmp_path):
    name = function(ECHO, **WHOLE_CPU).name
    (tmp_path / "event.json").write_text('["from a file"]')
    from_file = lambent("invoke", name, "--no-log", "--payload", f"@{tmp_path}/event.json")
    assert (from_file.stdout, from_file.stderr) == ('["from a file"]\n', "")
    from_input = lambent("invoke", name, "--no-log", "--payload", "-", input='"from input"')
    assert from_input.stdout == '"from input"\n'


def test_invoke_for_programs_is_one_json_document(lambent, function):
    document = json.loads(lambent("invoke", function(ECHO, **WHOLE_CPU).name, "--json").stdout)
    assert document["payload"] == {}
    assert document["function_error"] is None
    assert document["executed_version"] == "$LATEST"
    assert "got {}" in document["log"]


def test_exit_status_tells_a_failed_function_from_one_that_was_not_run(lambent, function):
    failed = lambent("invoke", function(FAILING, **WHOLE_CPU).name)
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["errorMessage"] == "no"
    assert "The function failed (Unhandled)" in failed.stderr
    absent = lambent("invoke", "nobody")
    assert absent.returncode == 2
    assert "ResourceNotFoundException" in absent.stderr
    no_json = lambent("invoke", "nobody", "--payload", "{")
    assert no_json.returncode == 2
    silent = run_lambent("invoke", "x", "--endpoint-url", "http://127.0.0.1:1")
    assert silent.returncode == 2
    assert "lambent serve" in silent.stderr
    assert "Traceback" not in silent.stderr


def test_logs_prints_what_the_function_said(lambent, function):
    deployed = function(ECHO, **WHOLE_CPU)
    deployed.call("first")
    wait_logged(deployed, "REPORT")
    text = lambent("logs", deployed.name)
    assert text.returncode == 0
    assert "got first" in text.stdout
    events = lambent("logs", deployed.name, "--json", "--filter", "got").stdout.splitlines()
    assert [json.loads(event)["message"] for event in events] == ["got first\n"]
    absent = lambent("logs", "nobody")
    assert absent.returncode == 2
    assert "ResourceNotFoundException" in absent.stderr


def test_logs_follow_prints_events_that_come_later(server, function):
    deployed = function(ECHO, **WHOLE_CPU)
    deployed.call("early")
    wait_logged(deployed, "REPORT")
    command = [LAMBENT, "logs", deployed.name, "--follow", "--endpoint-url", server.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        watchdog = threading.Timer(30, following.kill)
        watchdog.start()
        assert following.stdout is not None
        assert any("got early" in line for line in following.stdout)
        deployed.call("late")
        assert any("got late" in line for line in following.stdout)
        following.send_signal(signal.SIGINT)
        assert following.wait() in (1, -signal.SIGINT)
        watchdog.cancel()


def test_runtime_list_says_what_is_ready_and_what_is_not():
    table = run_lambent("runtime", "list").stdout.splitlines()
    header = table[0].split()
    assert (header[0], header[-1]) == ("RUNTIME", "STATE")
    [custom] = [line for line in table if line.startswith("provided.al2023 ")]
    assert custom.endswith(" ready")
    listed = {
        each["runtime"]: each["unavailable_because"]
        for each in json.loads(run_lambent("runtime", "list", "--json").stdout)
    }
    assert listed["provided.al2023"] is None
    assert "dotnet8 cannot run here" in listed["dotnet8"]


def test_doctor_tells_about_every_limit():
    finished = run_lambent("doctor", "--json")
    found = {each["name"]: each["state"] for each in json.loads(finished.stdout)}
    assert {"namespaces", "memory", "cpu", "pids", "network"} <= found.keys()
    assert set(found.values()) <= {"enforced", "limited", "missing"}
    told = run_lambent("doctor")
    assert told.returncode == finished.returncode
    assert all(name in told.stdout for name in found)


def test_a_setting_that_cannot_be_is_refused_with_its_name(tmp_path):
    file = tmp_path / "lambent.toml"
    file.write_text("prot = 9000\n")
    refused = {
        ("--port", "99999"): "--port: '99999' must be a whole number from 0 to 65535",
        ("--isolation", "magic"): "--isolation: 'magic' must be one of namespaces, process",
        ("--config", str(file)): f"{file}: there is no such setting: prot; did you mean port?",
    }
    for options, message in refused.items():
        finished = run_lambent("serve", *options)
        assert (finished.returncode, finished.stderr) == (1, f"Error: {message}\n")
    finished = run_lambent("serve", env={"LAMBENT_PROT": "9000"})
    assert (finished.returncode, finished.stderr) == (
        1,
        "Error: LAMBENT_PROT: there is no such setting; did you mean port?\n",
    )


def test_a_second_server_on_the_same_data_says_so_and_ends(server):
    finished = run_lambent("serve", "--port", "0", "--data-dir", str(server.data_dir))
    assert finished.returncode == 1
    assert f"is in use by another server (process {server.process.pid})" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.skipif(
    shutil.which("bwrap", path="/usr/sbin:/sbin") is not None,
    reason="bubblewrap is where the server always looks",
)
def test_a_host_that_cannot_isolate_says_what_is_missing(tmp_path):
    options = ("--port", "0", "--data-dir", str(tmp_path / "data"))
    finished = run_lambent("serve", *options, env={"PATH": str(tmp_path)}, timeout=60)
    assert finished.returncode == 1
    assert finished.stderr.startswith("Error: this host cannot isolate functions:")
    assert "Traceback" not in finished.stderr


def test_a_port_in_use_is_said_and_ends_the_start(server, tmp_path):
    port = server.url.rpartition(":")[2]
    finished = run_lambent("serve", "--port", port, "--data-dir", str(tmp_path / "data"))
    assert finished.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_the_first_signal_lets_an_invocation_end(tmp_path):
    with running_server(tmp_path / "data") as server, ThreadPoolExecutor() as threads:
        slow = deploy(server, SLOW, Timeout=20, **WHOLE_CPU)
        answer = threads.submit(slow.call, 1.5)
        wait_logged(slow, "at work")
        assert server.stop() == 0
        assert answer.result() == "done"
        assert "stopping: waiting for invocations at work" in server.log.read_text()
    with running_server(tmp_path / "data") as server:
        again = Deployed(name=slow.name, server=server, client=server.client())
        assert any(message.startswith("END ") for message in wait_logged(again, "REPORT"))


def test_a_second_signal_ends_invocations_at_once(tmp_path):
    with running_server(tmp_path / "data") as server, ThreadPoolExecutor() as threads:
        slow = deploy(server, SLOW, Timeout=60, **WHOLE_CPU)
        answer = threads.submit(slow.invoke, 50)
        wait_logged(slow, "at work")
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: "stopping: waiting" in server.log.read_text(), "the first signal")
        assert server.process.poll() is None
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=20) == 0
        assert "The server was stopped before the function had answered" in str(answer.exception())
        assert "a second signal came" in server.log.read_text()
        assert "Traceback" not in server.log.read_text()


def test_the_end_of_the_drain_time_is_answered_as_aws_answers_errors(tmp_path):
    with (
        running_server(tmp_path / "data", "--drain-seconds", "1") as server,
        ThreadPoolExecutor() as threads,
    ):
        slow = deploy(server, SLOW, Timeout=60)
        answer = threads.submit(slow.invoke, 50)
        wait_logged(slow, "at work")
        assert server.stop() == 0
        assert "(ServiceException)" in str(answer.exception())
        assert "Traceback" not in server.log.read_text()
