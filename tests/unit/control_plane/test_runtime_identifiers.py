from __future__ import annotations

import pytest

from lambent.control_plane.runtime_identifiers import check_runtime
from lambent.domain.errors import ServiceError

RUNTIMES = {
    "python3.12": None,
    "nodejs20.x": "Runtime nodejs20.x is not installed: run `lambent runtime install nodejs20.x`.",
    "provided": None,
}


def refused(identifier):
    with pytest.raises(ServiceError) as caught:
        check_runtime(identifier, RUNTIMES)
    assert caught.value.code == "InvalidParameterValueException"
    return caught.value.message


def test_a_runtime_that_can_run_is_taken():
    check_runtime("python3.12", RUNTIMES)


def test_one_that_cannot_run_is_refused_with_the_reason():
    assert refused("nodejs20.x") == RUNTIMES["nodejs20.x"]


@pytest.mark.parametrize("identifier", ["java8", "go1.x", "provided", "python3.7", "nodejs14.x"])
def test_deprecated_ones_are_refused_in_aws_words(identifier):
    assert refused(identifier) == (
        f"The runtime parameter of {identifier} is no longer supported for creating or updating "
        "AWS Lambda functions. We recommend you use a supported runtime while creating or "
        "updating functions."
    )


@pytest.mark.parametrize("identifier", ["non-existent-runtime", "PYTHON3.12", ""])
def test_what_is_no_runtime_is_refused_with_the_list_of_them(identifier):
    message = refused(identifier)
    assert message.startswith(
        f"Value {identifier} at 'runtime' failed to satisfy constraint: Member must satisfy enum "
        "value set: [nodejs20.x, python3.14, "
    )
    assert message.endswith(", provided.al2, java8.al2] or be a valid ARN")
