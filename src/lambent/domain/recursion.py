"""When a function is found to invoke itself, and what is to happen then.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lambent.domain.records import FunctionRecord
from lambent.domain.trace import times_returned

# "approximately 16 times in the same chain of requests", AWS says, and stops the next one.
INVOCATIONS_IN_A_CHAIN = 16

RecursiveLoop = Literal["Allow", "Terminate"]


def loop_detected(trace_header: str) -> bool:
    """Whether an invocation is one too many of its function in the chain its trace tells of.

    `trace_header` is what `trace.continue_trace` made for the invocation.
    """
    return times_returned(trace_header) >= INVOCATIONS_IN_A_CHAIN


def ends_loops(config: RecursionConfig | None) -> bool:
    """Whether a function with this configuration is no more invoked in a loop."""
    return config is None or config.recursive_loop == "Terminate"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecursionConfig(FunctionRecord):
    """Of a function as a whole; one without any is as with Terminate."""

    recursive_loop: RecursiveLoop
