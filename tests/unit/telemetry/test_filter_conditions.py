from __future__ import annotations

import pytest

from lambent.domain.errors import ServiceError
from lambent.telemetry.filter_conditions import (
    FieldValue,
    TokenReader,
    compile_comparison,
    compile_conditions,
    number_of,
    wildcard_matcher,
)


def is_word(tokens):
    word = tokens.take("word").text
    return lambda subject: word in subject


@pytest.mark.parametrize(
    ("text", "subject", "expected"),
    [
        ("a", {"a"}, True),
        ("a && b", {"a"}, False),
        ("a || b", {"b"}, True),
        ("a || b && c", {"a"}, True),
        ("(a || b) && c", {"a"}, False),
        ("a && b || c && d", {"c", "d"}, True),
        ("a && (b || (c && d))", {"a", "c", "d"}, True),
    ],
)
def test_and_binds_tighter_than_or(text, subject, expected):
    assert compile_conditions(TokenReader(text), is_word)(subject) is expected


@pytest.mark.parametrize("text", ["", "a &&", "&& a", "(a", "()", "a && && b", "((a) || b"])
def test_conditions_that_do_not_end_are_refused(text):
    with pytest.raises(ServiceError):
        compile_conditions(TokenReader(text), is_word)


def test_an_unknown_character_is_named():
    with pytest.raises(ServiceError) as failure:
        TokenReader("$.a = 1 ; 2")
    assert failure.value.message == "Invalid character(s) in term ';'"


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("-1.5", -1.5), ("+.5e3", 500), ("1.", 1), ("1e", None), ("", None), ("4*", None)],
)
def test_numbers_are_as_aws_writes_them(text, number):
    assert number_of(text) == number


def test_an_asterisk_is_a_wildcard_only_at_the_ends():
    assert wildcard_matcher("*ab*")("xaby")
    assert wildcard_matcher("a*b")("a*b")
    assert not wildcard_matcher("a*b")("axb")
    assert wildcard_matcher("*")("")


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("= 5", FieldValue("5.0", 5.0), True),
        ("= 5", FieldValue("5", None), True),
        ('= "5"', FieldValue("5.0", 5.0), False),
        ("!= 5", FieldValue("x", None), True),
        ("< 5", FieldValue("x", None), False),
        (">= 5", FieldValue("5", 5), True),
    ],
)
def test_comparisons(text, value, expected):
    assert compile_comparison(TokenReader(text))(value) is expected
