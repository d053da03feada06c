from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lambent.domain.errors import ServiceError
from lambent.invocation.concurrency import Concurrency


def version(account_id="123456789012", region="us-east-1") -> Any:
    return SimpleNamespace(account_id=account_id, region=region)


def test_so_many_are_admitted_and_no_more():
    concurrency = Concurrency(2)
    with concurrency.admit(version()), concurrency.admit(version()):
        with pytest.raises(ServiceError) as caught, concurrency.admit(version()):
            pass
    assert caught.value.code == "TooManyRequestsException"
    assert caught.value.message == "Rate Exceeded."
    assert caught.value.members == {
        "Reason": "ConcurrentInvocationLimitExceeded",
        "retryAfterSeconds": "1",
    }
    with concurrency.admit(version()):
        pass


def test_a_place_is_given_back_after_a_failure_too():
    concurrency = Concurrency(1)
    for _ in range(3):
        with pytest.raises(RuntimeError), concurrency.admit(version()):
            raise RuntimeError


def test_each_account_and_region_has_its_own_limit():
    concurrency = Concurrency(1)
    with (
        concurrency.admit(version()),
        concurrency.admit(version(region="eu-central-1")),
        concurrency.admit(version(account_id="000000000000")),
    ):
        pass
