from __future__ import annotations

import pytest
from botocore.model import ServiceModel

from lambent.protocol.constraints import camel, constraints_of, has_structure, show
from lambent.protocol.corrections import Corrections

SHAPES = {
    "Name": {"type": "string", "min": 1, "max": 5, "pattern": "[a-z]+"},
    "Kind": {"type": "string", "enum": ["Event", "DryRun"]},
    "Secret": {"type": "string", "sensitive": True},
    "Number": {"type": "integer", "min": 1, "max": 10},
    "Weight": {"type": "double", "min": 0, "max": 1},
    "Flag": {"type": "boolean"},
    "Data": {"type": "blob", "max": 4},
    "Names": {"type": "list", "member": {"shape": "Name"}, "min": 0, "max": 2},
    "Kinds": {"type": "list", "member": {"shape": "Kind"}},
    "Grid": {"type": "list", "member": {"shape": "Names"}},
    "Weights": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Weight"}},
    "Pair": {
        "type": "structure",
        "members": {"KMSKeyArn": {"shape": "Name"}, "Password": {"shape": "Secret"}},
    },
    "Pairs": {"type": "list", "member": {"shape": "Pair"}},
    "PairsByName": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Pair"}},
}
MODEL = ServiceModel({"metadata": {}, "operations": {}, "shapes": SHAPES}, "t")


def texts(name, corrections=None):
    shape = MODEL.shape_for(name)
    return [each.text for each in constraints_of(shape, corrections or Corrections())]


def broken(name, value):
    shape = MODEL.shape_for(name)
    return [each.text for each in constraints_of(shape, Corrections()) if not each.holds(value)]


def test_a_text_has_length_pattern_and_value_set():
    assert texts("Name") == [
        "Member must have length less than or equal to 5",
        "Member must have length greater than or equal to 1",
        "Member must satisfy regular expression pattern: [a-z]+",
    ]
    assert texts("Kind") == ["Member must satisfy enum value set: [Event, DryRun]"]


def test_numbers_have_values_and_doubles_are_written_as_such():
    assert texts("Number")[0] == "Member must have value less than or equal to 10"
    assert texts("Weight") == [
        "Member must have value less than or equal to 1.0",
        "Member must have value greater than or equal to 0.0",
    ]


@pytest.mark.parametrize(
    ("name", "value", "failures"),
    [
        ("Name", "abc", 0),
        ("Name", "", 2),
        ("Name", "abcdef", 1),
        ("Name", "ABCDEF", 2),
        ("Kind", "Event", 0),
        ("Kind", "event", 1),
        ("Number", 0, 1),
        ("Number", 11, 1),
        ("Weight", 1.0, 0),
        ("Weight", 1.01, 1),
        ("Data", b"12345", 1),
        ("Names", ["a", "b"], 0),
        ("Names", ["a", "b", "c"], 1),
        ("Names", ["a", "B"], 1),
        ("Grid", [["a"], ["B"]], 1),
        ("Weights", {"a": 0.5}, 0),
        ("Weights", {"A": 0.5}, 1),
        ("Weights", {"A": 2.0}, 2),
        ("PairsByName", {"A": {}}, 1),
    ],
)
def test_each_broken_constraint_is_found(name, value, failures):
    assert len(broken(name, value)) == failures


def test_a_list_or_map_gives_its_elements_constraints_at_once():
    length = "Member must have length less than or equal to 5, Member must have length greater than or equal to 1"
    pattern = "Member must satisfy regular expression pattern: [a-z]+"
    assert texts("Names")[2] == f"Member must satisfy constraint: [{length}, {pattern}]"
    assert texts("Weights") == [
        f"Map keys must satisfy constraint: [{length}, {pattern}]",
        "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, "
        "Member must have value greater than or equal to 0.0]",
    ]


def test_a_corrected_maximum_is_what_is_accepted_and_named():
    [most, _] = constraints_of(MODEL.shape_for("Number"), Corrections(maxima={"Number": 7}))
    assert most.text == "Member must have value less than or equal to 7"
    assert [most.holds(value) for value in (7, 8)] == [True, False]


def test_other_corrections_change_the_wording_only():
    corrections = Corrections(
        value_sets={"Kind": "DryRun, Event"},
        patterns={"Name": "a to z"},
        not_null=frozenset({"Weights"}),
        unwrapped=frozenset({"Kinds"}),
    )
    assert texts("Kinds", corrections) == ["Member must satisfy enum value set: [DryRun, Event]"]
    assert texts("Weights", corrections)[1].endswith("to 0.0, Member must not be null]")
    assert texts("Name", corrections)[2].endswith("regular expression pattern: a to z")


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Name", "it's", "it's"),
        ("Number", 5, "5"),
        ("Weight", 2.0, "2.0"),
        ("Flag", True, "true"),
        ("Data", b"abc", "java.nio.HeapByteBuffer[pos=0 lim=3 cap=3]"),
        ("Names", ["a", "b"], "[a, b]"),
        ("Names", [], "[]"),
        ("Weights", {"a": 0.5, "b": 1.0}, "{a=0.5, b=1.0}"),
        (
            "Pairs",
            [{"KMSKeyArn": "k", "Password": "hunter2"}],
            "[Pair(kMSKeyArn=k, password=*** Sensitive Data Redacted ***)]",
        ),
        ("Pair", {}, "Pair(kMSKeyArn=null, password=*** Sensitive Data Redacted ***)"),
    ],
)
def test_values_are_shown_as_java_prints_them(name, value, shown):
    assert show(value, MODEL.shape_for(name)) == shown


def test_a_list_is_not_shown_without_end():
    shown = show([{}] * 100_000, MODEL.shape_for("Pairs"))
    assert shown.count("Pair(") == 1000


def test_only_the_first_letter_of_a_member_is_lowered():
    assert [camel(name) for name in ("FunctionName", "KMSKeyArn", "a")] == [
        "functionName",
        "kMSKeyArn",
        "a",
    ]


@pytest.mark.parametrize(("name", "expected"), [("Pairs", True), ("Grid", False), ("Pair", True)])
def test_lists_of_structures_are_told_from_leaves(name, expected):
    assert has_structure(MODEL.shape_for(name)) is expected
