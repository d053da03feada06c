from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.model import Shape

from lambent.domain.errors import ServiceError
from lambent.protocol.scalars import json_decoder, json_encoder, text_decoder, text_encoder

NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


def shape(kind, **traits):
    return Shape("Value", {"type": kind, **traits})


def refusal(decode, value):
    with pytest.raises(ServiceError) as caught:
        decode(value)
    assert caught.value.code == "SerializationException"
    return caught.value.message


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("string", "é", "é"),
        ("boolean", True, True),
        ("integer", -(2**31), -(2**31)),
        ("integer", 3.0, 3),
        ("long", 2**63 - 1, 2**63 - 1),
        ("double", 1, 1.0),
        ("double", 0.5, 0.5),
        ("blob", "AAEC", b"\x00\x01\x02"),
        ("timestamp", 1769860800, NOON),
        ("timestamp", "2026-01-31T12:00:00Z", NOON),
    ],
)
def test_json_values_become_the_models_types(kind, value, expected):
    decoded = json_decoder(shape(kind))(value)
    assert decoded == expected
    assert type(decoded) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("string", 1, "NUMBER_VALUE can not be converted to a String"),
        ("string", True, "TRUE_VALUE can not be converted to a String"),
        ("string", {}, "Start of structure or map found where not expected."),
        ("string", [], "Start of list found where not expected"),
        ("integer", "1", "STRING_VALUE can not be converted to an Integer"),
        ("integer", False, "FALSE_VALUE can not be converted to an Integer"),
        ("integer", 1.5, "NUMBER_VALUE can not be converted to an Integer"),
        ("integer", 2**31, "NUMBER_VALUE can not be converted to an Integer"),
        ("long", -(2**63) - 1, "NUMBER_VALUE can not be converted to a Long"),
        ("double", "1", "STRING_VALUE can not be converted to a Double"),
        ("double", 10**400, "NUMBER_VALUE can not be converted to a Double"),
        ("boolean", "true", "STRING_VALUE can not be converted to a Boolean"),
        ("boolean", 0, "NUMBER_VALUE can not be converted to a Boolean"),
        ("blob", 1, "NUMBER_VALUE can not be converted to a Blob"),
        ("timestamp", True, "TRUE_VALUE can not be converted to milliseconds since epoch"),
        ("timestamp", "soon", "STRING_VALUE can not be converted to milliseconds since epoch"),
        ("timestamp", 1e300, "NUMBER_VALUE can not be converted to milliseconds since epoch"),
    ],
)
def test_json_values_of_another_type_are_refused(kind, value, message):
    assert refusal(json_decoder(shape(kind)), value) == message


@pytest.mark.parametrize("text", ["a", "AA=", "A A=", "AA==\n", "é", "AA_-"])
def test_what_is_not_base64_is_refused(text):
    assert "base64" in refusal(json_decoder(shape("blob")), text)


def test_half_a_surrogate_pair_is_refused():
    assert "surrogate" in refusal(json_decoder(shape("string")), "a\ud800")


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("string", "a b", "a b"),
        ("boolean", "true", True),
        ("boolean", "False", False),
        ("integer", "-5", -5),
        ("long", "9223372036854775807", 2**63 - 1),
        ("double", "0.25", 0.25),
        ("timestamp", "2026-01-31T12:00:00Z", NOON),
        ("timestamp", "Sat, 31 Jan 2026 12:00:00 GMT", NOON),
        ("blob", "aGk=", b"hi"),
    ],
)
def test_texts_become_the_models_types(kind, text, expected):
    assert text_decoder(shape(kind))(text) == expected


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("boolean", "yes"),
        ("integer", ""),
        ("integer", "1.0"),
        ("integer", "1_0"),
        ("integer", "\u0661"),
        ("integer", "--1"),
        ("integer", "9" * 5000),
        ("integer", "2147483648"),
        ("double", "x"),
        ("double", "nan"),
        ("timestamp", ""),
    ],
)
def test_texts_of_another_type_are_refused(kind, text):
    assert "can not be converted to" in refusal(text_decoder(shape(kind)), text)


def test_timestamps_are_written_in_the_models_format_or_passed_through():
    assert json_encoder(shape("timestamp"))(NOON) == 1769860800
    iso = json_encoder(shape("timestamp", timestampFormat="iso8601"))
    assert iso(NOON) == "2026-01-31T12:00:00Z"
    assert iso("as it is") == "as it is"
    assert text_encoder(shape("timestamp"))(NOON) == "Sat, 31 Jan 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("kind", "value", "json_form", "text"),
    [
        ("blob", b"hi", "aGk=", "aGk="),
        ("boolean", True, True, "true"),
        ("boolean", False, False, "false"),
        ("integer", 7, 7, "7"),
        ("string", "x", "x", "x"),
    ],
)
def test_values_are_written_for_json_and_for_headers(kind, value, json_form, text):
    assert json_encoder(shape(kind))(value) == json_form
    assert text_encoder(shape(kind))(value) == text
