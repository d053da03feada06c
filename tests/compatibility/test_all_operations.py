"""Every operation of both models answers something its client understands, and never a 500."""

from __future__ import annotations

import re

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.loaders import Loader
from botocore.model import ServiceModel
from tests.support.model_parameters import minimal_parameters

from lambent.control_plane.not_available import NOT_AVAILABLE
from lambent.telemetry.logs_api import OPERATIONS as LOGS_OPERATIONS
from lambent.telemetry.subscriptions.operations import OPERATIONS as SUBSCRIPTION_OPERATIONS

MODELS = {
    service: ServiceModel(Loader().load_service_model(service, "service-2"))
    for service in ("lambda", "logs")
}
EVERY = [(service, name) for service, model in MODELS.items() for name in model.operation_names]
# The client refuses these on its own, or sends them where no endpoint of ours can be.
NOT_SENT_HERE = {"GetLogObject", "StartLiveTail"}


def is_available(service, operation):
    if service == "logs":
        return operation in LOGS_OPERATIONS | SUBSCRIPTION_OPERATIONS
    return operation not in NOT_AVAILABLE


def outcome(client, service, operation):
    """The HTTP status and the error, if any, of a call with as little as possible."""
    parameters = minimal_parameters(MODELS[service].operation_model(operation))
    try:
        answer = getattr(client, xform_name(operation))(**parameters)
    except ClientError as error:
        response = error.response
        return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]
    return answer["ResponseMetadata"]["HTTPStatusCode"], None


@pytest.mark.parametrize(
    ("service", "operation"), [each for each in EVERY if each[1] not in NOT_SENT_HERE]
)
def test_an_operation_works_or_says_why_not(account, service, operation):
    status, error = outcome(account.client(service), service, operation)
    if not is_available(service, operation):
        assert (status, error["Code"]) == (501, "NotImplementedException")
        assert re.fullmatch(
            rf"{operation} is not available in this release of Lambent\..*", error["Message"]
        )
    else:
        assert status < 500
        assert error is None or (error["Code"] and error["Message"])
        assert error is None or error["Code"] != "UnknownOperationException"


def test_nearly_every_operation_is_tried():
    assert len(MODELS["lambda"].operation_names) >= 85
    assert {operation for _, operation in EVERY} >= NOT_SENT_HERE
