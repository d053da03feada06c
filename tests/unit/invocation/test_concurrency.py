from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lambent.domain.errors import ServiceError
from lambent.domain.reserved_concurrency import ReservedConcurrency
from lambent.invocation import concurrency as module
from lambent.invocation.concurrency import Concurrency

ACCOUNT = ("123456789012", "us-east-1")


def version(account_id=ACCOUNT[0], region=ACCOUNT[1], name="greet") -> Any:
    return SimpleNamespace(account_id=account_id, region=region, name=name)


class Store:
    """Of functions, or of what is reserved for them: tells what it is told."""

    def __init__(self):
        self.records = {}
        self.tell: list[Any] = []

    def on_change(self, tell):
        self.tell.append(tell)

    on_delete = on_change

    def everything(self):
        return list(self.records.values())

    def get(self, *function):
        return self.records.get(function)

    def reserve(self, executions, name="greet"):
        """None: no more."""
        function = (*ACCOUNT, name)
        self.records.pop(function, None)
        if executions is not None:
            self.records[function] = ReservedConcurrency(
                account_id=ACCOUNT[0],
                region=ACCOUNT[1],
                name=name,
                revision_id="r",
                executions=executions,
            )
        for tell in self.tell:
            tell(*function)


@pytest.fixture
def clock(monkeypatch):
    time = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: time.now))
    return time


@pytest.fixture
def functions():
    return Store()


@pytest.fixture
def reserved():
    return Store()


@pytest.fixture
def limited(functions, reserved):
    return lambda limit: Concurrency(limit, functions, reserved)


def admitted(concurrency, is_provisioned=False, **names):
    return concurrency.admit(version(**names), is_provisioned=is_provisioned)


def refused(concurrency, **names):
    with pytest.raises(ServiceError) as caught, admitted(concurrency, **names):
        pass
    assert (caught.value.code, caught.value.message) == (
        "TooManyRequestsException",
        "Rate Exceeded.",
    )
    return caught.value.members


IN_ACCOUNT = {"Reason": "ConcurrentInvocationLimitExceeded", "retryAfterSeconds": "1"}
IN_FUNCTION = {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"}


def test_so_many_are_admitted_and_no_more(limited):
    concurrency = limited(2)
    with admitted(concurrency), admitted(concurrency, name="other"):
        assert refused(concurrency) == IN_ACCOUNT
    with admitted(concurrency):
        pass


def test_a_place_is_given_back_after_a_failure_too(limited):
    concurrency = limited(1)
    for _ in range(3):
        with pytest.raises(RuntimeError), admitted(concurrency):
            raise RuntimeError


def test_each_account_and_region_has_its_own_limit(limited):
    concurrency = limited(1)
    with (
        admitted(concurrency),
        admitted(concurrency, region="eu-central-1"),
        admitted(concurrency, account_id="000000000000"),
    ):
        pass


def test_a_function_has_what_is_reserved_for_it_and_no_more(limited, reserved):
    reserved.reserve(2)
    concurrency = limited(3)
    with admitted(concurrency, name="other"):
        # The account has one place left beside what is reserved.
        assert refused(concurrency, name="other") == IN_ACCOUNT
        with admitted(concurrency), admitted(concurrency):
            assert refused(concurrency) == IN_FUNCTION


def test_what_is_reserved_counts_in_its_own_region_only(limited, reserved):
    reserved.reserve(1)
    concurrency = limited(1)
    assert refused(concurrency, name="other") == IN_ACCOUNT
    with admitted(concurrency, region="eu-central-1"):
        pass


def test_nothing_reserved_stops_a_function(limited, reserved):
    concurrency = limited(1)
    reserved.reserve(0)
    assert refused(concurrency) == IN_FUNCTION
    assert refused(concurrency, is_provisioned=True) == IN_FUNCTION
    with admitted(concurrency, name="other"):
        pass


def test_what_is_at_work_counts_where_the_function_belongs_by_then(limited, reserved):
    concurrency = limited(2)
    with admitted(concurrency):
        reserved.reserve(1)
        assert refused(concurrency) == IN_FUNCTION
        with admitted(concurrency, name="other"):
            assert refused(concurrency, name="other") == IN_ACCOUNT
        reserved.reserve(2)
        with admitted(concurrency):
            assert refused(concurrency) == IN_FUNCTION
        assert refused(concurrency, name="other") == IN_ACCOUNT
        reserved.reserve(None)
        with admitted(concurrency, name="other"):
            assert refused(concurrency) == IN_ACCOUNT
    with admitted(concurrency), admitted(concurrency):
        assert refused(concurrency) == IN_ACCOUNT


def test_what_is_made_ready_ahead_has_a_place_at_work_or_not(limited):
    concurrency = limited(3)
    give_back = [concurrency.hold(version(name="provisioned")) for _ in range(2)]
    with admitted(concurrency):
        assert refused(concurrency) == IN_ACCOUNT
        with admitted(concurrency, name="provisioned", is_provisioned=True):
            # More calls than it has environments are as all others.
            assert refused(concurrency, name="provisioned") == IN_ACCOUNT
        with admitted(concurrency, region="eu-central-1"):
            pass
    for each in give_back:
        each()
    with admitted(concurrency), admitted(concurrency), admitted(concurrency):
        pass


def test_what_is_made_ready_ahead_is_a_part_of_what_is_reserved(limited, reserved):
    concurrency = limited(10)
    concurrency.hold(version())
    reserved.reserve(2)
    with admitted(concurrency):
        assert refused(concurrency) == IN_FUNCTION
        with admitted(concurrency, is_provisioned=True):
            pass


def test_ten_requests_a_second_are_allowed_for_each_reserved_execution(limited, reserved, clock):
    concurrency = limited(10)
    reserved.reserve(2)

    def served():
        count = 0
        while True:
            try:
                with admitted(concurrency):
                    count += 1
            except ServiceError as error:
                return count, error.members

    too_fast = {"Reason": "ReservedFunctionInvocationRateLimitExceeded", "retryAfterSeconds": "1"}
    assert served() == (20, too_fast)
    clock.now += 0.5
    assert served() == (10, too_fast)
    clock.now += 3600
    assert served() == (20, too_fast)


def test_a_function_made_anew_under_a_name_begins_anew(limited, functions, reserved):
    concurrency = limited(2)
    reserved.reserve(1)
    with admitted(concurrency):
        reserved.reserve(None)
        for tell in functions.tell:
            tell(*ACCOUNT, "greet", None)
        reserved.reserve(1)
        with admitted(concurrency):
            assert refused(concurrency) == IN_FUNCTION
    with admitted(concurrency, name="other"):
        assert refused(concurrency, name="other") == IN_ACCOUNT


def test_a_version_that_goes_takes_nothing_with_it(limited, functions):
    concurrency = limited(1)
    with admitted(concurrency):
        for tell in functions.tell:
            tell(*ACCOUNT, "greet", "1")
        assert refused(concurrency) == IN_ACCOUNT


def test_a_place_that_is_not_wanted_is_offered_to_the_next_in_line(limited):
    concurrency = limited(1)
    told: list[str] = []
    with admitted(concurrency):
        for name in ("first", "second"):
            assert concurrency.stand_in_line((*ACCOUNT, name), lambda name=name: told.append(name))
        concurrency.pass_on((*ACCOUNT, "first"))  # there is none
        assert told == []
    assert told == ["first"]
    concurrency.pass_on((*ACCOUNT, "first"))
    concurrency.pass_on((*ACCOUNT, "second"))
    assert told == ["first", "second"]
