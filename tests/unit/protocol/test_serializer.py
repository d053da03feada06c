from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lambent.protocol.serializer import header_safe

NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


def at(location, shape, name=None):
    return {"shape": shape, "location": location, **({"locationName": name} if name else {})}


def answered(service, output):
    response = service.serialize("Act", output, "request")
    return response.status, dict(response.headers), response.body


def test_status_body_and_the_headers_of_every_response(service):
    act = service(None, {"Name": "String", "When": "Timestamp"}, http={"responseCode": 201})
    assert answered(act, {"Name": "é", "When": NOON}) == (
        201,
        {"Content-Type": "application/json", "x-amzn-RequestId": "request"},
        '{"Name":"é","When":1769860800}'.encode(),
    )


def test_a_member_can_be_the_status(service):
    act = service(None, {"Status": at("statusCode", "Integer")}, http={"responseCode": 202})
    assert answered(act, {})[0] == 202
    assert answered(act, {"Status": 204})[0] == 204
    assert answered(act, {"Status": 204})[2] == b""


def test_members_in_headers_leave_the_body(service):
    act = service(
        None,
        {
            "Kind": at("header", "String", "X-Amz-Kind"),
            "When": at("header", "Timestamp", "X-When"),
            "Flag": at("header", "Boolean", "X-Flag"),
            "Many": at("header", "Strings", "X-Many"),
            "Absent": at("header", "String", "X-Absent"),
            "Tags": at("headers", "StringMap", "X-Tag-"),
        },
    )
    output = {
        "Kind": "a",
        "When": NOON,
        "Flag": False,
        "Many": ["a", 'b,"c"'],
        "Absent": None,
        "Tags": {"one": "1", "bad\r\nname": "2"},
    }
    _, headers, body = answered(act, output)
    assert body == b""
    assert {name: value for name, value in headers.items() if name.startswith("X-")} == {
        "X-Amz-Kind": "a",
        "X-When": "Sat, 31 Jan 2026 12:00:00 GMT",
        "X-Flag": "false",
        "X-Many": 'a, "b,\\"c\\""',
        "X-Tag-one": "1",
    }


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain $LATEST", "plain $LATEST"),
        ("a\r\nSet-Cookie: b", "a  Set-Cookie: b"),
        ("a\x00b\x7f", "a b "),
        ("tab\there", "tab\there"),
        ("é", "Ã©"),
        ("\ud800", "?"),
    ],
)
def test_header_values_cannot_break_a_line(text, safe):
    assert header_safe(text) == safe
    assert header_safe(text).encode("latin-1")


@pytest.mark.parametrize(
    ("member", "value", "content_type", "body"),
    [
        ("Blob", b"\x00\xff", "application/octet-stream", b"\x00\xff"),
        ("Blob", None, "application/octet-stream", b""),
        ("String", "é", "text/plain", "é".encode()),
        ("String", None, "text/plain", b""),
        ("Inner", {"Count": 1}, "application/json", b'{"Count":1}'),
        ("Inner", None, "application/json", b"{}"),
    ],
)
def test_a_payload_is_the_whole_body(service, structure, member, value, content_type, body):
    act = service(
        None,
        {"Body": member},
        shapes={"Inner": structure({"Count": "Integer"})},
        traits={"payload": "Body"},
    )
    _, headers, written = answered(act, {"Body": value})
    assert (headers["Content-Type"], written) == (content_type, body)


@pytest.mark.parametrize(("output", "body"), [(None, b""), ({}, b"{}"), ({"A": "String"}, b"{}")])
def test_an_output_with_nothing_to_say(service, output, body):
    assert answered(service(None, output), {})[2] == body


def test_json_operations_answer_everything_in_the_body(service):
    act = service(None, {"Name": at("header", "String")}, protocol="json")
    assert answered(act, {"Name": "a"}) == (
        200,
        {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": "request"},
        b'{"Name":"a"}',
    )
    assert answered(service(protocol="json"), {})[2] == b""


def test_an_invoke_answers_its_payload_as_lambda_does(lambda_service):
    output = {
        "StatusCode": 200,
        "FunctionError": "Unhandled",
        "LogResult": "U1RBUlQ=",
        "ExecutedVersion": "$LATEST",
        "Payload": b'{"errorType":"Runtime.ExitError"}',
    }
    response = lambda_service.serialize("Invoke", output, "request")
    assert response.status == 200
    assert response.body == output["Payload"]
    assert dict(response.headers) == {
        "Content-Type": "application/json",
        "x-amzn-RequestId": "request",
        "X-Amz-Function-Error": "Unhandled",
        "X-Amz-Log-Result": "U1RBUlQ=",
        "X-Amz-Executed-Version": "$LATEST",
    }


@pytest.mark.parametrize(
    ("operation", "status"),
    [("CreateFunction", 201), ("GetFunction", 200), ("CreateEventSourceMapping", 202)],
)
def test_statuses_are_the_models(lambda_service, operation, status):
    assert lambda_service.serialize(operation, {}, "request").status == status


def test_event_streams_are_not_serialized_outside_of_rest(logs_service):
    with pytest.raises(ValueError, match="event stream"):
        logs_service.serialize("StartLiveTail", {}, "request")


def test_what_a_body_is_no_member_says(service):
    act = service(None, {"Kind": at("header", "String", "Content-Type"), "Name": "String"})
    _, headers, _ = answered(act, {"Kind": "text/html", "Name": "a"})
    assert headers["Content-Type"] == "application/json"
    assert headers["x-amzn-Remapped-Content-Type"] == "text/html"
