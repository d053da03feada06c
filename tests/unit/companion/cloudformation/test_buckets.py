from __future__ import annotations

from lambent.companion.cloudformation.buckets import notifications


def test_a_templates_notifications_become_those_of_s3():
    rules = [{"Name": "prefix", "Value": "in/"}]
    described = {
        "LambdaConfigurations": [
            {"Event": "s3:ObjectCreated:*", "Function": "f", "Filter": {"S3Key": {"Rules": rules}}}
        ],
        "QueueConfigurations": [{"Event": "s3:ObjectRemoved:*", "Queue": "q"}],
        "TopicConfigurations": [{"Event": "s3:ObjectRemoved:*", "Topic": "t"}],
        "EventBridgeConfiguration": {},
    }
    assert notifications(described) == {
        "CloudFunctionConfiguration": [
            {
                "CloudFunction": "f",
                "Event": ["s3:ObjectCreated:*"],
                "Filter": {"S3Key": {"FilterRule": rules}},
            }
        ],
        "QueueConfiguration": [{"Queue": "q", "Event": ["s3:ObjectRemoved:*"]}],
        "TopicConfiguration": [{"Topic": "t", "Event": ["s3:ObjectRemoved:*"]}],
        "EventBridgeConfiguration": {},
    }
    assert notifications({}) == {}
