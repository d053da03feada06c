"""The states of an execution environment, its runtime and its extensions: what may follow what.

A late or repeated call from inside a sandbox becomes a refusal that names both states, never a
crash. The tables are drawn in docs/design.md, "States".
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)


class EnvironmentState(StrEnum):
    INITIALIZING = "initializing"
    READY = "ready"
    FROZEN = "frozen"  # ready, and nothing in it runs until the next invocation
    INVOKING = "invoking"
    RESETTING = "resetting"  # its extensions are being told; no invocation is taken yet
    RESET = "reset"  # its runtime is gone; the next invocation initialises it again
    SHUTDOWN = "shutdown"


class EnvironmentEvent(StrEnum):
    INITIALIZED = "initialized"
    INVOKE = "invoke"
    DONE = "done"
    FREEZE = "freeze"
    FAIL = "fail"
    RESET = "reset"  # nothing of the failed life is left, or needs to be waited for
    CLOSE = "close"


class RuntimeState(StrEnum):
    """Names as AWS's own errors print them."""

    STARTED = "Started"
    INIT_FAILED = "InitError"
    RESTORE_READY = "RestoreReady"  # initialised for a snapshot, and asks to be restored
    RESTORING = "Restoring"
    RESTORE_FAILED = "RuntimeRestoreErrorState"
    READY = "Ready"
    RUNNING = "Running"
    RESPONDING = "InvocationResponse"  # it streams its response
    RESPONDED = "RuntimeResponseSentState"


class RuntimeEvent(StrEnum):
    """Named for the state AWS's errors say was asked for."""

    NEXT = "Ready"
    INIT_ERROR = "InitError"
    RESTORE_NEXT = "RestoreReady"
    RESTORE = "Restoring"
    RESTORE_ERROR = "RuntimeRestoreErrorState"
    INVOKE = "Running"
    RESPONSE = "InvocationResponse"
    RESPONSE_BEGINS = "InvocationResponseStream"  # whose end is still to come
    RESPONSE_ENDS = "RuntimeResponseSentState"
    ERROR = "InvocationErrorResponse"


class ExtensionState(StrEnum):
    """Names as AWS's own errors and EXTENSION log lines print them."""

    STARTED = "Started"
    LAUNCH_FAILED = "LaunchError"
    REGISTERED = "Registered"
    INIT_FAILED = "InitError"
    READY = "Ready"
    RUNNING = "Running"
    EXIT_FAILED = "ExitError"


class ExtensionEvent(StrEnum):
    """Named for the state AWS's errors say was asked for."""

    LAUNCH_ERROR = "LaunchError"
    REGISTER = "Registered"
    INIT_ERROR = "InitError"
    NEXT = "Ready"
    EVENT = "Running"  # it is given one
    EXIT_ERROR = "Exited"


def _environment_transitions() -> dict[tuple[EnvironmentState, EnvironmentEvent], EnvironmentState]:
    state, event = EnvironmentState, EnvironmentEvent
    return {
        (state.INITIALIZING, event.INITIALIZED): state.READY,
        (state.INITIALIZING, event.FAIL): state.RESETTING,
        (state.READY, event.INVOKE): state.INVOKING,
        (state.READY, event.FREEZE): state.FROZEN,
        (state.READY, event.FAIL): state.RESETTING,
        (state.FROZEN, event.INVOKE): state.INVOKING,
        (state.FROZEN, event.FAIL): state.RESETTING,
        (state.RESETTING, event.RESET): state.RESET,
        (state.RESETTING, event.INVOKE): state.INVOKING,  # once the failed life has ended
        (state.RESET, event.INVOKE): state.INVOKING,
        (state.INVOKING, event.DONE): state.READY,
        (state.INVOKING, event.FAIL): state.RESETTING,
        **{(each, event.CLOSE): state.SHUTDOWN for each in state},
    }


def _runtime_transitions() -> dict[tuple[RuntimeState, RuntimeEvent], RuntimeState]:
    state, event = RuntimeState, RuntimeEvent
    return {
        (state.STARTED, event.NEXT): state.READY,
        (state.STARTED, event.INIT_ERROR): state.INIT_FAILED,
        (state.STARTED, event.RESTORE_NEXT): state.RESTORE_READY,
        (state.RESTORE_READY, event.RESTORE): state.RESTORING,
        (state.RESTORING, event.NEXT): state.READY,
        (state.RESTORING, event.RESTORE_ERROR): state.RESTORE_FAILED,
        (state.READY, event.INVOKE): state.RUNNING,
        (state.RUNNING, event.RESPONSE): state.RESPONDED,
        (state.RUNNING, event.ERROR): state.RESPONDED,
        (state.RUNNING, event.RESPONSE_BEGINS): state.RESPONDING,
        (state.RESPONDING, event.RESPONSE_ENDS): state.RESPONDED,
        (state.RESPONDED, event.NEXT): state.READY,
    }


def _extension_transitions() -> dict[tuple[ExtensionState, ExtensionEvent], ExtensionState]:
    state, event = ExtensionState, ExtensionEvent
    return {
        (state.STARTED, event.LAUNCH_ERROR): state.LAUNCH_FAILED,
        (state.STARTED, event.REGISTER): state.REGISTERED,
        (state.REGISTERED, event.NEXT): state.READY,
        (state.REGISTERED, event.INIT_ERROR): state.INIT_FAILED,
        (state.REGISTERED, event.EXIT_ERROR): state.EXIT_FAILED,
        (state.READY, event.EVENT): state.RUNNING,
        (state.READY, event.EXIT_ERROR): state.EXIT_FAILED,
        (state.RUNNING, event.NEXT): state.READY,
        (state.RUNNING, event.EXIT_ERROR): state.EXIT_FAILED,
        (state.INIT_FAILED, event.INIT_ERROR): state.INIT_FAILED,
        (state.EXIT_FAILED, event.EXIT_ERROR): state.EXIT_FAILED,
    }


ENVIRONMENT_TRANSITIONS: Mapping[tuple[EnvironmentState, EnvironmentEvent], EnvironmentState] = (
    MappingProxyType(_environment_transitions())
)
RUNTIME_TRANSITIONS: Mapping[tuple[RuntimeState, RuntimeEvent], RuntimeState] = MappingProxyType(
    _runtime_transitions()
)
EXTENSION_TRANSITIONS: Mapping[tuple[ExtensionState, ExtensionEvent], ExtensionState] = (
    MappingProxyType(_extension_transitions())
)


class TransitionNotAllowed(Exception):
    """Raised when a state does not allow what is asked of it."""

    def __init__(self, state: StrEnum, event: StrEnum, party: str) -> None:
        super().__init__(
            f"State transition from {state} to {event} failed for {party}. "
            "Error: State transition is not allowed"
        )
        self.state = state
        self.event = event


def next_environment_state(state: EnvironmentState, event: EnvironmentEvent) -> EnvironmentState:
    """The state that follows; raises TransitionNotAllowed."""
    return _next_state(ENVIRONMENT_TRANSITIONS, state, event, "environment")


def next_runtime_state(state: RuntimeState, event: RuntimeEvent) -> RuntimeState:
    """The state that follows; raises TransitionNotAllowed."""
    return _next_state(RUNTIME_TRANSITIONS, state, event, "runtime")


def next_extension_state(state: ExtensionState, event: ExtensionEvent, who: str) -> ExtensionState:
    """The state that follows; raises TransitionNotAllowed, which names the extension as `who`."""
    return _next_state(EXTENSION_TRANSITIONS, state, event, f"extension {who}")


def _next_state(
    transitions: Mapping[tuple[State, Event], State], state: State, event: Event, party: str
) -> State:
    following = transitions.get((state, event))
    if following is None:
        raise TransitionNotAllowed(state, event, party)
    return following
