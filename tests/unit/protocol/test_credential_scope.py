from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from lambent.protocol.credential_scope import identify, is_signed

SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-west-1/lambda/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=0123456789abcdef"
)


def identified(headers, query=""):
    return identify(
        headers,
        query,
        request_id="request",
        default_account="000000000000",
        default_region="us-east-1",
    )


def caller(headers, query=""):
    return identified(headers, query)[0]


def scoped_service(headers, query):
    return identified(headers, query)[1]


def test_the_scope_names_the_region_and_the_service():
    found = caller({"authorization": SIGNED, "host": "localhost:9000"})
    assert (found.account_id, found.region) == ("000000000000", "eu-west-1")
    assert (found.request_id, found.host) == ("request", "localhost:9000")
    assert scoped_service({"authorization": SIGNED}, "") == "lambda"


def test_an_access_key_of_twelve_digits_names_its_account():
    header = SIGNED.replace("AKIDEXAMPLE", "123456789012")
    assert caller({"authorization": header}).account_id == "123456789012"


@pytest.mark.parametrize("key", ["12345678901", "1234567890123", "12345678901a", "١٢٣٤٥٦٧٨٩٠١٢"])
def test_other_access_keys_belong_to_the_default_account(key):
    header = SIGNED.replace("AKIDEXAMPLE", key)
    assert caller({"authorization": header}).account_id == "000000000000"


def test_the_credential_may_stand_anywhere_in_the_header():
    header = (
        "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00,"
        "Credential=123456789012/20260101/ap-south-1/logs/aws4_request"
    )
    found = caller({"authorization": header})
    assert (found.account_id, found.region) == ("123456789012", "ap-south-1")
    assert scoped_service({"authorization": header}, "") == "logs"


def test_presigned_requests_carry_the_scope_in_the_query():
    query = (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=123456789012%2F20260101%2Feu-central-1%2Flambda%2Faws4_request"
    )
    found = caller({}, query)
    assert (found.account_id, found.region) == ("123456789012", "eu-central-1")
    assert scoped_service({}, query) == "lambda"


def test_sigv4a_names_its_regions_in_a_header():
    header = (
        "AWS4-ECDSA-P256-SHA256 Credential=123456789012/20260101/lambda/aws4_request, "
        "SignedHeaders=host, Signature=00"
    )
    headers = {"authorization": header, "x-amz-region-set": "eu-north-1,us-east-1"}
    assert caller(headers).region == "eu-north-1"
    assert caller({"authorization": header, "x-amz-region-set": "*"}).region == "us-east-1"
    assert scoped_service(headers, "") == "lambda"


@pytest.mark.parametrize(
    "region", ["us-gov-west-1", "us-iso-east-1", "eusc-de-east-1", "cn-north-1", "ap-southeast-2"]
)
def test_regions_of_every_partition_are_taken(region):
    assert caller({"authorization": SIGNED.replace("eu-west-1", region)}).region == region


@pytest.mark.parametrize("region", ["", "nowhere", "US-EAST-1", "us-east-1\r\nx", "../etc", "us-1"])
def test_what_is_no_region_is_the_default(region):
    assert caller({"authorization": SIGNED.replace("eu-west-1", region)}).region == "us-east-1"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer token",
        "Basic dXNlcjpwYXNz",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=",
        "AWS4-HMAC-SHA256 Credential=only",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/e/f",
    ],
)
def test_garbage_is_an_unsigned_request(header):
    found = caller({"authorization": header})
    assert (found.account_id, found.region) == ("000000000000", "us-east-1")
    assert scoped_service({"authorization": header}, "") is None


def test_a_service_name_that_cannot_be_one_is_none():
    assert scoped_service({"authorization": SIGNED.replace("/lambda/", "/../")}, "") is None


@settings(deadline=None)
@given(header=st.text() | st.text().map("AWS4-HMAC-SHA256 Credential={}".format), query=st.text())
def test_no_header_or_query_breaks_it(header, query):
    found = caller({"authorization": header}, f"X-Amz-Credential={query}")
    assert len(found.account_id) == 12
    scoped_service({"authorization": header}, query)


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        ({"authorization": "AWS4-HMAC-SHA256 Credential=a/b/c/s3/aws4_request"}, "", True),
        ({}, "a=b&X-Amz-Credential=a%2Fb", True),
        ({"authorization": "Bearer secret"}, "", False),
        ({}, "", False),
    ],
)
def test_what_is_signed_is_known_without_reading_it(headers, query, expected):
    assert is_signed(headers, query) is expected
