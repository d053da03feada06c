"""URLs that are signed for whoever has them."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lambent.aws.credentials import new_credentials
from lambent.protocol.presigning import presign

URL = "http://127.0.0.1:9000/a-bucket/arn%3Aaws%3Acloudformation/x%7Cy"


def test_a_url_is_signed_as_aws_s_sdk_signs_it() -> None:
    made = new_credentials()
    request = AWSRequest(method="PUT", url=URL)
    keys = Credentials(made.access_key_id, made.secret_access_key, made.session_token)
    S3SigV4QueryAuth(keys, "s3", "eu-west-1", expires=60).add_auth(request)
    expected = parse_qs(urlsplit(request.url).query)
    signed = datetime.strptime(expected["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    url = presign("PUT", URL, made, region="eu-west-1", now=signed, seconds=60)
    assert url.startswith(f"{URL}?")
    assert parse_qs(urlsplit(url).query) == expected
