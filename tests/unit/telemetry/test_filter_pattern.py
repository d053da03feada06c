"""Patterns and messages are those of AWS's documentation wherever it has an example."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings, strategies as st

from lambent.domain.errors import ServiceError
from lambent.telemetry.filter_pattern import parse_filter_pattern

DOCUMENT = {
    "eventType": "UpdateTrail",
    "sourceIPAddress": "111.111.111.111",
    "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
    "SomeObject": None,
    "ThisFlag": True,
    "latency": 512.5,
    "errorCode": 400,
    "code": "0404",
    "detail-type": "x",
    "cluster.name": "c",
    "coordinates": [[0, 1, 2], [4, 5, 6]],
    "user": {"id": 1, "email": "John.Stiles@example.com"},
    "users": [1, 2, 3],
}
ACCESS = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


def matches(pattern, message):
    return parse_filter_pattern(pattern)(message)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", [1, 1, 1]),
        ("  ", [1, 1, 1]),
        ("ERROR", [1, 1, 0]),
        ("error", [0, 0, 0]),
        ("ERROR WARN", [1, 0, 0]),
        ("?ERROR ?WARN", [1, 1, 1]),
        ("ERROR -WARN", [0, 1, 0]),
        ("-ERROR", [0, 0, 1]),
        ('"WARN message"', [1, 0, 1]),
        ('?"ERROR message" ?"nothing"', [0, 1, 0]),
        ('-"WARN message" message', [0, 1, 0]),
        ("?nothing WARN", [1, 0, 1]),  # AWS ignores ?terms beside others
        ("%WARN|E[A-Z]+OR m%", [1, 1, 1]),
        ("%^WARN%", [0, 0, 1]),
    ],
)
def test_terms(pattern, expected):
    messages = ["ERROR WARN message", "ERROR message", "WARN message"]
    assert [matches(pattern, message) for message in messages] == [bool(e) for e in expected]


def test_a_quote_inside_a_phrase_is_escaped():
    assert matches(r'"level\":\"error"', '{"level":"error"}')


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "UpdateTrail" }',
        "{$.eventType=UpdateTrail}",
        "{ $.eventType = *Trail }",
        '{ $.eventType = "Update*" }',
        '{ $.eventType = "*date*" }',
        "{ $.sourceIPAddress != 123.123.* }",
        '{ $.arrayKey[0] = "value" }',
        "{ $.objectList[1].id = 2 }",
        "{ $.objectList[*].id = 2 }",
        '{ $.user.* = "John.*" }',
        "{ $.SomeObject IS NULL }",
        "{ $.SomeOtherObject NOT EXISTS }",
        "{ $.ThisFlag IS TRUE }",
        "{ $.latency >= 500 && $.latency < 1e3 }",
        "{ $.latency > -10.5 }",
        '{ $.latency = "*" }',
        "{ $.errorCode = 400 }",
        "{ $.errorCode = 400.0 }",
        "{ $.errorCode = 4* }",
        "{ $.errorCode != 500 }",
        "{ $.errorCode = %^4[0-9]{2}$% }",
        "{ $.code = 0404 }",
        "{ $.code != 404 }",
        "{ $.detail-type = x }",
        "{ $['cluster.name'] = c }",
        "{ $.['cluster.name'] = c }",
        "{ $.coordinates[1][2] = 6 }",
        "{ ($.user.id = 1) && ($.coordinates[0][1] = 1) }",
        "{ $.eventType = UpdateTrail || $.user.id = 9 && $.latency = 0 }",
        "{ $.user.id = 9 && $.latency = 0 || $.eventType = UpdateTrail }",
        "{ ((($.user.id = 1))) }",
    ],
)
def test_json_patterns_that_match(pattern):
    assert matches(pattern, json.dumps(DOCUMENT))


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "Up*Trail" }',  # a wildcard only at an end
        "{ $.eventType = updatetrail }",
        "{ $.eventType[0] = UpdateTrail }",
        "{ $.sourceIPAddress = 123.123.* }",
        "{ $.missing != 1 }",
        "{ $.missing IS NULL }",
        "{ $.SomeObject NOT EXISTS }",
        '{ $.SomeObject = "*" }',
        "{ $.ThisFlag IS FALSE }",
        "{ $.errorCode IS TRUE }",
        "{ $.users = 1 }",
        "{ $.users != 1 }",
        "{ $.ThisFlag > 0 }",
        "{ $.code > 1 }",
        "{ ($.user.id = 2 && $.users[0] = 9) || $.arrayKey[1] = GET }",
        "{ ($.eventType = UpdateTrail || $.user.id = 9) && $.latency = 0 }",
    ],
)
def test_json_patterns_that_do_not_match(pattern):
    assert not matches(pattern, json.dumps(DOCUMENT))


@pytest.mark.parametrize(
    "message",
    ["plain text", "{", '{"a": NaN}', "7", '"a"', "[" * 100_000, '{"a": ' + "9" * 5000 + "}"],
)
def test_a_message_that_is_no_json_document_matches_no_json_pattern(message):
    assert not matches("{ $.b NOT EXISTS }", message)


@pytest.mark.parametrize(
    "pattern",
    [
        "[ip, user, username, timestamp, request, status_code, bytes]",
        "[ip, user, username, timestamp, request, status_code = 4*, bytes > 1000]",
        "[ip, user, username, timestamp, request = *html*, status_code = 404, bytes]",
        "[ip, user, username, timestamp, request, status_code = 4* && status_code != 403, bytes]",
        "[..., request=*.html*, status_code=4*,]",
        "[ip, ..., bytes <= 1534]",
        "[..., status_code, bytes]",
        "[ip = 127.0.0.1, user = -, ...]",
        "[...]",
        "[ip, , , timestamp = 10/Oct*, ...]",
        '[..., request = "GET /index*", s = %4\\d{2}%, bytes]',
        "[ip, user, username, timestamp, request, (s = 403 || s = 404) && s != 500, bytes]",
    ],
)
def test_space_delimited_patterns_that_match(pattern):
    assert matches(pattern, ACCESS)


@pytest.mark.parametrize(
    "pattern",
    [
        "[ip, user]",
        "[ip, user, username, timestamp, request, status_code, bytes, more]",
        "[a, b, c, d, e, f, g, ..., h]",
        "[..., status_code = 5*, bytes]",
        "[..., bytes > 2000]",
        "[ip > 1, ...]",
    ],
)
def test_space_delimited_patterns_that_do_not_match(pattern):
    assert not matches(pattern, ACCESS)


def test_alternatives_in_one_field():
    lines = ["ERROR WARN message", "ERROR message", "WARN message"]
    assert [matches("[w1=ERROR, w2]", line) for line in lines] == [False, True, False]
    assert [matches("[w1=ERROR || w1=WARN, w2]", line) for line in lines] == [False, True, True]
    assert not any(matches("[w1=!ERROR&&w1=!WARN, w2]", line) for line in lines)


@pytest.mark.parametrize(
    "pattern",
    [
        "{", "{}", "{ $.a }", "{ $.a = }", "{ = 1 }", "{ $ = 1 }", "{ $.a = 1", "{ $.a < x }",
        "{ $.a = 1 && }", "{ ($.a = 1 }", "{ $.a = 1) }", "{ $.a IS maybe }", "{ $.a NOT NULL }",
        "{ $.a = 1 $.b = 2 }", '{ $."a" = 1 }', "{ $.a = %(b)% }", "{ $.a = 1, $.b = 2 }",
        "{ $.a = $.b }", '{ $.a = "b }', "{ $.a = %b% && $.a = %c% && $.a = %d% }", "{ () }",
        "[", "[a b]", "[a = ]", "[..., a, ...]", "[a = 1 && b = 2]", "[a, &&]", "[a < %x%]",
        "[a = 'b']", "%", "%(%", "%a%b%", "%[%",
        '"open', "a.b", "-", "?", "ERROR:", "a | b", "(a)", "`a`",
    ],
)  # fmt: skip
def test_bad_patterns_are_refused(pattern):
    with pytest.raises(ServiceError) as failure:
        parse_filter_pattern(pattern)
    assert failure.value.code == "InvalidParameterException"
    assert failure.value.message.startswith(("Invalid filter pattern", "Invalid character(s) in"))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("[a > 1, ...]", "1" * 200_000 + "x"),
        ("[a, b]", "[ " * 200_000),
        ("[a, b]", '"' * 200_001),
        ("{ $[*][*][*] = 1 }", json.dumps([[[0] * 50] * 50] * 50)),
    ],
    ids=["digits", "brackets", "quotes", "wildcards"],
)
def test_no_message_costs_more_than_its_length(pattern, message):
    assert not matches(pattern, message)


def test_deep_nesting_exhausts_nothing():
    pattern = "{" + "(" * 500 + "$.a=1" + ")" * 500 + "}"
    assert matches(pattern, '{"a": 1}')


FRAGMENTS = st.sampled_from(
    ["{", "}", "[", "]", "(", ")", "$", "$.a", "$.a[0]", "$.*", "=", "!=", "<", ">=", "&&", "||", "%",
     '"', "*", "...", ",", " ", "IS", "NOT", "NULL", "EXISTS", "1", "-2e9", "a", "?", "-", "\\", "é"]
)  # fmt: skip
PATTERNS = st.one_of(
    st.text(max_size=60),
    st.lists(FRAGMENTS, max_size=25).map("".join),
    st.lists(FRAGMENTS, max_size=25).map(lambda parts: "{" + " ".join(parts) + "}"),
    st.lists(FRAGMENTS, max_size=25).map(lambda parts: "[" + " ".join(parts) + "]"),
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab*"), inner),
    max_leaves=8,
)


@settings(max_examples=1500, deadline=None)
@given(PATTERNS, st.text(max_size=40) | JSON_VALUES.map(json.dumps))
def test_any_pattern_is_answered_or_refused(pattern, message):
    code = None
    try:
        assert parse_filter_pattern(pattern)(message) in {True, False}
    except ServiceError as refusal:
        code = refusal.code
    assert code in {None, "InvalidParameterException"}


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_a_phrase_finds_itself(phrase):
    quoted = '"' + phrase.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert matches(quoted, f"before {phrase} after")
    assert not matches(f"-{quoted}", f"before {phrase} after")
