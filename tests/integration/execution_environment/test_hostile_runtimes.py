"""Runtimes that say to the Runtime API what they should not, when they should not."""

from __future__ import annotations

import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.waiting import wait_logged

MIB = 1024 * 1024

# A runtime of its own, on raw sockets: it runs while the real one imports the handler's module, and
# so the real one never gets a word in.
SPEECH = """
import http.client, json, os, socket, threading, time

HOST, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
BASE = "/2018-06-01/runtime"

def ask(method, path, body=None, headers={}):
    connection = http.client.HTTPConnection(HOST, int(PORT), timeout=60)
    try:
        connection.request(method, BASE + path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    except OSError as error:
        return type(error).__name__, {}, b""
    finally:
        connection.close()

def next_invocation():
    _, headers, event = ask("GET", "/invocation/next")
    return headers["Lambda-Runtime-Aws-Request-Id"], json.loads(event)

def post(request_id, result, kind="response"):
    return ask("POST", f"/invocation/{request_id}/{kind}", json.dumps(result))[0]

def raw(data):
    with socket.create_connection((HOST, int(PORT)), timeout=5) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(100).split(b"\\r")[0].decode("latin-1")
        except OSError as error:
            return type(error).__name__
"""


@pytest.fixture
def runtime(function):
    """A function that is a runtime: what it says first, and what it says to each invocation."""

    def make(once="", each="post(request_id, event)", **settings):
        loop = f"""
while True:
    request_id, event = next_invocation()
{textwrap.indent(textwrap.dedent(each), "    ")}
"""
        return function(SPEECH + textwrap.dedent(once) + loop, **({"Timeout": 20} | settings))

    return make


def test_answers_before_any_question_are_refused(attack, runtime):
    deployed = runtime(
        once="""
        early = [
            post("made-up", "x"),
            post("", "x"),
            post("../next", "x"),
            post("00000000-0000-0000-0000-000000000000", {}, "error"),
            ask("GET", "/invocation/made-up/response")[0],
            ask("POST", "/invocation/next")[0],
            ask("GET", "/nothing")[0],
        ]
        """,
        each="post(request_id, early)",
    )
    assert attack(deployed)["Payload"] == [400, 404, 404, 400, 405, 405, 404]


def test_the_first_answer_counts_and_a_late_one_reaches_nobody(attack, runtime):
    deployed = runtime(
        once="said, before = [], None",
        each="""
        late = post(before, "late") if before else None
        post(request_id, [event, late, said])
        said = [post(request_id, "duplicate"), post(request_id, {}, "error")]
        before = request_id
        """,
    )
    assert attack(deployed, 1)["Payload"] == [1, None, []]
    assert attack(deployed, 2)["Payload"] == [2, 400, [403, 403]]
    assert attack(deployed, 3)["Payload"] == [3, 400, [403, 403]]


def test_nobody_answers_for_another_environment(attack, runtime):
    victim = runtime(
        each="""
        print("waiting", request_id, flush=True)
        time.sleep(2)
        post(request_id, "its own")
        """
    )
    attacker = runtime(each="post(request_id, [post(event, 'forged'), post(event, {}, 'error')])")
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(victim.call)
        [said] = [line for line in wait_logged(victim, "waiting ") if "waiting" in line]
        assert attack(attacker, said.split()[1])["Payload"] == [400, 400]
        assert answer.result() == "its own"


GARBAGE = r"""
said = [
    raw(b"\x00\xff" * 1000),
    raw(b"GET / HTTP/9.9\r\n\r\n"),
    raw(b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
    raw(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    raw(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc"),
    raw(b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 3_000_000 + b"\r\n\r\n"),
    raw(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 500_000),
    raw(b"GET /2018-06-01/runtime/invocation/next"),
    raw(b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n" * 1000),
    raw(b""),
]
crowd = []
for _ in range(600):
    try:
        crowd.append(socket.create_connection((HOST, int(PORT)), timeout=5))
        crowd[-1].send(b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nHost: a\r\n")
    except OSError:
        pass
for connection in crowd:
    connection.close()
"""


def test_garbage_is_refused_and_the_conversation_goes_on(attack, runtime):
    deployed = runtime(once=GARBAGE, each="post(request_id, said)")
    said = attack(deployed)["Payload"]
    assert len(said) == 10
    assert not [answer for answer in said if answer.startswith(("HTTP/1.1 2", "HTTP/1.1 5"))]
    assert said[0].startswith("HTTP/1.1 400")
    assert attack(deployed)["Payload"] == said


def test_huge_bodies_are_refused_and_not_kept(attack, runtime, server):
    deployed = runtime(
        each="""
        def huge():
            for _ in range(256):
                yield bytes(1024 * 1024)
        unasked = ask("POST", "/invocation/x/response", huge())[0]
        if event == "answer":
            ask("POST", f"/invocation/{request_id}/response", huge())
        else:
            post(request_id, unasked)
        """
    )
    before = server.peak_memory_bytes()
    assert attack(deployed)["Payload"] == 400
    answer = attack(deployed, "answer")
    assert answer["FunctionError"] == "Unhandled"
    assert answer["Payload"]["errorType"] == "Function.ResponseSizeTooLarge"
    assert attack(deployed)["Payload"] == 400
    assert server.peak_memory_bytes() - before < 100 * MIB


def test_many_pollers_get_each_invocation_once(attack, runtime):
    deployed = runtime(
        once="""
        def poll():
            while True:
                status, headers, event = ask("GET", "/invocation/next")
                if status == 200:
                    post(headers["Lambda-Runtime-Aws-Request-Id"], json.loads(event))
                else:
                    time.sleep(0.01)
        for _ in range(8):
            threading.Thread(target=poll).start()
        time.sleep(600)
        """,
    )
    for number in range(20):
        assert attack(deployed, number)["Payload"] == number


def test_a_runtime_that_hangs_up_in_the_middle_of_its_answer_is_timed_out(attack, runtime):
    deployed = runtime(
        each="""
        if event == "stop":
            raw(b"POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\\r\\n"
                b"Host: a\\r\\nContent-Length: 9\\r\\n\\r\\nhal" % request_id.encode())
            time.sleep(600)
        post(request_id, event)
        """,
        Timeout=1,
    )
    assert attack(deployed, "stop")["Payload"]["errorType"] == "Sandbox.Timedout"
    assert attack(deployed, "again")["Payload"] == "again"


def test_an_answer_that_is_no_json_is_its_callers_to_read(runtime, bystander):
    deployed = runtime(
        each=r"ask('POST', f'/invocation/{request_id}/response', b'\x00\xff not json')"
    )
    assert deployed.invoke()["Payload"].read() == b"\x00\xff not json"
    bystander.check()
