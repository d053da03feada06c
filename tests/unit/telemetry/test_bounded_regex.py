from __future__ import annotations

import re

import pytest
from hypothesis import given, settings, strategies as st

from lambent.telemetry.bounded_regex import BoundedRegex, InvalidExpressionError

SINGLES = [
    "a",
    "b",
    "-",
    ".",
    r"\d",
    r"\w",
    r"\S",
    "[ab]",
    "[^a]",
    "[a-c1]",
    r"\.",
    r"\x61",
    r"[\d-]",
]
QUANTIFIERS = ["", "", "?", "*", "+", "{2}", "{0,2}", "{1,}", "{0}"]
ROWS = st.lists(st.tuples(st.sampled_from(SINGLES), st.sampled_from(QUANTIFIERS)), max_size=6).map(
    lambda items: "".join(single + quantifier for single, quantifier in items)
)
BRANCHES = st.tuples(st.sampled_from(["", "^"]), ROWS, st.sampled_from(["", "$"])).map("".join)
EXPRESSIONS = st.lists(BRANCHES, min_size=1, max_size=3).map("|".join)


@settings(max_examples=1000, deadline=None)
@given(EXPRESSIONS, st.text("abc1-. \n", max_size=8))
def test_agrees_with_an_ordinary_engine(expression, text):
    expected = re.search(expression, text, re.ASCII) is not None
    assert BoundedRegex(expression).search(text) is expected


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=30), st.text(max_size=20))
def test_any_text_is_an_expression_or_refused(expression, text):
    try:
        compiled = BoundedRegex(expression)
    except InvalidExpressionError:
        return
    assert compiled.search(text) in {True, False}


@pytest.mark.parametrize(
    "expression",
    ["(a)", "something!", "*a", "a**", "a{2}{3}", "a^b", "a$b", "{2}", "a{3,1}", "[a", "[z-a]", r"\b",
     r"\x9f", "é", "a{2000}", "[a-z]{900}[0-9]{900}", "|?"],
)  # fmt: skip
def test_what_cloudwatch_refuses_is_refused(expression):
    with pytest.raises(InvalidExpressionError):
        BoundedRegex(expression)


def test_the_end_mark_allows_the_newline_that_a_log_line_ends_with():
    assert BoundedRegex("done$").search("all done\n")
    assert not BoundedRegex("done$").search("done it")


def test_characters_beyond_ascii_match_only_what_excludes_others():
    assert BoundedRegex("^.{3}$").search("né≠")
    assert BoundedRegex(r"^\W+$").search("≠")
    assert not BoundedRegex("[a-z]").search("é")


def test_many_stars_cost_no_more_than_one():
    expression = BoundedRegex("a*a*a*a*a*a*a*a*b")
    text = "a" * 20_000
    # A backtracking engine would need years.
    assert not expression.search(text)
