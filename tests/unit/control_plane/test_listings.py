"""Markers that nobody was given, in every listing that is not sorted by its keys."""

from __future__ import annotations

import pytest

from lambent.domain.errors import ServiceError
from lambent.domain.paging import marker_after

ACCOUNT = "123456789012"
ARN = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:echo"
LAYER = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:layer:tools"


@pytest.mark.parametrize("number", ["9" * 5000, "x", "\u00b2"])
@pytest.mark.parametrize(
    ("operation", "listing", "key", "request_"),
    [
        ("ListVersionsByFunction", f"versions/{ARN}", "{}", {"FunctionName": "echo"}),
        (
            "ListLayerVersions",
            f"layer-versions/{LAYER}/None/None",
            "{}",
            {"LayerName": "tools"},
        ),
        (
            "ListFunctions",
            f"functions/{ACCOUNT}/eu-central-1/True",
            "echo:{}",
            {"FunctionVersion": "ALL"},
        ),
    ],
)
async def test_a_marker_with_a_number_that_is_none_is_invalid(
    api, operation, listing, key, request_, number
):
    await api.create()
    marker = marker_after(key.format(number), listing)
    with pytest.raises(ServiceError) as caught:
        await api(operation, Marker=marker, **request_)
    assert (caught.value.code, caught.value.message) == (
        "InvalidParameterValueException",
        f"Invalid Marker: {marker}",
    )


@pytest.mark.parametrize("number", ["9" * 5000, "\u00b2"])
async def test_so_is_one_of_provisioned_versions(api, number):
    await api.create()
    marker = marker_after(number, f"provisioned-concurrency/{ARN}")
    with pytest.raises(ServiceError, match="Invalid Marker"):
        await api("ListProvisionedConcurrencyConfigs", FunctionName="echo", Marker=marker)
