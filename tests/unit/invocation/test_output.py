from __future__ import annotations

import base64

from lambent.domain.invocation import InvocationResult
from lambent.invocation.output import invoke_output, stream_output
from lambent.invocation.response_stream import ResponseStream

FAILED = InvocationResult(payload=b"{}", is_function_error=True, log_tail=b"REPORT")


def test_a_response_has_its_version_and_no_error():
    assert invoke_output(InvocationResult(payload=b"1"), "7", wants_log_tail=False) == {
        "StatusCode": 200,
        "Payload": b"1",
        "ExecutedVersion": "7",
    }


def test_an_error_is_marked():
    assert invoke_output(FAILED, "7", wants_log_tail=False)["FunctionError"] == "Unhandled"


def test_the_end_of_the_log_is_there_for_who_wants_it():
    output = invoke_output(FAILED, "7", wants_log_tail=True)

    assert base64.b64decode(output["LogResult"]) == b"REPORT"


async def test_a_stream_tells_its_content_type_and_then_its_events():
    stream = ResponseStream()
    stream.settle(InvocationResult(payload=b"1", log_tail=b"REPORT"))

    output = stream_output(stream, "7", wants_log_tail=True)

    assert output["StatusCode"] == 200
    assert output["ExecutedVersion"] == "7"
    assert output["ResponseStreamContentType"] == "application/json"
    assert await output["EventStream"].next_event() == ("PayloadChunk", {"Payload": b"1"})
    complete = await output["EventStream"].next_event()
    assert complete == ("InvokeComplete", {"LogResult": base64.b64encode(b"REPORT").decode()})
