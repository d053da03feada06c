"""The order of steps, and what is left when one fails, with resources that are only remembered."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from moto.cloudformation import parsing
from moto.cloudformation.models import Stack
from moto.cloudformation.parsing import ResourceMap

from lambent.companion.cloudformation import deployment
from lambent.companion.cloudformation.resource_type import (
    ChangeRefused,
    Made,
    Place,
    ResourceType,
    model_of,
)


@dataclass
class World:
    """What was done to things, by their names; those in `refused` fail."""

    done: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    def do(self, step):
        if step in self.refused:
            raise ChangeRefused(f"{step} is refused")
        self.done.append(step)

    def create(self, place, properties):
        self.do(f"create {place.logical_id} {properties.get('Name')}")
        return Made(physical_id=f"{place.logical_id}/{properties.get('Name')}")

    def update(self, place, made, new, old):
        self.do(f"update {place.logical_id} {old.get('Size')}->{new.get('Size')}")
        # As custom resources may: what has the former id stays until the update is done.
        return Made(physical_id="another") if new.get("Size") == "other" else made

    def delete(self, place, made, properties):
        self.do(f"delete {made.physical_id}")


@pytest.fixture
def world(monkeypatch):
    world = World()
    kind = ResourceType(
        name="Test::Thing",
        properties=frozenset({"Name", "Size", "Uses"}),
        attributes=frozenset(),
        replaced_by=frozenset({"Name"}),
        create=world.create,
        update=world.update,
        delete=world.delete,
    )

    def place_of(account_id, region, stack_id, logical_id, resource_type):
        return Place(
            account_id=account_id,
            region=region,
            stack_id=stack_id,
            stack_name="stack",
            logical_id=logical_id,
            resource_type=resource_type,
            client=lambda service: None,
        )

    model = model_of(kind, place_of)
    monkeypatch.setattr(ResourceMap, "__getitem__", deployment.existing)
    monkeypatch.setattr(parsing, "get_model_map", lambda: {kind.name: model})
    monkeypatch.setattr(parsing, "get_model_list", lambda: [model])
    return world


def thing(**properties):
    return {"Type": "Test::Thing", "Properties": properties}


def stack_of(**resources):
    make: Any = Stack  # abstract to a type checker alone
    return make(
        stack_id="arn:aws:cloudformation:us-east-1:000000000000:stack/stack/1",
        name="stack",
        template=json.dumps({"Resources": resources}),
        parameters={},
        account_id="000000000000",
        region_name="us-east-1",
    )


def created(**resources):
    stack = stack_of(**resources)
    deployment.create(stack, "ROLLBACK", lambda: None)
    assert stack.status == "CREATE_COMPLETE"
    return stack


def update(stack, **resources):
    wanted = stack_of(**resources).resource_map
    deployment.update(stack, wanted, lambda: None)
    return stack.status


def test_what_is_referred_to_is_created_first_and_deleted_last(world):
    stack = created(A=thing(Uses={"Ref": "B"}), B=thing())
    deployment.delete(stack)
    assert world.done == ["create B None", "create A None", "delete A/None", "delete B/None"]
    assert stack.status == "DELETE_COMPLETE"


def test_a_failed_creation_deletes_what_there_is(world):
    world.refused = {"create B None"}
    stack = stack_of(A=thing(), B=thing(Uses={"Ref": "A"}), C=thing(Uses={"Ref": "B"}))
    deployment.create(stack, "ROLLBACK", lambda: None)
    assert world.done == ["create A None", "delete A/None"]
    assert stack.status == "ROLLBACK_COMPLETE"
    failed = next(each for each in stack.events if each.resource_status == "CREATE_FAILED")
    assert (failed.logical_resource_id, failed.resource_status_reason) == (
        "B",
        "create B None is refused",
    )


def test_a_stack_that_cannot_be_adopted_fails_as_one_that_cannot_be_made(world):
    def refuse():
        raise ChangeRefused("taken")

    stack = stack_of(A=thing())
    deployment.create(stack, "ROLLBACK", refuse)
    assert (world.done, stack.status) == (["create A None", "delete A/None"], "ROLLBACK_COMPLETE")


def test_an_update_touches_what_differs_and_deletes_last(world):
    stack = created(A=thing(Size=1), B=thing(), C=thing(), D=thing(Name="old"))
    world.done.clear()
    status = update(stack, A=thing(Size=2), C=thing(), D=thing(Name="new"), E=thing())
    assert status == "UPDATE_COMPLETE"
    assert world.done == [
        "update A 1->2",
        "create D new",
        "create E None",
        "delete D/old",
        "delete B/None",
    ]


def test_a_reference_to_a_replaced_resource_is_a_difference(world):
    stack = created(A=thing(Name="old"), B=thing(Size={"Ref": "A"}))
    world.done.clear()
    assert update(stack, A=thing(Name="new"), B=thing(Size={"Ref": "A"})) == "UPDATE_COMPLETE"
    assert world.done == ["create A new", "update B A/old->A/new", "delete A/old"]


def test_a_failed_update_is_undone_also_where_it_stopped(world):
    before = {"A": thing(Size=1), "B": thing(Name="old"), "C": thing(Size=1), "Gone": thing()}
    stack = created(**before)
    world.done.clear()
    world.refused = {"update C 1->2"}
    status = update(stack, A=thing(Size=2), B=thing(Name="new"), C=thing(Size=2), New=thing())
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert world.done == [
        "update A 1->2",
        "create B new",
        "update A 2->1",
        "update C 2->1",
        "delete B/new",
    ]
    world.done.clear()
    assert update(stack, **before) == "UPDATE_COMPLETE"
    assert world.done == []
    deployment.delete(stack)
    assert sorted(world.done) == [
        "delete A/None",
        "delete B/old",
        "delete C/None",
        "delete Gone/None",
    ]


def test_a_replacement_that_cannot_be_made_leaves_the_former_one(world):
    stack = created(A=thing(Name="old"))
    world.refused = {"create A new"}
    assert update(stack, A=thing(Name="new")) == "UPDATE_ROLLBACK_COMPLETE"
    assert world.done == ["create A old"]
    assert deployment.resources_of(stack)["A"].physical_resource_id == "A/old"


def test_a_rollback_that_fails_says_so(world):
    stack = created(A=thing(Size=1))
    world.refused = {"update A 1->2", "update A 2->1"}
    assert update(stack, A=thing(Size=2)) == "UPDATE_ROLLBACK_FAILED"


def test_what_cannot_be_deleted_stays_with_the_stack(world):
    stack = created(A=thing(), B=thing())
    world.refused = {"delete A/None"}
    deployment.delete(stack)
    assert stack.status == "DELETE_FAILED"
    assert list(deployment.resources_of(stack)) == ["A"]
    world.refused.clear()
    deployment.delete(stack)
    assert stack.status == "DELETE_COMPLETE"


def test_what_is_to_be_kept_is_kept(world):
    kept = {**thing(Name="old"), "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    stack = created(A=kept)
    update(stack, A={**kept, "Properties": {"Name": "new"}})
    deployment.delete(stack)
    assert world.done == ["create A old", "create A new"]
    skipped = [
        each.physical_resource_id
        for each in stack.events
        if each.resource_status == "DELETE_SKIPPED"
    ]
    assert skipped == ["A/old", "A/new"]


def test_what_a_change_leaves_behind_is_deleted_after_it(world):
    stack = created(A=thing(Size=1), B=thing(Uses={"Ref": "A"}))
    assert update(stack, A=thing(Size="other"), B=thing(Uses={"Ref": "A"})) == "UPDATE_COMPLETE"
    assert world.done[2:] == ["update A 1->other", "update B None->None", "delete A/None"]
    deployment.delete(stack)
    assert world.done[-1] == "delete another"


def test_what_a_change_left_behind_comes_back_when_another_fails(world):
    stack = created(A=thing(Size=1), B=thing(Uses={"Ref": "A"}))
    world.refused.add("update B None->2")
    status = update(stack, A=thing(Size="other"), B=thing(Uses={"Ref": "A"}, Size=2))
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert world.done[2:] == ["update A 1->other", "update B 2->None", "delete another"]
    deployment.delete(stack)
    assert world.done[-2:] == ["delete B/None", "delete A/None"]
