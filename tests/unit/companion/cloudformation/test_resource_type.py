from __future__ import annotations

import pytest

from lambent.companion.cloudformation.resource_type import (
    ChangeRefused,
    Made,
    Place,
    ReplacementNeeded,
    ResourceType,
    ServerResource,
)


def place(**members):
    return Place(
        **{
            "account_id": "000000000000",
            "region": "us-east-1",
            "stack_id": "arn:aws:cloudformation:us-east-1:000000000000:stack/stack/1",
            "stack_name": "stack",
            "resource_type": "AWS::X::Y",
            "logical_id": "Logical",
            "client": lambda service: None,
            **members,
        }
    )


def resource(update, **members):
    kind = ResourceType(
        name="AWS::X::Y",
        properties=frozenset({"Name", "Size"}),
        attributes=frozenset(),
        replaced_by=frozenset({"Name"}),
        create=lambda place, properties: Made(physical_id="x"),
        delete=lambda place, made, properties: None,
        update=update,
    )
    made = ServerResource(place(), Made(physical_id="x"), members)
    made.kind = kind
    return made


def test_a_generated_name_has_its_longest_length():
    assert place().generated_name(64).startswith("stack-Logical-")
    long = place(stack_name="s" * 100).generated_name(64)
    assert len(long) == 64
    assert place().generated_name(64) != place().generated_name(64)


def test_a_change_is_told_what_was_and_what_a_failed_one_may_have_left():
    calls = []

    def update(place, made, new, old):
        calls.append((new, old))
        if new["Size"] == 13:
            raise ChangeRefused("13")
        return made

    changing = resource(update, Name="a", Size=1)
    with pytest.raises(ChangeRefused):
        changing.changed_to({"Name": "a", "Size": 13})
    changing.changed_to({"Name": "a", "Size": 1})
    assert calls[1] == ({"Name": "a", "Size": 1}, {"Name": "a", "Size": 13})


def test_some_changes_need_a_new_resource():
    changing = resource(lambda place, made, new, old: made, Name="a")
    with pytest.raises(ReplacementNeeded):
        changing.changed_to({"Name": "b"})
    assert changing.properties == {"Name": "a"}
    with pytest.raises(ReplacementNeeded):
        resource(None, Name="a").changed_to({"Name": "a", "Size": 2})


def test_a_property_that_there_is_not_is_refused():
    with pytest.raises(ChangeRefused, match="Encountered unsupported property Colour"):
        resource(None).changed_to({"Colour": "red"})
