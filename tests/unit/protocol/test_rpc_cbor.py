from __future__ import annotations

import pytest

from lambent.domain.errors import ServiceError
from lambent.protocol.cbor import read_cbor, write_cbor
from lambent.protocol.http import HttpRequest
from lambent.protocol.rpc_cbor import is_rpc_cbor
from lambent.protocol.service import Service

PATH = "/service/GraniteServiceVersion20100801/operation/"


@pytest.fixture(scope="module")
def service():
    operations = ("ListMetrics", "GetMetricStatistics", "GetMetricData")
    return Service.load("cloudwatch", protocol="smithy-rpc-v2-cbor", operations=operations)


def request(operation, body=b"", path=PATH):
    headers = {"smithy-protocol": "rpc-v2-cbor"}
    return HttpRequest(method="POST", path=path + operation, query="", headers=headers, body=body)


def test_a_request_says_that_it_is_of_the_protocol():
    assert is_rpc_cbor(request("ListMetrics"))
    assert not is_rpc_cbor(HttpRequest(method="POST", path="/", query="", headers={}, body=b""))


def test_a_path_names_the_operation_and_the_body_its_input(service):
    body = write_cbor({"Namespace": "AWS/Lambda", "Dimensions": None, "Unknown": 1})
    assert service.parse(request("ListMetrics", body)) == (
        "ListMetrics",
        {"Namespace": "AWS/Lambda"},
    )
    assert service.parse(request("ListMetrics")) == ("ListMetrics", {})


@pytest.mark.parametrize("body", [b"{}", write_cbor([]), write_cbor({"Namespace": 1})])
def test_a_body_that_is_something_else_is_refused(service, body):
    with pytest.raises(ServiceError) as caught:
        service.parse(request("ListMetrics", body))
    assert caught.value.code == "SerializationException"


@pytest.mark.parametrize(
    ("operation", "path"),
    [("Nothing", PATH), ("ListMetrics", "/service/Other/operation/"), ("ListMetrics", "/")],
)
def test_other_paths_are_refused(service, operation, path):
    with pytest.raises(ServiceError, match="No operation has this path"):
        service.parse(request(operation, path=path))


def test_instants_are_written_from_numbers_and_texts_too(service):
    output = {"MetricDataResults": [{"Timestamps": [60, "1970-01-01T00:02:00Z"]}]}
    response = service.serialize("GetMetricData", output, "id")
    assert ("Smithy-Protocol", "rpc-v2-cbor") in response.headers
    assert read_cbor(response.body) == {"MetricDataResults": [{"Timestamps": [60, 120]}]}
    assert b"\xc1\x18\x3c" in response.body


def test_an_error_has_its_name_in_the_body_and_the_query_protocols_beside_it(service):
    error = ServiceError("InvalidParameterValueException", "bad")
    response = service.serialize_error(error, "id")
    assert response.status == 400
    assert ("x-amzn-query-error", "InvalidParameterValue;Sender") in response.headers
    assert read_cbor(response.body) == {
        "__type": "InvalidParameterValueException",
        "message": "bad",
    }
