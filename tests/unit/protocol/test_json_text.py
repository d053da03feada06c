from __future__ import annotations

import pytest

from lambent.protocol.json_text import (
    NotJson,
    check_json,
    compact_json,
    members_of,
    read_json,
)

HIDDEN = "Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b' {"a": [1, null]}\n', {"a": [1, None]}),
        (b"\xef\xbb\xbf{}", {}),
        (b'"h\xc3\xa4"', "h\u00e4"),
    ],
)
def test_json_is_read_with_a_mark_of_its_encoding_too(text, value):
    assert read_json(text) == value


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b'{"a"', f"Unexpected end-of-input\n at [{HIDDEN}; line: 1, column: 5]"),
        (b"{\n!}", f"Unexpected character ('!' (code 33))\n at [{HIDDEN}; line: 2, column: 1]"),
        (b"NaN", "Non-standard token 'NaN'"),
        (b"9" * 10_000, "Document has a number too long to read"),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_aws_s_parser(text, complaint):
    with pytest.raises(NotJson) as caught:
        read_json(text)
    assert str(caught.value) == complaint


def test_deep_nesting_is_a_recursion_error():
    with pytest.raises(RecursionError):
        read_json(b"[" * 1_000_000)


@pytest.mark.parametrize(
    "text", [b"{}", b' {"a": [1, "\\ud800"]}\n', b"\xef\xbb\xbf[]", b"9" * 10_000]
)
def test_json_of_any_size_is_looked_at_without_being_read(text):
    check_json(text)


@pytest.mark.parametrize("text", [b"", b"{", b"NaN", b'"\xff"', b"[1] x", b"[" * 50_000 + b"{]"])
def test_what_is_no_json_is_found_without_being_read(text):
    with pytest.raises((NotJson, RecursionError)):
        check_json(text)


def test_what_is_wrong_with_a_long_text_is_told_in_short():
    with pytest.raises(NotJson, match=r"not valid: .*byte 100001"):
        check_json(b"[" + b"1," * 50_000 + b"]")


def test_the_members_of_an_object_are_found_among_others():
    text = b'{"b": {"x" : 1}, "a": null, "other": [[]], "b": 2}'
    assert members_of(text, ("a", "b", "c")) == {"a": b"null", "b": b"2"}
    for no_object in (b"[1]", b"3", b"{"):
        with pytest.raises(NotJson):
            members_of(no_object, ("a",))


def test_spaces_between_values_are_left_out():
    assert compact_json(b' {"a b" : [ 1e400 , " x " ] } ') == b'{"a b":[1e400," x "]}'
    with pytest.raises(NotJson):
        compact_json(b"[1,]")
