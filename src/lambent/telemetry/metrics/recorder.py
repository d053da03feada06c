"""Measuring, as invocations happen: additions in memory, on the warm path.

Who keeps what was measured takes it over at the end of each minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.domain.arn import is_alias
from lambent.domain.metric import Aggregate, MeasuredMinute, Series
from lambent.telemetry.metrics.catalogue import CATALOGUE

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType

_Key = tuple[str, str, str, str | None, str | None]


class Metrics:
    """All that is being measured now. Belongs to the event loop's thread."""

    def __init__(self) -> None:
        # By what was asked for, so that finding one is a single look-up.
        self._functions: dict[_Key, FunctionMetrics] = {}
        self._levels: dict[Series, _Level] = {}
        self._measured: list[_Measured] = []  # this minute

    def of(
        self,
        account_id: str,
        region: str,
        name: str,
        resource: str | None,
        executed_version: str | None,
    ) -> FunctionMetrics:
        """What adds to the metrics of a function.

        `resource` is the qualifier it was invoked with, an alias or version, if any.
        `executed_version` is the version that an alias, if it is one, led to. Ask anew for each
        invocation: what is answered is forgotten when nothing is at work on it.
        """
        key = (account_id, region, name, resource, executed_version)
        return self._functions.get(key) or self._add(key)

    def now(self, minute: int) -> list[MeasuredMinute]:
        """What has been measured since the last `take`, as of `minute` (since 1970)."""
        return [
            MeasuredMinute(series=each.series, metric=metric, minute=minute, aggregate=aggregate)
            for each in self._measured
            for metric, aggregate in each.aggregates.items()
        ]

    def take(self, minute: int) -> list[MeasuredMinute]:
        """The same, which is the taker's from now on; the next minute begins."""
        taken = self.now(minute)
        for each in self._measured:
            each.aggregates = {}
        self._measured.clear()
        self._functions = {key: each for key, each in self._functions.items() if each.running}
        self._levels = {series: each for series, each in self._levels.items() if each.at_work}
        for level in self._levels.values():
            level.measure()
        return taken

    def _add(self, key: _Key) -> FunctionMetrics:
        account_id, region, name, qualifier, version = key
        resource = name if qualifier is None else f"{name}:{qualifier}"
        executed = version if version and qualifier and is_alias(qualifier) else ""
        of_resource = self._level(Series(account_id, region, name, resource))
        measured = of_resource.measured
        if executed:
            series = measured.series._replace(executed_version=executed)
            measured = _Measured(series, self._measured)
        found = self._functions[key] = FunctionMetrics(
            measured,
            self._level(Series(account_id, region)),
            self._level(Series(account_id, region, name)),
            of_resource,
        )
        return found

    def _level(self, series: Series) -> _Level:
        found = self._levels.get(series)
        if found is None:
            found = self._levels[series] = _Level(_Measured(series, self._measured))
        return found


class _Measured:
    """This minute's measurements of one series."""

    __slots__ = ("_all", "aggregates", "series")

    def __init__(self, series: Series, all_measured: list[_Measured]) -> None:
        self.series = series
        self._all = all_measured
        self.aggregates: dict[str, Aggregate] = {}

    def add(self, metric: str, value: float = 1.0) -> None:
        found = self.aggregates.get(metric)
        if found is None:
            found = self._begin(metric)
        found.add(value)

    def _begin(self, metric: str) -> Aggregate:
        if not self.aggregates:
            self._all.append(self)
        buckets: dict[int, int] | None = {} if CATALOGUE[metric].has_distribution else None
        found = self.aggregates[metric] = Aggregate(buckets=buckets)
        return found


class _Level:
    """How many invocations are at work: of an account, a function or one of its resources."""

    __slots__ = ("_add", "at_work", "measured", "provisioned", "unreserved")

    def __init__(self, measured: _Measured) -> None:
        self.measured = measured
        self._add = measured.add
        self.at_work = 0
        self.provisioned = 0  # on environments that were made ready ahead
        self.unreserved = 0  # of an account

    def enter(self) -> None:
        self.at_work += 1
        self._add("ConcurrentExecutions", self.at_work)

    def enter_unreserved(self) -> None:
        self.unreserved += 1
        self._add("UnreservedConcurrentExecutions", self.unreserved)

    def enter_provisioned(self, ready: int) -> None:
        self.provisioned += 1
        self._add("ProvisionedConcurrentExecutions", self.provisioned)
        self._add("ProvisionedConcurrencyUtilization", min(1.0, self.provisioned / ready))

    def measure(self) -> None:
        """Begin a minute with what goes on from the one before."""
        self._add("ConcurrentExecutions", self.at_work)
        if self.unreserved:
            self._add("UnreservedConcurrentExecutions", self.unreserved)
        if self.provisioned:
            self._add("ProvisionedConcurrentExecutions", self.provisioned)


class FunctionMetrics:
    """What adds to the metrics of a function that is invoked with one qualifier."""

    __slots__ = ("_account", "_function", "_resource", "add", "running")

    def __init__(
        self, measured: _Measured, account: _Level, function: _Level, resource: _Level
    ) -> None:
        # Adds to a metric of the catalogue, by its name: 1 unless it is given a value. The bound
        # method itself, as one call more would be half of what it takes.
        self.add = measured.add
        self.running = 0
        self._account = account
        self._function = function
        self._resource = resource

    def at_work(
        self, place: AbstractContextManager[None], *, is_reserved: bool, provisioned: int
    ) -> AbstractContextManager[None]:
        """Counts an invocation as at work while it has `place`, which is entered with this.

        `is_reserved` says whether the function has reserved concurrency. `provisioned` is how many
        environments were made ready ahead for what is invoked, if one of them serves it, else 0.
        """
        return _AtWork(self, place, is_reserved, provisioned)

    def invoked(self, duration_ms: float, *, is_error: bool) -> None:
        """The function's code ran for an invocation, and how long."""
        add = self.add
        add("Invocations")
        # Also what did not happen is a measurement, so that averages are rates, as on AWS.
        add("Errors", float(is_error))
        add("Throttles", 0)
        add("Duration", duration_ms)

    def throttled(self) -> None:
        """An invocation was refused for want of concurrency, or of room on this host."""
        self.add("Throttles")

    def url_answered(self, status: int, latency_ms: float) -> None:
        """A request to the function's URL was answered, whether or not the function ran for it."""
        add = self.add
        add("UrlRequestCount")
        # Zeros too, as AWS measures them: averages are rates.
        add("Url4xxCount", float(400 <= status < 500))
        add("Url5xxCount", float(status >= 500))
        add("UrlRequestLatency", latency_ms)

    def begin(self, is_reserved: bool, provisioned: int) -> None:
        self.running += 1
        self._account.enter()
        self._function.enter()
        self._resource.enter()
        if not is_reserved:
            self._account.enter_unreserved()
        if provisioned:
            self.add("ProvisionedConcurrencyInvocations")
            self._function.enter_provisioned(provisioned)
            self._resource.enter_provisioned(provisioned)

    def end(self, is_reserved: bool, provisioned: int) -> None:
        self.running -= 1
        self._account.at_work -= 1
        self._function.at_work -= 1
        self._resource.at_work -= 1
        if not is_reserved:
            self._account.unreserved -= 1
        if provisioned:
            self._function.provisioned -= 1
            self._resource.provisioned -= 1


class _AtWork:
    """One invocation, from its admission to its end."""

    __slots__ = ("_is_reserved", "_metrics", "_place", "_provisioned")

    def __init__(
        self,
        metrics: FunctionMetrics,
        place: AbstractContextManager[None],
        is_reserved: bool,
        provisioned: int,
    ) -> None:
        self._metrics = metrics
        self._place = place
        self._is_reserved = is_reserved
        self._provisioned = provisioned

    def __enter__(self) -> None:
        self._place.__enter__()
        self._metrics.begin(self._is_reserved, self._provisioned)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._metrics.end(self._is_reserved, self._provisioned)
        self._place.__exit__(kind, error, traceback)
