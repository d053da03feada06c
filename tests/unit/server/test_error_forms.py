from __future__ import annotations

import json

import pytest
from botocore.parsers import create_parser
from botocore.session import get_session

from lambent.protocol.http import HttpRequest
from lambent.server.error_forms import error_answer

CODE = "UnrecognizedClientException"
SESSION = get_session()


def answer(service, *, headers=None, query="", code=CODE, message="no <such> token"):
    request = HttpRequest(method="POST", path="/", query=query, headers=headers or {}, body=b"")
    return error_answer(
        request, service, code=code, message=message, request_id="an-id", status=403
    )


def understood(response, service, protocol):
    """What botocore reads, by the protocol, of an error."""
    read = {
        "status_code": response.status,
        "headers": {name.lower(): value for name, value in response.headers},
        "body": response.body,
    }
    shape = SESSION.get_service_model(service).operation_model
    names = SESSION.get_service_model(service).operation_names
    return create_parser(protocol).parse(read, shape(names[0]).output_shape)["Error"]


@pytest.mark.parametrize(
    ("service", "headers", "protocol", "code"),
    [
        ("lambda", {}, "rest-json", CODE),
        ("logs", {"x-amz-target": "Logs_20140328.GetLogEvents"}, "json", CODE),
        ("s3", {}, "rest-xml", "InvalidAccessKeyId"),
        ("route53", {}, "rest-xml", "InvalidClientTokenId"),
        ("ec2", {}, "ec2", "InvalidClientTokenId"),
        (
            "sns",
            {"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
            "query",
            "InvalidClientTokenId",
        ),
        ("cloudwatch", {"smithy-protocol": "rpc-v2-cbor"}, "smithy-rpc-v2-cbor", CODE),
    ],
)
def test_clients_of_each_kind_understand_it(service, headers, protocol, code):
    response = answer(service, headers=headers)
    error = understood(response, service, protocol)
    assert (response.status, error["Code"], error["Message"]) == (403, code, "no <such> token")


def test_a_query_in_the_address_is_answered_in_xml():
    assert answer("sqs", query="Action=SendMessage").body.startswith(b"<?xml")


def test_json_has_the_code_where_both_kinds_of_clients_look():
    response = answer("dynamodb")
    assert json.loads(response.body)["__type"] == dict(response.headers)["x-amzn-errortype"] == CODE


def test_a_code_that_has_no_other_name_stays():
    assert b"<Code>Other</Code>" in answer("s3", code="Other").body
