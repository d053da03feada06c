from __future__ import annotations

import itertools

import pytest

from lambent.execution_environment.lifecycle import (
    ENVIRONMENT_TRANSITIONS,
    EXTENSION_TRANSITIONS,
    RUNTIME_TRANSITIONS,
    EnvironmentEvent,
    EnvironmentState,
    ExtensionEvent,
    ExtensionState,
    RuntimeEvent,
    RuntimeState,
    TransitionNotAllowed,
    next_environment_state,
    next_extension_state,
    next_runtime_state,
)


@pytest.mark.parametrize(
    "pair", [*itertools.product(EnvironmentState, EnvironmentEvent)], ids=" ".join
)
def test_an_environment_changes_as_the_table_says_or_not_at_all(pair):
    if pair in ENVIRONMENT_TRANSITIONS:
        assert next_environment_state(*pair) is ENVIRONMENT_TRANSITIONS[pair]
    else:
        with pytest.raises(TransitionNotAllowed):
            next_environment_state(*pair)


@pytest.mark.parametrize("pair", [*itertools.product(RuntimeState, RuntimeEvent)], ids=" ".join)
def test_a_runtime_changes_as_the_table_says_or_not_at_all(pair):
    if pair in RUNTIME_TRANSITIONS:
        assert next_runtime_state(*pair) is RUNTIME_TRANSITIONS[pair]
    else:
        with pytest.raises(TransitionNotAllowed):
            next_runtime_state(*pair)


@pytest.mark.parametrize("pair", [*itertools.product(ExtensionState, ExtensionEvent)], ids=" ".join)
def test_an_extension_changes_as_the_table_says_or_not_at_all(pair):
    if pair in EXTENSION_TRANSITIONS:
        assert next_extension_state(pair[0], pair[1], "watcher") is EXTENSION_TRANSITIONS[pair]
    else:
        with pytest.raises(TransitionNotAllowed):
            next_extension_state(pair[0], pair[1], "watcher")


def test_a_refusal_names_the_extension():
    with pytest.raises(TransitionNotAllowed) as caught:
        next_extension_state(ExtensionState.REGISTERED, ExtensionEvent.REGISTER, "watcher")
    assert str(caught.value) == (
        "State transition from Registered to Registered failed for extension watcher. "
        "Error: State transition is not allowed"
    )


def test_a_refusal_names_both_states_in_the_emulator_s_words():
    with pytest.raises(TransitionNotAllowed) as caught:
        next_runtime_state(RuntimeState.RUNNING, RuntimeEvent.NEXT)
    assert str(caught.value) == (
        "State transition from Running to Ready failed for runtime. "
        "Error: State transition is not allowed"
    )
    assert caught.value.state is RuntimeState.RUNNING
    assert caught.value.event is RuntimeEvent.NEXT


def test_every_state_can_be_closed_and_nothing_follows_shutdown():
    for state in EnvironmentState:
        following = next_environment_state(state, EnvironmentEvent.CLOSE)
        assert following is EnvironmentState.SHUTDOWN
    after = {event for state, event in ENVIRONMENT_TRANSITIONS if state == "shutdown"}
    assert after == {EnvironmentEvent.CLOSE}


def test_every_state_can_be_reached():
    assert {EnvironmentState.INITIALIZING, *ENVIRONMENT_TRANSITIONS.values()} == {*EnvironmentState}
    assert {RuntimeState.STARTED, *RUNTIME_TRANSITIONS.values()} == {*RuntimeState}
    assert {ExtensionState.STARTED, *EXTENSION_TRANSITIONS.values()} == {*ExtensionState}


@pytest.mark.parametrize(
    "table", [ENVIRONMENT_TRANSITIONS, RUNTIME_TRANSITIONS, EXTENSION_TRANSITIONS]
)
def test_the_tables_do_not_change(table):
    with pytest.raises(TypeError):
        table["a"] = "b"
