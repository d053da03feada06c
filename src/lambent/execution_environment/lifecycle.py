"""The states of an execution environment and of its runtime, as tables of what may follow what.

A late or repeated call from inside a sandbox becomes a refusal that names both states, never a
crash. The tables are drawn in docs/design.md, "States".
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class EnvironmentState(StrEnum):
    INITIALIZING = "initializing"
    READY = "ready"
    INVOKING = "invoking"
    RESET = "reset"  # its runtime is gone; the next invocation initialises it again
    SHUTDOWN = "shutdown"


class EnvironmentEvent(StrEnum):
    INITIALIZED = "initialized"
    INVOKE = "invoke"
    DONE = "done"
    FAIL = "fail"
    CLOSE = "close"


class RuntimeState(StrEnum):
    """Names as AWS's own errors print them."""

    STARTED = "RuntimeStartedState"
    INIT_FAILED = "RuntimeInitErrorState"
    READY = "RuntimeReadyState"
    RUNNING = "RuntimeRunningState"
    RESPONDED = "RuntimeInvocationResponseState"


class RuntimeEvent(StrEnum):
    NEXT = "Ready"
    INIT_ERROR = "InitError"
    INVOKE = "Invoke"
    RESPONSE = "InvocationResponse"
    ERROR = "InvocationErrorResponse"


ENVIRONMENT_TRANSITIONS: Mapping[tuple[EnvironmentState, EnvironmentEvent], EnvironmentState] = (
    MappingProxyType(
        {
            (EnvironmentState.INITIALIZING, EnvironmentEvent.INITIALIZED): EnvironmentState.READY,
            (EnvironmentState.INITIALIZING, EnvironmentEvent.FAIL): EnvironmentState.RESET,
            (EnvironmentState.READY, EnvironmentEvent.INVOKE): EnvironmentState.INVOKING,
            (EnvironmentState.READY, EnvironmentEvent.FAIL): EnvironmentState.RESET,
            (EnvironmentState.RESET, EnvironmentEvent.INVOKE): EnvironmentState.INVOKING,
            (EnvironmentState.INVOKING, EnvironmentEvent.DONE): EnvironmentState.READY,
            (EnvironmentState.INVOKING, EnvironmentEvent.FAIL): EnvironmentState.RESET,
            **{
                (state, EnvironmentEvent.CLOSE): EnvironmentState.SHUTDOWN
                for state in EnvironmentState
            },
        }
    )
)

RUNTIME_TRANSITIONS: Mapping[tuple[RuntimeState, RuntimeEvent], RuntimeState] = MappingProxyType(
    {
        (RuntimeState.STARTED, RuntimeEvent.NEXT): RuntimeState.READY,
        (RuntimeState.STARTED, RuntimeEvent.INIT_ERROR): RuntimeState.INIT_FAILED,
        (RuntimeState.READY, RuntimeEvent.INVOKE): RuntimeState.RUNNING,
        (RuntimeState.RUNNING, RuntimeEvent.RESPONSE): RuntimeState.RESPONDED,
        (RuntimeState.RUNNING, RuntimeEvent.ERROR): RuntimeState.RESPONDED,
        (RuntimeState.RESPONDED, RuntimeEvent.NEXT): RuntimeState.READY,
    }
)


class TransitionNotAllowed(Exception):
    """Raised when a state does not allow what is asked of it."""

    def __init__(self, state: StrEnum, event: StrEnum) -> None:
        super().__init__(
            f"State transition from {state} to {event} failed for runtime. "
            "Error: State transition is not allowed"
        )
        self.state = state
        self.event = event


def next_environment_state(state: EnvironmentState, event: EnvironmentEvent) -> EnvironmentState:
    """The state that follows; raises TransitionNotAllowed."""
    following = ENVIRONMENT_TRANSITIONS.get((state, event))
    if following is None:
        raise TransitionNotAllowed(state, event)
    return following


def next_runtime_state(state: RuntimeState, event: RuntimeEvent) -> RuntimeState:
    """The state that follows; raises TransitionNotAllowed."""
    following = RUNTIME_TRANSITIONS.get((state, event))
    if following is None:
        raise TransitionNotAllowed(state, event)
    return following
