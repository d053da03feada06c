from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lambent.domain.errors import ServiceError
from lambent.invocation.concurrency import Concurrency


def version(account_id="123456789012", region="us-east-1", name="greet") -> Any:
    return SimpleNamespace(account_id=account_id, region=region, name=name)


class Pool:
    """Has set so many places aside, in us-east-1 of one account, and some are free."""

    def __init__(self):
        self.provisioned = 0
        self.ready = set()  # names of functions

    def has_provisioned(self, version):
        return version.name in self.ready

    def set_aside(self, account_id, region):
        return self.provisioned if (account_id, region) == ("123456789012", "us-east-1") else 0


@pytest.fixture
def pool():
    return Pool()


@pytest.fixture
def limited(pool):
    return lambda limit: Concurrency(limit, pool)


def refused(concurrency, **names):
    with pytest.raises(ServiceError) as caught, concurrency.admit(version(**names)):
        pass
    return caught.value


def test_so_many_are_admitted_and_no_more(limited):
    concurrency = limited(2)
    with concurrency.admit(version()), concurrency.admit(version()):
        error = refused(concurrency)
    assert error.code == "TooManyRequestsException"
    assert error.message == "Rate Exceeded."
    assert error.members == {
        "Reason": "ConcurrentInvocationLimitExceeded",
        "retryAfterSeconds": "1",
    }
    with concurrency.admit(version()):
        pass


def test_a_place_is_given_back_after_a_failure_too(limited):
    concurrency = limited(1)
    for _ in range(3):
        with pytest.raises(RuntimeError), concurrency.admit(version()):
            raise RuntimeError


def test_each_account_and_region_has_its_own_limit(limited):
    concurrency = limited(1)
    with (
        concurrency.admit(version()),
        concurrency.admit(version(region="eu-central-1")),
        concurrency.admit(version(account_id="000000000000")),
    ):
        pass


def test_what_is_set_aside_is_not_there_for_others(limited, pool):
    concurrency = limited(3)
    pool.provisioned = 2
    with concurrency.admit(version()):
        refused(concurrency)
        with concurrency.admit(version(region="eu-central-1")):
            pass


def test_a_version_has_what_was_set_aside_for_it_whatever_others_do(limited, pool):
    concurrency = limited(1)
    pool.provisioned = 1
    pool.ready = {"provisioned"}
    refused(concurrency)
    with concurrency.admit(version(name="provisioned")):
        pool.ready = set()  # it is at work
        refused(concurrency, name="provisioned")


def test_what_spills_over_counts_with_all_others(limited, pool):
    concurrency = limited(2)
    pool.provisioned = 1
    with concurrency.admit(version(name="provisioned")):
        refused(concurrency)
    with concurrency.admit(version()):
        pass
