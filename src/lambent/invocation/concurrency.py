"""How many invocations an account may have at work at one time.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambent.domain.function import FunctionVersion


class Concurrency:
    """Counts the invocations at work, for each account and region."""

    def __init__(self, account_limit: int) -> None:
        self._limit = account_limit
        self._at_work: Counter[tuple[str, str]] = Counter()

    @contextlib.contextmanager
    def admit(self, version: FunctionVersion) -> Iterator[None]:
        """Hold one place of the account's; raises TooManyRequestsException when there is none."""
        account = (version.account_id, version.region)
        if self._at_work[account] >= self._limit:
            raise ServiceError(
                "TooManyRequestsException",
                "Rate Exceeded.",
                Reason="ConcurrentInvocationLimitExceeded",
                retryAfterSeconds="1",
            )
        self._at_work[account] += 1
        try:
            yield
        finally:
            self._at_work[account] -= 1
