from __future__ import annotations

import json

import pytest

from lambent.domain.errors import ServiceError, invalid_parameter_value, resource_not_found
from lambent.protocol.model import load_model
from lambent.protocol.service import Service


def answered(service, error):
    response = service.serialize_error(error, "request")
    return response.status, dict(response.headers), json.loads(response.body)


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (resource_not_found("gone"), 404, {"Message": "gone", "Type": "User"}),
        (invalid_parameter_value("bad"), 400, {"message": "bad", "Type": "User"}),
        (ServiceError("ServiceException", "oops"), 500, {"Message": "oops", "Type": "Service"}),
        (ServiceError("RequestTooLargeException", "big"), 413, {"message": "big", "Type": "User"}),
        (
            ServiceError("ResourceNotFoundException", "gone", Type=None),
            404,
            {"Message": "gone"},
        ),
    ],
)
def test_lambdas_errors_have_the_form_their_shape_says(lambda_service, error, status, body):
    assert answered(lambda_service, error) == (
        status,
        {
            "Content-Type": "application/json",
            "x-amzn-RequestId": "request",
            "x-amzn-ErrorType": error.code,
        },
        body,
    )


def test_members_of_an_error_go_where_its_shape_says(lambda_service):
    error = ServiceError(
        "TooManyRequestsException",
        "Rate Exceeded.",
        Reason="ReservedFunctionConcurrentInvocationLimitExceeded",
        retryAfterSeconds="5",
        Unknown="dropped",
    )
    status, headers, body = answered(lambda_service, error)
    assert (status, headers["Retry-After"]) == (429, "5")
    assert body == {
        "message": "Rate Exceeded.",
        "Type": "User",
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
    }


@pytest.mark.parametrize(
    ("code", "status", "member"),
    [
        ("ValidationException", 400, "message"),
        ("SerializationException", 400, "Message"),
        ("UnknownOperationException", 404, "message"),
        ("AccessDeniedException", 403, "Message"),
        ("RequestEntityTooLargeException", 413, "Message"),
        ("InternalFailure", 500, "message"),
        ("NeverDeclaredAnywhere", 500, "message"),
    ],
)
def test_errors_every_service_has(lambda_service, code, status, member):
    found_status, headers, body = answered(lambda_service, ServiceError(code, "text"))
    assert (found_status, headers["x-amzn-ErrorType"], body) == (status, code, {member: "text"})


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ResourceNotFoundException", 400),
        ("InvalidParameterException", 400),
        ("ServiceUnavailableException", 500),
        ("UnknownOperationException", 400),
        ("InternalFailure", 500),
    ],
)
def test_logs_names_its_errors_in_the_body(logs_service, code, status):
    assert answered(logs_service, ServiceError(code, "text")) == (
        status,
        {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": "request"},
        {"__type": code, "message": "text"},
    )


@pytest.mark.parametrize("name", ["lambda", "logs"])
def test_botocore_reads_the_code_and_message_of_every_declared_error(botocore_result, name):
    model, service = load_model(name), Service.load(name)
    for shape in model.error_shapes:
        response = service.serialize_error(ServiceError(shape.name, "a text"), "request")
        found = botocore_result(model, response, None)["Error"]
        assert (found["Code"], found["Message"]) == (shape.name, "a text")


def test_a_hostile_message_is_only_text(lambda_service):
    error = ServiceError("Bad\r\nCode", 'a"\r\n\ud800')
    _, headers, body = answered(lambda_service, error)
    assert headers["x-amzn-ErrorType"] == "Bad  Code"
    assert body == {"message": 'a"\r\n?'}
