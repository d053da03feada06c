"""One call of the Invoke API, what answers it, and what runs the function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from lambent.domain.function import FunctionVersion
    from lambent.domain.invocation import Invocation, InvocationResult
    from lambent.invocation.response_stream import ResponseStream

InvocationType = Literal["RequestResponse", "Event", "DryRun"]


# Not frozen, as Caller is not.
@dataclass(slots=True, kw_only=True)
class Call:
    name: str  # the function's, without what was around it; empty for the only one there is
    qualifier: str | None  # as the caller gave it
    invocation_type: InvocationType
    invocation: Invocation
    wants_log_tail: bool = False


class Engine(Protocol):
    """What runs the function."""

    @property
    def version(self) -> FunctionVersion: ...

    async def invoke(
        self, invocation: Invocation, *, wants_log_tail: bool = False
    ) -> InvocationResult:
        """Raises ServiceError when there is no instance for it, or will be none."""


class Calls(Protocol):
    """What answers calls. Each raises ServiceError for a call that cannot be run."""

    def invoked_arn(self, name: str, qualifier: str | None) -> str:
        """What the function is told it was called by."""

    def executed_version(self, call: Call) -> str: ...

    async def run(self, call: Call) -> InvocationResult:
        """Wait for the end of it."""

    async def stream(self, call: Call) -> ResponseStream:
        """Wait for the beginning of its response."""

    async def accept(self, call: Call) -> None:
        """Run it later, with nobody waiting."""

    async def check(self, call: Call) -> None:
        """Only see whether it could be run."""

    def health(self) -> dict[str, Any]:
        """What is going on, for people and probes."""

    @property
    def is_ready(self) -> bool:
        """Whether calls should be sent here."""
