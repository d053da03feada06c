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
    from lambent.execution_environment.pool import Pool


class Concurrency:
    """Counts the invocations at work, for each account and region.

    What is provisioned is a part of the account's limit that is set aside: it is there for its own
    version only, and for all others it is not, whether it is at work or not.
    """

    def __init__(self, account_limit: int, pool: Pool) -> None:
        self._limit = account_limit
        self._pool = pool
        self._on_demand: Counter[tuple[str, str]] = Counter()

    @contextlib.contextmanager
    def admit(self, version: FunctionVersion) -> Iterator[None]:
        """Hold one place of the account's; raises TooManyRequestsException when there is none.

        To be invoked at once: who finds an environment that was provisioned has its place already.
        """
        if self._pool.has_provisioned(version):
            yield
            return
        account = (version.account_id, version.region)
        if self._on_demand[account] >= self._limit - self._pool.set_aside(*account):
            raise ServiceError(
                "TooManyRequestsException",
                "Rate Exceeded.",
                Reason="ConcurrentInvocationLimitExceeded",
                retryAfterSeconds="1",
            )
        self._on_demand[account] += 1
        try:
            yield
        finally:
            self._on_demand[account] -= 1
