from __future__ import annotations

import pytest

from lambent.protocol.json_text import NotJson, read_json

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
