"""How many invocations an account may have at work at one time.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError

if TYPE_CHECKING:
    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.pool.pool import Pool


Account = tuple[str, str]  # and region

_NOTHING_HELD = nullcontext()


class _Place:
    """One invocation's place among those of its account, held until the block ends."""

    __slots__ = ("_account", "_counts")

    def __init__(self, counts: Counter[Account], account: Account) -> None:
        self._counts = counts
        self._account = account

    def __enter__(self) -> None:
        self._counts[self._account] += 1

    def __exit__(self, *exception: object) -> None:
        self._counts[self._account] -= 1


class Concurrency:
    """Counts the invocations at work, for each account and region.

    What is provisioned is a part of the account's limit that is set aside: it is there for its own
    version only, and for all others it is not, whether it is at work or not.
    """

    def __init__(self, account_limit: int, pool: Pool) -> None:
        self._limit = account_limit
        self._pool = pool
        self._on_demand: Counter[Account] = Counter()

    def admit(self, version: FunctionVersion) -> AbstractContextManager[None]:
        """One place of the account's, to be entered at once and held until the invocation is over.

        Who finds an environment that was provisioned has its place already. Raises
        TooManyRequestsException when there is none.
        """
        if self._pool.has_provisioned(version):
            return _NOTHING_HELD
        account = (version.account_id, version.region)
        if self._on_demand[account] >= self._limit - self._pool.set_aside(*account):
            raise ServiceError(
                "TooManyRequestsException",
                "Rate Exceeded.",
                Reason="ConcurrentInvocationLimitExceeded",
                retryAfterSeconds="1",
            )
        return _Place(self._on_demand, account)
