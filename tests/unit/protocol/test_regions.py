from __future__ import annotations

from lambent.protocol.regions import known_regions


def test_regions_of_every_partition_are_known_and_nothing_that_is_none():
    regions = known_regions()
    assert {"us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"} <= set(regions)
    assert regions == sorted(set(regions))
    assert not [region for region in regions if "global" in region]
