from __future__ import annotations

import pytest

from lambent.store.schema import asynchronous_events, event_deliveries
from lambent.store.selection import Selection

ECHO = ("000000000000", "us-east-1", "echo")


@pytest.mark.parametrize("table", [asynchronous_events, event_deliveries])
def test_all_that_is_named_is_a_condition_in_both_tables(table):
    everything = Selection()
    assert everything.conditions(table.c) == []
    named = Selection(
        account_id="0", region="r", name="n", state="failed", request_id="i", ids=[1], until_id=9
    )
    said = [str(each) for each in named.conditions(table.c)]
    names = ["account_id", "region", "name", "state", "request_id", "id IN", "id <="]
    assert len(said) == len(names)
    assert all(name in text for name, text in zip(names, said, strict=True))


@pytest.mark.parametrize(
    ("selection", "is_meant"),
    [
        (Selection(), True),
        (Selection(account_id=ECHO[0], region=ECHO[1], name=ECHO[2], state="waiting"), True),
        (Selection(ids=[4, 5], until_id=5), True),
        (Selection(account_id="1"), False),
        (Selection(region="eu-central-1"), False),
        (Selection(name="other"), False),
        (Selection(state="failed"), False),
        (Selection(ids=[4]), False),
        (Selection(until_id=4), False),
    ],
)
def test_events_in_memory_are_selected_like_those_in_the_table(selection, is_meant):
    assert selection.has_waiting(ECHO, 5) is is_meant
