"""What is to happen when a function is found to invoke itself.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lambent.domain.records import FunctionRecord

RecursiveLoop = Literal["Allow", "Terminate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecursionConfig(FunctionRecord):
    """Of a function as a whole; one without any is as with Terminate."""

    recursive_loop: RecursiveLoop
