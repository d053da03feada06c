from __future__ import annotations

import pytest

from lambent.protocol.model import load_model
from lambent.protocol.patterns import compiled, matches


def patterns_of(name):
    model = load_model(name)
    shapes = (model.shape_for(shape) for shape in model.shape_names)
    return sorted({shape.metadata["pattern"] for shape in shapes if "pattern" in shape.metadata})


@pytest.mark.parametrize("name", ["lambda", "logs"])
def test_every_pattern_of_the_models_is_a_python_expression(name):
    assert [pattern for pattern in patterns_of(name) if compiled(pattern) is None] == []


def test_the_whole_value_must_match():
    assert matches("[a-z]+", "abc", 10)
    assert not matches("[a-z]+", "abc1", 10)
    assert not matches("[a-z]+", "abc\n", 10)
    assert not matches("^[a-z]+$", "abc\n", 10)


def test_class_escapes_are_ascii_as_in_java():
    assert not matches(r"\d{2}", "٣٤", 10)
    assert not matches(r"\w+", "é", 10)


def test_a_dash_after_a_class_escape_is_a_dash():
    assert matches(r"[\w-_]*", "a-b_c", 10)
    assert not matches(r"[\w-_]*", "a.b", 10)


@pytest.mark.parametrize(
    ("value", "is_allowed"),
    [("Größe", True), ("日本", True), ("½٣ \u3000", True), ("a\tb", False), ("a!b", False)],
)
def test_unicode_categories_are_understood(value, is_allowed):
    assert matches(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", value, 256) is is_allowed


def test_a_pattern_python_cannot_read_demands_nothing():
    assert compiled("[z-a]") is None
    assert matches("[z-a]", "anything", 10)


def test_a_far_too_long_value_fails_only_where_no_length_limit_fails_it():
    assert matches("[a-z]+", "A" * 10_001, 64)
    assert not matches("[a-z]+", "a" * 10_001, None)
    assert matches("[a-z]+", "a" * 15_000, 20_000)
    assert not matches("[a-z]+", "A" * 15_000, 20_000)
