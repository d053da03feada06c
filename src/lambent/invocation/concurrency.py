"""How many invocations functions may have at work at one time.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError
from lambent.domain.quotas import REQUESTS_PER_EXECUTION

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.domain.arn import FunctionKey
    from lambent.domain.function import FunctionVersion
    from lambent.domain.reserved_concurrency import ReservedConcurrency
    from lambent.store.functions import FunctionStore
    from lambent.store.records import FunctionRecords


Account = tuple[str, str]  # and region

_NOTHING_HELD = nullcontext()


class Concurrency:
    """Counts the invocations at work: of each function with a share of its own, and of all others
    of its account and region together.

    An environment that was made ready ahead has a place among those of its function for as long as
    it is there, at work or not: nobody else's invocation can have that place.
    """

    def __init__(
        self,
        account_limit: int,
        functions: FunctionStore,
        reserved: FunctionRecords[ReservedConcurrency],
    ) -> None:
        self._limit = account_limit
        self._reserved = reserved
        self._functions: dict[FunctionKey, _Function] = {}
        self._common: dict[Account, _Share] = {}
        self._own: dict[FunctionKey, _Share] = {}
        for record in reserved.everything():
            self._follow(record.account_id, record.region, record.name)
        reserved.on_change(self._follow)
        functions.on_delete(self._forget)

    def admit(
        self, version: FunctionVersion, *, is_provisioned: bool, is_waited_for: bool = True
    ) -> AbstractContextManager[None]:
        """A place for one invocation, to be entered at once and held until it is over.

        With `is_provisioned` an environment that was made ready ahead takes it: that one has its
        place already. Requests have a rate when somebody waits for the answer; events have none.
        Raises TooManyRequestsException when there is none.
        """
        function = self._function(version)
        share = function.share
        if is_provisioned and share.most:
            return _NOTHING_HELD
        if share.taken >= share.most:
            raise share.used_up()
        rate = share.rate if is_waited_for else None
        if rate is not None and not rate.has_one_more(time.monotonic()):
            raise _throttled("ReservedFunctionInvocationRateLimitExceeded", retryAfterSeconds="1")
        return function

    def is_reserved(self, version: FunctionVersion) -> bool:
        """Whether its function has places that are nobody else's."""
        return (version.account_id, version.region, version.name) in self._own

    def hold(self, version: FunctionVersion) -> Callable[[], None]:
        """Take a place for an environment that is made ready ahead, whether there is one or not.

        Call what is answered when the environment has gone.
        """
        function = self._function(version)
        function.__enter__()
        return function.__exit__

    def stand_in_line(self, function: FunctionKey, tell: Callable[[], None]) -> bool:
        """Have `tell` called, once, when it is its turn to try for a place; False if it is now.

        Whoever is told may find the place taken: nobody holds it meanwhile.
        """
        share = self._share(function)
        if share.taken < share.most:
            return False
        share.line.append(tell)
        return True

    def pass_on(self, function: FunctionKey) -> None:
        """Who was told has no use for the place: it is the next one's turn."""
        share = self._share(function)
        if share.line and share.taken < share.most:
            share.line.popleft()()

    def _function(self, version: FunctionVersion) -> _Function:
        key = (version.account_id, version.region, version.name)
        found = self._functions.get(key)
        if found is None:
            found = self._functions[key] = _Function(self._share(key))
        return found

    def _share(self, key: FunctionKey) -> _Share:
        return self._own.get(key) or self._common_share(key[:2])

    def _common_share(self, account: Account) -> _Share:
        found = self._common.get(account)
        if found is None:
            found = self._common[account] = _Share(self._limit)
        return found

    def _follow(self, account_id: str, region: str, name: str) -> None:
        """What is reserved for the function is another number than before, or nothing any more."""
        key = (account_id, region, name)
        common = self._common_share(key[:2])
        before = self._own.pop(key, None)
        if before is not None:
            common.most += before.most
            before.tell_all()
        record = self._reserved.get(*key)
        if record is not None:
            common.most -= record.executions
            self._own[key] = _Share(record.executions, _RequestRate(record.executions))
        if key in self._functions:
            self._functions[key].move(self._share(key))
        common.tell_all()

    def _forget(self, account_id: str, region: str, name: str, qualifier: str | None) -> None:
        """A function is gone. What it still has at work gives its places back by itself."""
        if qualifier is None:
            self._functions.pop((account_id, region, name), None)


class _RequestRate:
    """The requests of one function in a second, however short they are."""

    __slots__ = ("_a_second", "_counted_at", "_left")

    def __init__(self, executions: int) -> None:
        self._a_second = executions * REQUESTS_PER_EXECUTION
        self._left = float(self._a_second)
        self._counted_at = time.monotonic()

    def has_one_more(self, now: float) -> bool:
        """Whether one more is allowed at `now` (monotonic seconds), which is then counted."""
        left = self._left + (now - self._counted_at) * self._a_second
        self._left = min(self._a_second, left)
        self._counted_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class _Share:
    """Places of one function, or of all those of an account that have none of their own."""

    __slots__ = ("line", "most", "rate", "taken")

    def __init__(self, most: int, rate: _RequestRate | None = None) -> None:
        self.most = most
        self.taken = 0
        # Only of one function: AWS's rate for accounts protects AWS, and here the host is the limit.
        self.rate = rate
        self.line: deque[Callable[[], None]] = deque()  # who waits for a place

    def tell_all(self) -> None:
        """How many places there are has changed: whoever waits may try."""
        waiting, self.line = self.line, deque()
        for tell in waiting:
            tell()

    def used_up(self) -> ServiceError:
        if self.rate is None:
            return _throttled("ConcurrentInvocationLimitExceeded", retryAfterSeconds="1")
        # As recorded from AWS, without Retry-After: the function's owner has chosen this limit.
        return _throttled("ReservedFunctionConcurrentInvocationLimitExceeded")


class _Function:
    """What one function has taken of a share. Entered once for each invocation at work."""

    __slots__ = ("share", "taken")

    def __init__(self, share: _Share) -> None:
        self.share = share
        self.taken = 0

    def __enter__(self) -> None:
        self.taken += 1
        self.share.taken += 1

    def __exit__(self, *exception: object) -> None:
        self.taken -= 1
        self.share.taken -= 1
        if self.share.line:
            self.share.line.popleft()()

    def move(self, share: _Share) -> None:
        """To another share, with all it has at work."""
        self.share.taken -= self.taken
        share.taken += self.taken
        self.share = share


def _throttled(reason: str, **members: str) -> ServiceError:
    return ServiceError("TooManyRequestsException", "Rate Exceeded.", Reason=reason, **members)
