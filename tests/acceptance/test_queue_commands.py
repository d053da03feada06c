"""`lambent queue` as an operator uses it, after something went wrong."""

from __future__ import annotations

import json

import pytest
from tests.support.functions import WHOLE_CPU, deploy, zipped
from tests.support.neighbours import IMPLEMENTATIONS, running_neighbours
from tests.support.queues import create_queue
from tests.support.server import run_lambent, running_server
from tests.support.waiting import eventually, wait_logged

BROKEN = "def handler(event, context):\n    raise ValueError('no greeting for ' + event['name'])\n"
MENDED = "def handler(event, context):\n    print('greeted', event['name'])\n"
SLOW = "import time\ndef handler(event, context):\n    time.sleep(600)\n"
MISSING = "arn:aws:sqs:us-east-1:000000000000:not-there-yet"


@pytest.fixture(scope="module")
def neighbours():
    with running_neighbours(IMPLEMENTATIONS[0]) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory, neighbours):
    """The minutes between attempts pass in fractions of a second."""
    options = ["--aws-endpoint-url", neighbours.url, "--queue-time-factor", "600"]
    # One function never ends.
    options += ["--drain-seconds", "0"]
    with running_server(tmp_path_factory.mktemp("queue") / "data", *options) as running:
        yield running


@pytest.fixture
def lambent(server):
    def run(*arguments, **options):
        return run_lambent("queue", *arguments, env={"LAMBENT_ENDPOINT": server.url}, **options)

    return run


@pytest.fixture
def listed(lambent):
    """What `lambent queue list` shows of a function, once there are so many in a state."""

    def when(function, state, count):
        def there():
            finished = lambent("list", "--json", "--function", function.name, "--state", state)
            items = json.loads(finished.stdout)
            return items if len(items) == count else None

        return eventually(there, f"{count} {state} of {function.name}")

    return when


def invoke(function, *names):
    for name in names:
        function.invoke({"name": name}, InvocationType="Event")


def test_failed_events_are_looked_at_run_again_when_mended_and_forgotten(server, lambent, listed):
    greet = deploy(server, BROKEN, **WHOLE_CPU)
    invoke(greet, "Ada", "Grace", "Mary")
    failed = listed(greet, "failed", 3)

    table = lambent("list", "--function", greet.name).stdout
    assert table.startswith("3 failed\n")
    assert "RetriesExhausted" in table
    assert "no greeting for Ada" in table

    [ada] = [each for each in failed if "Ada" in each["error"]]
    shown = json.loads(lambent("show", ada["request_id"], "--json").stdout)
    assert shown["payload"] == {"name": "Ada"}
    assert (shown["id"], shown["attempts"]) == (ada["id"], 3)
    assert '"name": "Ada"' in lambent("show", ada["id"]).stdout

    server.client().update_function_code(
        FunctionName=greet.name, ZipFile=zipped({"lambda_function.py": MENDED})
    )
    server.client().get_waiter("function_updated_v2").wait(FunctionName=greet.name)
    again = lambent("redrive", ada["id"])
    assert (again.returncode, again.stdout) == (0, "1 event and 0 deliveries tried again.\n")
    wait_logged(greet, "greeted Ada")
    assert len(listed(greet, "failed", 2)) == 2

    rest = [each for each in failed if each is not ada]
    gone = lambent("purge", "--yes", rest[0]["id"])
    assert (gone.returncode, gone.stdout) == (0, "1 event and 0 deliveries forgotten.\n")
    lambent("redrive", "--function", greet.name, check=True)
    eventually(
        lambda: lambent("list", "--function", greet.name).stdout == "nothing\n", "an empty queue"
    )


def test_a_record_is_sent_again_when_its_queue_is_there(server, neighbours, lambent, listed):
    greet = deploy(server, MENDED, **WHOLE_CPU)
    server.client().put_function_event_invoke_config(
        FunctionName=greet.name, DestinationConfig={"OnSuccess": {"Destination": MISSING}}
    )
    invoke(greet, "Ada")
    [lost] = listed(greet, "undelivered", 1)
    assert lost["target_arn"] == MISSING
    assert lost["error"]
    shown = json.loads(lambent("show", lost["id"], "--json").stdout)
    assert shown["record"]["requestPayload"] == {"name": "Ada"}

    queue = create_queue(neighbours, "not-there-yet")
    again = lambent("redrive", "--function", greet.name)
    assert again.stdout == "0 events and 1 delivery tried again.\n"
    assert json.loads(queue.receive()["Body"]) == shown["record"]
    assert lambent("list", "--function", greet.name, "--state", "undelivered").stdout == "nothing\n"


def test_events_that_wait_are_purged_and_never_run(server, lambent, listed):
    greet = deploy(server, SLOW, Timeout=900, **WHOLE_CPU)
    server.client().put_function_concurrency(
        FunctionName=greet.name, ReservedConcurrentExecutions=1
    )
    for _ in range(5):
        greet.invoke(InvocationType="Event")
    listed(greet, "running", 1)
    gone = lambent("purge", "--yes", "--function", greet.name)
    assert gone.stdout == "4 events and 0 deliveries forgotten.\n"
    assert lambent("list", "--function", greet.name).stdout.startswith("1 running\n")


@pytest.mark.parametrize("command", [["list"], ["show", "1"], ["redrive", "--all"]])
def test_without_a_server_they_say_so(command):
    finished = run_lambent("queue", *command, "--endpoint-url", "http://127.0.0.1:1")
    assert finished.returncode == 2
    assert "lambent serve" in finished.stderr


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (["show", "999999"], 1, "Nothing in the queue is 999999"),
        (["redrive", "d999999"], 1, "Not tried again: d999999 (it is done, or gone)"),
        (["purge", "--all"], 2, "use --yes"),
        (["purge"], 2, "Say which"),
    ],
)
def test_what_cannot_be_done_is_said(lambent, command, status, said):
    finished = lambent(*command)
    assert finished.returncode == status
    assert said in finished.stderr
