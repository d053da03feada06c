"""Secrets Manager, which waits for functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from tests.integration.companion.conftest import FORBIDDEN, FUNCTION

if TYPE_CHECKING:
    from tests.integration.companion.conftest import Companion


def test_rotation_runs_its_four_steps_in_order(companion: Companion) -> None:
    companion.server.answers |= {"wait": (200, {"payload": "null", "is_function_error": False})}
    secrets = companion.client("secretsmanager")
    created = secrets.create_secret(Name="password", SecretString="old")
    rotated = secrets.rotate_secret(SecretId="password", RotationLambdaARN=FUNCTION)
    calls = [companion.server.next_call() for _ in range(4)]
    assert [json.loads(call["payload"])["Step"] for call in calls] == [
        "createSecret",
        "setSecret",
        "testSecret",
        "finishSecret",
    ]
    event = json.loads(calls[0]["payload"])
    assert event["ClientRequestToken"] == rotated["VersionId"]
    assert {call["source_arn"] for call in calls} == {created["ARN"]}
    assert {call["service"] for call in calls} == {"secretsmanager.amazonaws.com"}


def test_a_function_that_fails_stops_the_rotation(companion: Companion) -> None:
    companion.server.answers |= {"wait": (200, {"payload": "{}", "is_function_error": True})}
    secrets = companion.client("secretsmanager")
    secrets.create_secret(Name="kept", SecretString="old")
    with pytest.raises(ClientError, match="failed in its step createSecret"):
        secrets.rotate_secret(SecretId="kept", RotationLambdaARN=FUNCTION)
    assert secrets.get_secret_value(SecretId="kept")["SecretString"] == "old"


def test_a_function_that_may_not_be_invoked_is_refused(companion: Companion) -> None:
    secrets = companion.client("secretsmanager")
    secrets.create_secret(Name="unrotated", SecretString="old")
    with pytest.raises(ClientError, match="cannot invoke the specified Lambda function"):
        secrets.rotate_secret(SecretId="unrotated", RotationLambdaARN=FORBIDDEN)
