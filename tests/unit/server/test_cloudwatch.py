from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from lambent.domain.caller import Caller
from lambent.domain.errors import ServiceError
from lambent.protocol.cbor import write_cbor
from lambent.protocol.http import HttpRequest
from lambent.server.cloudwatch import build_cloudwatch

TARGET = "GraniteServiceVersion20100801."


@pytest.fixture(scope="module")
def cloudwatch():
    nobody: Any = None
    return build_cloudwatch(nobody)


def request(body, path="/", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpRequest(method="POST", path=path, query="", headers=named, body=body)


def form(operation, **fields):
    return request(urlencode({"Action": operation, **fields}).encode())


def json(operation, body):
    return request(body, x_amz_target=TARGET + operation)


def cbor(operation, body):
    path = f"/service/{TARGET[:-1]}/operation/{operation}"
    return request(write_cbor(body), path, smithy_protocol="rpc-v2-cbor")


def test_each_protocol_is_told_by_the_request(cloudwatch):
    assert cloudwatch.service_of(form("ListMetrics")) is cloudwatch.query
    assert cloudwatch.service_of(json("ListMetrics", b"{}")) is cloudwatch.json
    assert cloudwatch.service_of(cbor("ListMetrics", {})) is cloudwatch.cbor


@pytest.mark.parametrize(
    "ours",
    [
        form("ListMetrics"),
        json("ListMetrics", b'{"Namespace": "AWS/Lambda"}'),
        cbor("ListMetrics", {"Namespace": "AWS/Lambda"}),
        json("ListMetrics", b"not JSON"),
        form("PutMetricData", Namespace="AWS/Lambda"),
        cbor("PutMetricData", {"Namespace": "AWS/Mine"}),
        form("GetMetricStatistics"),  # its members are missing, which only we can say
    ],
)
def test_what_is_for_metrics_of_functions_is_ours(cloudwatch, ours):
    assert cloudwatch.is_ours(ours)


@pytest.mark.parametrize(
    "other",
    [
        form("ListMetrics", Namespace="Mine"),
        cbor("ListMetrics", {"Namespace": "Mine"}),
        json("PutMetricData", b"{}"),
        json("PutMetricData", b"AWS/ of something compressed"),
        form("PutMetricData", Namespace="MyAWS/"),
        form("DescribeAlarms"),
        form("Invented"),
        request(b""),
    ],
)
def test_all_else_is_a_neighbours(cloudwatch, other):
    assert not cloudwatch.is_ours(other)


async def test_without_a_neighbour_other_metrics_are_refused(cloudwatch):
    caller = Caller(account_id="000000000000", region="us-east-1", request_id="r")
    with pytest.raises(ServiceError, match="aws_endpoint_url"):
        await cloudwatch.operations["ListMetrics"](caller, {"Namespace": "Mine"})


async def test_nobody_puts_metrics_under_a_name_of_aws(cloudwatch):
    caller = Caller(account_id="000000000000", region="us-east-1", request_id="r")
    put = cloudwatch.operations["PutMetricData"]
    with pytest.raises(ServiceError) as caught:
        await put(caller, {"Namespace": "AWS/Lambda"})
    assert caught.value.code == "InvalidParameterValueException"
    assert caught.value.message == "The value AWS/Lambda for parameter Namespace is invalid."
    with pytest.raises(ServiceError, match="aws_endpoint_url"):
        await put(caller, {"Namespace": "Mine"})
