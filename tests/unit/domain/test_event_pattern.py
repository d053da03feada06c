from __future__ import annotations

import json

import pytest

from lambent.domain.event_pattern import InvalidEventPatternError, check_event_pattern


@pytest.mark.parametrize(
    "pattern",
    [
        {},
        {"a": ["x", 1, 1.5, True, None, ""]},
        {"body": {"deep": {"deeper": ["x"]}}},
        {"a": [{"prefix": "x"}, {"suffix": ".png"}, {"equals-ignore-case": "X"}]},
        {"a": [{"exists": True}], "b": [{"exists": False}]},
        {"a": [{"numeric": ["=", 5]}, {"numeric": [">", 0, "<=", 5.5]}, {"numeric": ["<", 10]}]},
        {"a": [{"anything-but": "x"}, {"anything-but": 5}, {"anything-but": ["x", 5]}]},
        {"a": [{"anything-but": {"prefix": "x"}}]},
        {"$or": [{"a": ["x"]}, {"b": {"c": ["y"]}}], "d": ["z"]},
    ],
)
def test_patterns(pattern):
    check_event_pattern(json.dumps(pattern))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text",
        "null",
        '"text"',
        "[]",
        "1",
        '{"a": "x"}',
        '{"a": 1}',
        '{"a": null}',
        '{"a": []}',
        '{"a": [["x"]]}',
        '{"a": [NaN]}',
        '{"a": [1e999]}',
        '{"a": [{}]}',
        '{"a": [{"unknown": "x"}]}',
        '{"a": [{"prefix": "x", "suffix": "y"}]}',
        '{"a": [{"prefix": 1}]}',
        '{"a": [{"exists": "true"}]}',
        '{"a": [{"numeric": []}]}',
        '{"a": [{"numeric": [">"]}]}',
        '{"a": [{"numeric": ["~", 1]}]}',
        '{"a": [{"numeric": [">", "1"]}]}',
        '{"a": [{"numeric": [">", true]}]}',
        '{"a": [{"numeric": ["<", 1, ">", 0]}]}',
        '{"a": [{"anything-but": []}]}',
        '{"a": [{"anything-but": [null]}]}',
        '{"a": [{"anything-but": {"numeric": ["=", 1]}}]}',
        '{"$or": [{"a": ["x"]}]}',
        '{"$or": {"a": ["x"]}}',
        '{"$or": ["x", "y"]}',
        '[{"eventName": ["INSERT"=123}]',
        "[" * 4096,
        '{"a":' * 101 + '["x"]' + "}" * 101,
    ],
)
def test_what_is_none(text):
    with pytest.raises(InvalidEventPatternError):
        check_event_pattern(text)
