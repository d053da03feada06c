from __future__ import annotations

import pytest

from lambent.control_plane.function_settings.dead_letters import requested_dead_letter_arn
from lambent.domain.errors import ServiceError

QUEUE = "arn:aws:sqs:eu-central-1:123456789012:failed"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:failed"


@pytest.mark.parametrize("arn", [QUEUE, TOPIC])
async def test_a_queue_or_topic_is_kept_until_it_is_taken_away(api, arn):
    before = await api.active(DeadLetterConfig={"TargetArn": arn})
    assert before["DeadLetterConfig"] == {"TargetArn": arn}
    kept = await api.updated("UpdateFunctionConfiguration", FunctionName="echo", Timeout=4)
    assert kept["DeadLetterConfig"] == {"TargetArn": arn}
    after = await api.updated(
        "UpdateFunctionConfiguration", FunctionName="echo", DeadLetterConfig={"TargetArn": ""}
    )
    assert after["DeadLetterConfig"] is None


@pytest.mark.parametrize("requested", [{}, {"TargetArn": ""}])
def test_none_is_none(requested):
    assert requested_dead_letter_arn(requested) is None


@pytest.mark.parametrize(
    ("arn", "said"),
    [
        ("arn:aws:s3:::bucket", "must be the ARN of an SQS queue or of an SNS topic"),
        ("arn:aws:sqs:eu-central-1:12:failed", "must be the ARN of an SQS queue"),
        (f"{TOPIC}:subscription", "must be the ARN of an SQS queue"),
        (f"{QUEUE}.fifo", "must be a standard queue or topic"),
        (f"{TOPIC}.fifo", "must be a standard queue or topic"),
    ],
)
def test_what_cannot_be_a_target_is_refused(arn, said):
    with pytest.raises(ServiceError, match=said) as caught:
        requested_dead_letter_arn({"TargetArn": arn})
    assert caught.value.code == "InvalidParameterValueException"
