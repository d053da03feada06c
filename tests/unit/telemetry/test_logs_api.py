from __future__ import annotations

from typing import Any

import pytest
from botocore.session import Session

from lambent.domain.errors import ServiceError
from lambent.telemetry.logs_api import OPERATIONS

MODEL = Session().get_service_model("logs")


def test_every_operation_is_in_the_service_s_model():
    assert set(OPERATIONS) <= set(MODEL.operation_names)


async def test_answers_have_only_members_of_the_model(client):
    await client.make("g", "s", "t")
    await client.put("g", "s", "a", "b")
    requests: dict[str, dict[str, object]] = {
        "DescribeLogGroups": {},
        "DescribeLogStreams": {"logGroupName": "g", "limit": 1},
        "GetLogEvents": {"logGroupName": "g", "logStreamName": "s"},
        "FilterLogEvents": {"logGroupName": "g"},
        "ListTagsLogGroup": {"logGroupName": "g"},
    }
    for operation, request in requests.items():
        answer = await client(operation, **request)
        shape: Any = MODEL.operation_model(operation).output_shape
        assert set(answer) <= set(shape.members)
        for name, value in answer.items():
            if isinstance(value, list) and value:
                assert set(value[0]) <= set(shape.members[name].member.members)


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("CreateLogStream", {"logStreamName": "a\ud800"}),
        ("GetLogEvents", {"logStreamName": "a\udfff"}),
        ("DescribeLogStreams", {"logStreamNamePrefix": "\ud800"}),
        ("FilterLogEvents", {"logStreamNames": ["s", "\ud800"]}),
        ("FilterLogEvents", {"filterPattern": "\ud800"}),
        ("TagLogGroup", {"tags": {"a": "\ud800"}}),
        ("GetLogEvents", {"logStreamName": "s", "nextToken": "\ud800"}),
    ],
)
async def test_broken_unicode_in_a_name_is_refused(client, operation, members):
    await client.make("g", "s")
    with pytest.raises(ServiceError) as failure:
        await client(operation, logGroupName="g", **members)
    assert failure.value.code == "InvalidParameterException"


async def test_errors_are_of_the_operation_s_model_or_common(client):
    with pytest.raises(ServiceError) as failure:
        await client("DeleteLogGroup", logGroupName="g")
    known = {error.name for error in MODEL.operation_model("DeleteLogGroup").error_shapes}
    assert failure.value.code in known
