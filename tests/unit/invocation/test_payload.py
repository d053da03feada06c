from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, strategies as st

from lambent.domain.errors import ServiceError
from lambent.domain.quotas import REQUEST_PAYLOAD_BYTES
from lambent.invocation.payload import checked_client_context, checked_event, checked_tenant_id

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
HIDDEN = "Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"
PREFIX = "Could not parse request body into json: Could not parse payload into json: "


def refused(check, *arguments):
    with pytest.raises(ServiceError) as caught:
        check(*arguments)
    return caught.value


@pytest.mark.parametrize(
    "payload",
    [
        b'{"key":"value"}',
        b" [1, 2.5e3, null]\n",
        b'"text"',
        b"0",
        '"h\u00e4"'.encode(),
        b'{"a":1,"a":2}',
        b'"\\ud800"',
        b"\xef\xbb\xbf{}",
    ],
)
def test_json_is_given_on_as_it_came(payload):
    assert checked_event(payload) is payload


def test_no_payload_is_an_empty_object():
    assert checked_event(b"") == b"{}"


def test_a_payload_may_have_the_quota_and_no_more():
    largest = b'"%s"' % (b"x" * (REQUEST_PAYLOAD_BYTES - 2))
    assert checked_event(largest) is largest
    error = refused(checked_event, largest + b" ")
    assert error.code == "RequestTooLargeException"
    assert error.message == (
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
    )


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        (
            b"hello",
            "Unrecognized token 'hello': was expecting (JSON String, Number, Array, Object or "
            f"token 'null', 'true' or 'false')\n at [{HIDDEN}; line: 1, column: 1]",
        ),
        (b"{}\n x", "Unrecognized token 'x': was expecting"),
        (b"{", "Unexpected"),
        (b"[1,", f"Unexpected end-of-input\n at [{HIDDEN}; line: 1, column: 4]"),
        (b"{'a': 1}", f"Unexpected character (''' (code 39))\n at [{HIDDEN}; line: 1, column: 2]"),
        (b"n\x87r", f"Invalid UTF-8 start byte 0x87\n at [{HIDDEN}; line: 1, column: 3]"),
        (b"{\n\xf0(", f"Invalid UTF-8 start byte 0xf0\n at [{HIDDEN}; line: 2, column: 2]"),
        (
            b" \x99\xeb",
            "Unexpected character ((CTRL-CHAR, code 153)): expected a valid value (JSON String, "
            "Number, Array, Object or token 'null', 'true' or 'false')\n "
            f"at [{HIDDEN}; line: 1, column: 2]",
        ),
        (b"[" * 200_000, "Document is nested too deeply"),
    ],
)
def test_what_is_no_json_is_refused_with_the_reason(payload, complaint):
    error = refused(checked_event, payload)
    assert error.code == "InvalidRequestContentException"
    assert error.message.startswith(PREFIX)
    reason = error.message.removeprefix(PREFIX)
    assert reason.startswith(complaint)


@pytest.mark.parametrize(
    ("payload", "token"),
    [(b"NaN", "NaN"), (b'{"a":Infinity}', "Infinity"), (b"[-Infinity]", "-Infinity")],
)
def test_numbers_that_only_python_reads_are_no_json(payload, token):
    error = refused(checked_event, payload)
    assert error.code == "InvalidRequestContentException"
    assert error.message == f"{PREFIX}Non-standard token '{token}'"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-le"])
def test_only_utf_8_is_what_runtimes_read(encoding):
    error = refused(checked_event, '{"a":1}'.encode(encoding))
    assert error.code == "InvalidRequestContentException"


@given(JSON)
def test_all_json_is_taken(document):
    payload = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    assert checked_event(payload) is payload


@given(st.binary())
def test_every_payload_is_json_or_refused(payload):
    try:
        event = checked_event(payload)
    except ServiceError:
        return
    json.loads(event)


def encoded(document):
    return base64.b64encode(json.dumps(document).encode()).decode()


@pytest.mark.parametrize("absent", [None, ""])
def test_a_client_context_need_not_be(absent):
    assert checked_client_context(absent) is None


def test_a_client_context_becomes_one_line_of_ascii():
    document = {"custom": {"name": "h\u00e4\r\n"}, "env": {}}
    context = checked_client_context(encoded(document))
    assert context == '{"custom":{"name":"h\\u00e4\\r\\n"},"env":{}}'


@pytest.mark.parametrize(
    "context",
    [
        "{}",
        "not base64!",
        "\u00e9",
        encoded([1]),
        encoded("text"),
        base64.b64encode(b"{").decode(),
        base64.b64encode(b"\xff\xff").decode(),
        base64.b64encode(b'{"a":NaN}').decode(),
        base64.b64encode(b"[" * 2000).decode(),
        encoded({"a": "x" * 3000}),
    ],
)
def test_another_client_context_is_refused(context):
    error = refused(checked_client_context, context)
    assert error.code == "InvalidRequestContentException"
    assert error.message == "Client context must be a valid Base64-encoded JSON object."


@given(st.dictionaries(st.text(), JSON, max_size=3))
def test_a_client_context_never_breaks_out_of_its_header(document):
    text = encoded(document)
    try:
        context = checked_client_context(text)
    except ServiceError:
        assert len(text) > 3583
        return
    assert context is not None
    assert context.isascii()
    assert context.isprintable()
    assert json.loads(context) == document


def test_a_tenant_is_named_exactly_where_there_are_tenants():
    assert checked_tenant_id("blue", is_tenant_isolated=True) == "blue"
    assert checked_tenant_id(None, is_tenant_isolated=False) is None


@pytest.mark.parametrize("missing", [None, ""])
def test_without_a_tenant_there_is_no_environment_to_use(missing):
    with pytest.raises(ServiceError) as caught:
        checked_tenant_id(missing, is_tenant_isolated=True)
    assert caught.value.code == "InvalidParameterValueException"
    assert caught.value.message == (
        "The invoked function is enabled with tenancy configuration. "
        "Add a valid tenant ID in your request and try again."
    )


def test_a_tenant_of_a_function_without_tenants_is_refused():
    with pytest.raises(ServiceError, match=r"InvalidParameterValueException: .* is not enabled"):
        checked_tenant_id("blue", is_tenant_isolated=False)
