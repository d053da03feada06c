from __future__ import annotations

import pytest
from tests.support.outcomes import delivery

from lambent.domain.delivery import DeliveryRefused, Target, target_of


@pytest.mark.parametrize(
    ("arn", "target"),
    [
        ("arn:aws:sqs:r:1:queue", Target("sqs", "r", "1", "queue")),
        ("arn:aws:s3:::bucket", Target("s3", "", "", "bucket")),
        (
            "arn:aws:lambda:r:1:function:name:live",
            Target("lambda", "r", "1", "function:name:live"),
        ),
    ],
)
def test_an_arn_names_a_service_and_where_it_is(arn, target):
    assert target_of(arn) == target


@pytest.mark.parametrize("text", ["", "queue", "arn:aws:sqs", "kafka://topic"])
def test_what_is_no_arn_is_no_target(text):
    with pytest.raises(DeliveryRefused, match="is not an ARN"):
        target_of(text)


def test_what_functions_were_sent_and_answered_is_not_shown():
    shown = repr(delivery(body=b"secret", attributes={"ErrorMessage": "secret"}))
    assert "secret" not in shown
