from __future__ import annotations

import pytest

from lambent.domain.alias import Alias
from lambent.domain.provisioned_concurrency import ProvisionedConcurrency, wanted_environments


def config(qualifier, requested=10):
    return ProvisionedConcurrency(
        account_id="000000000000",
        region="us-east-1",
        name="greet",
        qualifier=qualifier,
        revision_id="r",
        requested=requested,
        last_modified="2026-01-31T12:00:00+0000",
    )


def live(**routing):
    return Alias(
        account_id="000000000000",
        region="us-east-1",
        name="greet",
        alias="live",
        version="2",
        revision_id="r",
        **routing,
    )


def test_a_version_has_its_own():
    assert wanted_environments(config("1"), None) == {"1": 10}


def test_an_alias_has_those_of_the_version_it_points_to():
    assert wanted_environments(config("live"), live()) == {"2": 10}


@pytest.mark.parametrize(
    ("requested", "weight", "first", "second"),
    [(10, 0.3, 7, 3), (1, 0.1, 1, 0), (1, 0.9, 0, 1), (10, 0.0, 10, 0), (10, 1.0, 0, 10)],
)
def test_two_versions_share_them_as_they_share_requests(requested, weight, first, second):
    alias = live(second_version="3", second_weight=weight)
    assert wanted_environments(config("live", requested), alias) == {"2": first, "3": second}
