from __future__ import annotations

import pytest

from lambent.domain.caller import Caller
from lambent.domain.errors import (
    ServiceError,
    access_denied,
    invalid_parameter_value,
    resource_conflict,
    resource_not_found,
    validation_error,
)


def test_a_service_error_carries_what_its_answer_needs():
    error = ServiceError("TooManyRequestsException", "Rate Exceeded.", Reason="CallerRateLimit")
    assert error.code == "TooManyRequestsException"
    assert error.message == "Rate Exceeded."
    assert error.members == {"Reason": "CallerRateLimit"}
    assert str(error) == "TooManyRequestsException: Rate Exceeded."


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (invalid_parameter_value, "InvalidParameterValueException"),
        (resource_conflict, "ResourceConflictException"),
        (resource_not_found, "ResourceNotFoundException"),
    ],
)
def test_the_common_errors_have_the_codes_of_the_model(make, code):
    error = make("why")
    assert (error.code, error.message, error.members) == (code, "why", {})


def test_a_constraint_failure_is_worded_as_aws_does():
    error = validation_error("0", "timeout", "Member must have value greater than or equal to 1")
    assert error.code == "ValidationException"
    assert error.message == (
        "1 validation error detected: Value '0' at 'timeout' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1"
    )


def test_a_refused_caller_is_the_root_of_its_account_and_partition():
    caller = Caller(account_id="999999999999", region="cn-north-1", request_id="r")
    error = access_denied(caller, "InvokeFunction", "arn:x")
    assert error.code == "AccessDeniedException"
    assert error.message == (
        "User: arn:aws-cn:iam::999999999999:root is not authorized to perform: "
        "lambda:InvokeFunction on resource: arn:x because no resource-based policy allows the "
        "lambda:InvokeFunction action"
    )
    assert access_denied(caller, "InvokeFunction", "arn:x", "at all").message.endswith(
        "arn:x at all"
    )
