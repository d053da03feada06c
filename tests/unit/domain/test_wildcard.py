from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from lambent.domain.wildcard import arn_matches, matches

TEXTS = st.text("ab*?:.\n", max_size=12)


def naive(pattern, text):
    """The definition, without a thought for speed."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(naive(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and naive(pattern[1:], text[1:])


@given(TEXTS, st.text("ab:.\n", max_size=12))
def test_a_pattern_matches_as_defined(pattern, text):
    assert matches(pattern, text) is naive(pattern, text)


@given(st.lists(st.text("ab[]^!-\\", max_size=4), min_size=1, max_size=5), st.text(max_size=4))
def test_whatever_stands_for_each_star_the_text_matches(parts, filling):
    assert matches("*".join(parts), filling.join(parts))


@given(st.text())
def test_every_text_without_wildcards_matches_itself_only(text):
    plain = text.replace("*", "").replace("?", "")
    assert matches(plain, plain)
    assert not matches(plain, f"{plain}x")


@given(st.lists(st.text("ab?", max_size=4), min_size=1, max_size=4), st.text("ab", max_size=14))
def test_parts_between_stars_may_have_question_marks(parts, text):
    pattern = "*".join(parts)
    assert matches(pattern, text) is naive(pattern, text)


# Each as long as a policy may be, or longer, against the longest of texts.
@pytest.mark.parametrize(
    ("pattern", "is_match"),
    [
        ("*" * 20_000, True),
        ("*?" * 10_000, False),
        ("*?" * 500, True),
        ("*" + "?" * 20_000, False),
        ("?" * 20_000 + "*", False),
        ("*a" * 500 + "*b*", False),
        ("*a?" * 200 + "*b?*", False),
        ("*" + "a?" * 249 + "b*", False),
        ("*" + "a" * 249 + "b" + "a" * 249 + "*", False),
        ("*" + "a?" * 250 + "*", True),
    ],
)
def test_a_hostile_pattern_is_answered(pattern, is_match):
    assert matches(pattern, "a" * 500) is is_match


@pytest.mark.parametrize(
    ("pattern", "arn", "is_match"),
    [
        ("arn:aws:s3:::bucket", "arn:aws:s3:::bucket", True),
        ("arn:aws:s3:::bucket*", "arn:aws:s3:::bucket-2", True),
        ("arn:aws:s3:::b?cket", "arn:aws:s3:::bocket", True),
        ("arn:aws:sns:*:123456789012:*", "arn:aws:sns:us-east-1:123456789012:topic:part", True),
        ("arn:aws:sns:*:topic", "arn:aws:sns:us-east-1:123456789012:topic", False),
        ("arn:aws:events:*:*:rule/*", "arn:aws:events:us-east-1:123456789012:rule/mine", True),
        ("arn:aws:events:*:*:rule/*", "arn:aws:sqs:us-east-1:123456789012:rule/mine", False),
        ("*", "arn:aws:s3:::bucket", False),
        ("arn:aws:s3:::*", "bucket", False),
    ],
)
def test_arns_are_compared_part_by_part(pattern, arn, is_match):
    assert arn_matches(pattern, arn) is is_match


@given(*[st.text("ab*", max_size=3)] * 3)
def test_no_star_reaches_over_a_colon_of_an_arn(service, region, account):
    pattern = f"arn:aws:{service}:{region}:{account}:*"
    arn = "arn:aws:a:b::a:b"
    wanted = matches(service, "a") and matches(region, "b") and matches(account, "")
    assert arn_matches(pattern, arn) is wanted
