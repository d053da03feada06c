from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

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


OPERATORS = ["anything-but", "equals-ignore-case", "exists", "numeric", "prefix", "suffix"]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(300, 4000).map(lambda digits: 10**digits)
    | st.floats()
    | st.sampled_from(["=", "<", ">="])
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "$or", *OPERATORS]) | st.text(max_size=3), inner)
    ),
    max_leaves=10,
)


def refuse_or_take(text):
    with suppress(InvalidEventPatternError):
        check_event_pattern(text)


@given(st.dictionaries(st.sampled_from(["a", "$or"]), JSON) | JSON)
def test_whatever_json_there_is_it_is_a_pattern_or_refused(document):
    refuse_or_take(json.dumps(document))


@given(st.sampled_from(OPERATORS), JSON)
def test_whatever_an_operand_is_it_is_taken_or_refused(operator, operand):
    refuse_or_take(json.dumps({"a": [{operator: operand}]}))


@given(st.text())
def test_whatever_text_there_is_it_is_a_pattern_or_refused(text):
    refuse_or_take(text)


NUMBERS = ["%s", '{"numeric": ["=", %s]}', '{"anything-but": -%s}']


@pytest.mark.parametrize("condition", NUMBERS)
def test_a_long_number_is_taken(condition):
    check_event_pattern('{"a": [%s]}' % (condition % ("1" * 308)))


# More than a float can hold, and more than Python reads.
@pytest.mark.parametrize("digits", [310, 4000, 5000])
@pytest.mark.parametrize("condition", NUMBERS)
def test_a_huge_number_is_refused(condition, digits):
    with pytest.raises(InvalidEventPatternError):
        check_event_pattern('{"a": [%s]}' % (condition % ("1" * digits)))


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
