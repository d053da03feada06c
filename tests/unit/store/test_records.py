from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.versions import function_version

from lambent.domain.alias import Alias
from lambent.domain.function import Function
from lambent.domain.records import AccountRecord, FunctionRecord
from lambent.store.aliases import AliasStore
from lambent.store.functions import AlreadyExists, FunctionStore, NotFound, RevisionMismatch
from lambent.store.records import NOTHING, AccountRecords, FunctionRecords

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(FunctionRecord):
    text: str
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(AccountRecord):
    text: str


VERSION = function_version()
OF: Any = {"account_id": VERSION.account_id, "region": VERSION.region, "name": VERSION.name}
NOTE = Note(**OF, revision_id="1", text="a", more={"k": "v"})
RULE = Rule(account_id="1", region="r", id="csc-1", revision_id="1", text="a")


@pytest.fixture
async def store(database, seal):
    return await FunctionStore.open(database, seal)


@pytest.fixture
async def notes(database, store):
    await store.create(Function(**OF), VERSION)
    return await FunctionRecords.open(database, store, Note)


@pytest.fixture
async def rules(database):
    return await AccountRecords.open(database, Rule)


async def test_a_record_is_there_after_a_restart(notes, rules, database, store):
    await notes.put(NOTE)
    await rules.put(RULE)
    again = await FunctionRecords.open(database, store, Note)
    assert again.get(**OF) == NOTE
    assert again.of_account(VERSION.account_id, VERSION.region) == [NOTE]
    rules_again = await AccountRecords.open(database, Rule)
    assert rules_again.get("1", "r", "csc-1") == RULE
    assert rules_again.everything() == [RULE]


async def test_what_is_to_be_new_replaces_nothing(notes, rules):
    await notes.put(NOTE, instead_of=NOTHING)
    await rules.put(RULE, instead_of=NOTHING)
    with pytest.raises(AlreadyExists):
        await notes.put(replace(NOTE, text="b"), instead_of=NOTHING)
    with pytest.raises(AlreadyExists):
        await rules.put(replace(RULE, text="b"), instead_of=NOTHING)
    assert notes.get(**OF) == NOTE


async def test_a_change_that_came_too_late_changes_nothing(notes):
    await notes.put(NOTE)
    changed = replace(NOTE, revision_id="2", text="b")
    await notes.put(changed, instead_of="1")
    with pytest.raises(RevisionMismatch):
        await notes.put(replace(NOTE, revision_id="3"), instead_of="1")
    with pytest.raises(RevisionMismatch):
        await notes.delete(NOTE)
    assert notes.get(**OF) == changed
    await notes.delete(changed)
    assert notes.get(**OF) is None
    with pytest.raises(NotFound):
        await notes.delete(changed)
    with pytest.raises(NotFound):
        await notes.put(NOTE, instead_of="2")


async def test_records_go_with_their_function_and_their_qualifier(notes, store, database):
    await store.publish(replace(VERSION, version="1"))
    of_version = replace(NOTE, qualifier="1")
    await notes.put(NOTE)
    await notes.put(of_version)
    assert notes.of_function(**OF) == [NOTE, of_version]
    await store.delete_version(**OF, version="1")
    assert notes.of_function(**OF) == [NOTE]
    await store.delete(**OF)
    assert notes.of_function(**OF) == []
    assert (await FunctionRecords.open(database, store, Note)).of_function(**OF) == []


async def test_nothing_belongs_to_a_function_that_is_not_there(notes):
    with pytest.raises(NotFound):
        await notes.put(replace(NOTE, name="missing"))
    assert notes.get(**{**OF, "name": "missing"}) is None


async def test_nothing_belongs_to_a_qualifier_that_is_not_there(notes, store, database):
    await store.publish(replace(VERSION, version="1"))
    aliases = await AliasStore.open(database, store)
    alias = Alias(**OF, alias="live", version="1", revision_id="1")
    await aliases.create(alias)
    for qualifier in ("$LATEST", "1", "live"):
        await notes.put(replace(NOTE, qualifier=qualifier))
    await aliases.delete(alias)
    await store.delete_version(**OF, version="1")
    for gone in ("1", "live"):
        with pytest.raises(NotFound):
            await notes.put(replace(NOTE, qualifier=gone))
    assert [note.qualifier for note in notes.everything()] == ["$LATEST"]


async def test_whoever_listens_is_told_of_every_change_after_it(notes, store):
    told: list[tuple[str, bool]] = []
    notes.on_change(lambda *function: told.append((function[2], notes.get(*function) is not None)))
    name = OF["name"]
    await notes.put(NOTE)
    await notes.delete(NOTE)
    await notes.put(NOTE)
    await store.delete(**OF)
    assert told == [(name, True), (name, False), (name, True), (name, False)]
