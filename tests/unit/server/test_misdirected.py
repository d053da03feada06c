from __future__ import annotations

from typing import Any

import pytest
from botocore.parsers import create_parser

from lambent.protocol.http import HttpRequest
from lambent.server.misdirected import other_service_message, xml_answer

FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def answer(service, headers, query=""):
    request = HttpRequest(method="POST", path="/", query=query, headers=headers, body=b"")
    return xml_answer(request, service, "1-2-3")


@pytest.mark.parametrize(
    ("service", "protocol", "headers", "query"),
    [
        ("s3", "rest-xml", {}, ""),
        ("s3express", "rest-xml", {}, ""),
        ("route53", "rest-xml", {}, ""),
        ("ec2", "ec2", FORM, ""),
        ("iam", "query", FORM, ""),
        ("sts", "query", {}, "Version=2011-06-15&Action=GetCallerIdentity"),
    ],
)
def test_clients_can_read_the_refusal(service, protocol, headers, query):
    response = answer(service, headers, query)
    assert response is not None
    document = {
        "status_code": response.status,
        "headers": dict(response.headers),
        "body": response.body,
    }
    parsed: Any = create_parser(protocol).parse(document, None)
    assert parsed["Error"]["Code"] == "UnknownOperationException"
    assert parsed["Error"]["Message"] == other_service_message(service)
    assert parsed["ResponseMetadata"]["RequestId"] == "1-2-3"


def test_the_refusal_says_what_is_here_and_what_to_do():
    message = other_service_message("sqs")
    assert "Lambda, CloudWatch Logs and the CloudWatch metrics of functions" in message
    assert "the request is for sqs" in message
    for remedy in ("pip install 'lambent[aws]'", "companion", "aws_endpoint_url"):
        assert remedy in message


def test_services_with_json_are_not_answered_in_xml():
    assert answer("dynamodb", {"content-type": "application/x-amz-json-1.0"}) is None
    assert answer("apigateway", {}, "NotAction=1") is None
