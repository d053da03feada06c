from __future__ import annotations

from urllib.parse import urlencode

import pytest

from lambent.domain.errors import ServiceError
from lambent.protocol.http import HttpRequest
from lambent.protocol.service import Service

OPERATIONS = ("GetMetricData", "GetMetricStatistics", "ListMetrics", "PutMetricData")


@pytest.fixture(scope="module")
def service():
    return Service.load("cloudwatch", protocol="query", operations=OPERATIONS)


def request(body=b"", query="", **fields):
    form = urlencode({name.replace("__", "."): value for name, value in fields.items()}).encode()
    return HttpRequest(method="POST", path="/", query=query, headers={}, body=body or form)


def listed(**fields):
    return {"Action": "ListMetrics", "Version": "2010-08-01", **fields}


def parsed(service, **fields):
    return service.parse(request(**listed(**fields)))[1]


def test_lists_are_in_the_order_of_their_numbers(service):
    fields = {f"Dimensions__member__{number}__Name": f"n{number}" for number in (10, 2, 1)}
    names = [each["Name"] for each in parsed(service, **fields)["Dimensions"]]
    assert names == ["n1", "n2", "n10"]


def test_an_empty_list_is_one(service):
    assert parsed(service, Dimensions="") == {"Dimensions": []}


def test_values_have_the_types_of_the_model(service):
    _, found = service.parse(
        request(
            Action="GetMetricStatistics",
            Namespace="AWS/Lambda",
            MetricName="Errors",
            Period="60",
            StartTime="2026-01-01T00:00:00Z",
            EndTime="1767229200",
            Statistics__member__1="Sum",
        )
    )
    assert (found["Period"], found["Statistics"]) == (60, ["Sum"])
    assert (found["EndTime"] - found["StartTime"]).total_seconds() == 3600


def test_the_form_may_be_in_the_address(service):
    assert service.parse(request(query="Action=ListMetrics&Namespace=Mine")) == (
        "ListMetrics",
        {"Namespace": "Mine"},
    )


def test_members_nobody_knows_are_ignored(service):
    assert parsed(service, Colour="red") == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"Dimensions": "x"},
        {"Dimensions__member": "x"},
        {"Dimensions__member__one__Name": "x"},
        {"Dimensions__member__1": "x"},
        {"Namespace__x": "y"},
        {"Namespace": "x", "Namespace__y": "z"},
        {".".join("x" * 100): "y", "Dimensions__member__1__Name__x__y": "z"},
    ],
)
def test_what_is_not_of_the_shape_is_refused(service, fields):
    with pytest.raises(ServiceError) as caught:
        service.parse(request(**listed(**fields)))
    assert caught.value.code == "SerializationException"


@pytest.mark.parametrize("body", [b"\xff=1&Action=ListMetrics", b"a=1&" * 20_000])
def test_forms_that_can_not_be_read_are_refused(service, body):
    with pytest.raises(ServiceError, match="form"):
        service.parse(request(body))


def test_actions_that_are_not_there_are_told_apart(service):
    with pytest.raises(ServiceError, match="No operation has this Action"):
        service.parse(request(Action="Nothing"))
    with pytest.raises(ServiceError, match="DeleteAlarms is not available at this endpoint"):
        service.parse(request(Action="DeleteAlarms"))


def test_an_error_has_the_code_of_the_protocol(service):
    error = ServiceError("InvalidParameterCombinationException", "a < b \x00")
    response = service.serialize_error(error, "id-1")
    assert response.status == 400
    assert response.body.decode() == (
        '<ErrorResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><Error>'
        "<Type>Sender</Type><Code>InvalidParameterCombination</Code>"
        "<Message>a &lt; b ?</Message></Error><RequestId>id-1</RequestId></ErrorResponse>"
    )


@pytest.mark.parametrize(
    ("code", "written", "status"),
    [
        ("UnknownOperationException", "<Type>Sender</Type><Code>InvalidAction</Code>", 400),
        ("ValidationException", "<Type>Sender</Type><Code>ValidationError</Code>", 400),
        ("InternalServiceFault", "<Type>Receiver</Type><Code>InternalServiceError</Code>", 500),
        ("ServiceException", "<Type>Receiver</Type><Code>ServiceException</Code>", 500),
    ],
)
def test_who_is_to_blame_is_said(service, code, written, status):
    response = service.serialize_error(ServiceError(code, ""), "id")
    assert (response.status, written in response.body.decode()) == (status, True)


def test_an_answer_without_members_is_one(service):
    body = service.serialize("PutMetricData", {}, "id").body.decode()
    assert body.startswith("<PutMetricDataResponse ")
    assert "<RequestId>id</RequestId>" in body
