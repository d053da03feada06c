"""Reserved concurrency: how many invocations a function has to itself, and may have at most.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
"""

from __future__ import annotations

from dataclasses import dataclass

from lambent.domain.records import FunctionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedConcurrency(FunctionRecord):
    """Of a function as a whole; without one it shares with all others of its account."""

    executions: int  # at one time, of all its versions; 0 stops the function
