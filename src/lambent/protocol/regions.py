"""The regions AWS has, as botocore knows them."""

from __future__ import annotations

from botocore.loaders import Loader


def known_regions() -> list[str]:
    """Of all partitions, sorted: us-east-1, cn-north-1...; `aws-global` and the like are none."""
    partitions = Loader().load_data("partitions")["partitions"]
    found = (region for partition in partitions for region in partition["regions"])
    return sorted(region for region in found if not region.endswith("-global"))
