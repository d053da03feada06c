from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, strategies as st

from lambent.protocol.http import HttpRequest
from lambent.protocol.signature import (
    SignatureRefused,
    check_signature,
    check_time,
    read_signature,
)

KEY, SECRET, TOKEN = "ASIAABCDEFGHIJKLMNOP", "secret/+", "token=="
CREDENTIALS = Credentials(KEY, SECRET, TOKEN)
ENDPOINT = "http://127.0.0.1:9000"
EMPTY = hashlib.sha256(b"").hexdigest()


def signed(signer, url, *, method="GET", headers=None, body=b"", **options):
    """What a server gets of a request that botocore signed."""
    request = AWSRequest(method=method, url=ENDPOINT + url, headers=headers or {}, data=body)
    request.context["payload_signing_enabled"] = True
    signer(CREDENTIALS, options.pop("service", "lambda"), "eu-west-1", **options).add_auth(request)
    parts = urlsplit(request.url)
    fields = {name.lower(): str(value) for name, value in request.headers.items()}
    return HttpRequest(
        method=method,
        path=parts.path,
        query=parts.query,
        headers={"host": parts.netloc, **fields},
        body=body,
    )


def verify(request, secret=SECRET):
    signature = read_signature(request)
    body_sha256 = hashlib.sha256(request.body).hexdigest()
    check_signature(signature, request, secret, body_sha256)
    return signature


def refusal(request, secret=SECRET):
    with pytest.raises(SignatureRefused) as refused:
        verify(request, secret)
    return refused.value.code


@pytest.mark.parametrize(
    "url",
    [
        "/2015-03-31/functions/",
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Ax/invocations?Qualifier=%24LATEST",
        "/a/./b/../c//d/?b=2&a=1&a=0&empty=&plus=a%2Bb&space=a%20b",
        "/%C3%A4/~tilde/a%2Fb",
        "",
    ],
)
def test_what_botocore_signs_is_verified(url):
    signature = verify(signed(SigV4Auth, url, method="POST", body=b"{}"))
    assert (signature.access_key_id, signature.session_token) == (KEY, TOKEN)
    assert (signature.region, signature.service) == ("eu-west-1", "lambda")


@pytest.mark.parametrize("path", ["/bucket/a%20b/%C3%A4%2B~", "/bucket//a/../b"])
def test_an_object_s_key_is_taken_as_it_is(path):
    verify(signed(S3SigV4Auth, path, service="s3", method="PUT", body=b"content"))


@given(path=st.text(st.characters(codec="ascii", exclude_characters="?#%\\[]\r\n\t ")))
def test_any_path_that_botocore_signs_is_verified(path):
    verify(signed(SigV4Auth, "/" + path.lstrip("/")))


@pytest.mark.parametrize(("signer", "service"), [(SigV4QueryAuth, "sqs"), (S3SigV4QueryAuth, "s3")])
def test_a_presigned_request_is_verified(signer, service):
    request = signed(signer, "/bucket/key?versionId=1", service=service, expires=60)
    signature = verify(request)
    assert signature.is_presigned
    assert signature.session_token == TOKEN
    assert signature.good_for == timedelta(seconds=60)


def test_only_the_owner_of_the_secret_can_have_signed():
    assert refusal(signed(SigV4Auth, "/"), "other") == "InvalidSignatureException"


@pytest.mark.parametrize(
    "change",
    [
        {"method": "DELETE"},
        {"path": "/other"},
        {"query": "a=2"},
        {"body": b"other"},
        {"headers": {"host": "other"}},
        {"headers": {"x-amz-date": "20200101T000000Z"}},
    ],
)
def test_nothing_that_is_signed_can_be_changed(change):
    request = signed(SigV4Auth, "/path?a=1", method="POST", body=b"body")
    headers = request.headers | change.pop("headers", {})
    changed = replace(request, **change, headers=headers)
    assert refusal(changed) in ("InvalidSignatureException", "IncompleteSignatureException")


def test_a_header_that_is_signed_must_be_there():
    request = signed(SigV4Auth, "/", headers={"x-amz-target": "Logs_20140328.PutLogEvents"})
    del request.headers["x-amz-target"]
    assert refusal(request) == "InvalidSignatureException"


def test_without_a_signature_there_is_no_caller():
    request = HttpRequest(method="GET", path="/", query="", headers={"host": "a"}, body=b"")
    with pytest.raises(SignatureRefused) as refused:
        read_signature(request)
    assert refused.value.code == "MissingAuthenticationTokenException"


@pytest.mark.parametrize(
    ("header", "to"),
    [
        ("/aws4_request", "/aws4_request/more"),
        ("lambda", "LAMBDA"),
        ("eu-west-1", "eu.west"),
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        ("Credential=", "Other=a, Credential="),
        ("SignedHeaders=host;", "SignedHeaders="),
    ],
)
def test_a_signature_in_any_other_form_is_none(header, to):
    request = signed(SigV4Auth, "/")
    request.headers["authorization"] = request.headers["authorization"].replace(header, to)
    assert refusal(request) == "IncompleteSignatureException"


@pytest.mark.parametrize(
    "names",
    ["host;host", "host;x-amz-date;a", "a;" * 10_000 + "host", ";".join(map(str, range(100, 200)))],
    ids=["twice", "in no order", "again and again", "too many"],
)
def test_headers_are_signed_once_each_and_in_order(names):
    request = signed(SigV4Auth, "/", headers={"a": "v"})
    names = names + ";host" if names[0].isdigit() else names
    before, _, after = request.headers["authorization"].partition("SignedHeaders=")
    after = after.partition(",")[2]
    request.headers["authorization"] = f"{before}SignedHeaders={names},{after}"
    assert refusal(request) == "IncompleteSignatureException"


@pytest.mark.parametrize("query", ["a=" + "b" * 17_000, "a&" * 500, "&" * 500])
def test_a_query_that_is_too_long_is_not_looked_at(query):
    request = signed(SigV4Auth, "/")
    request.query = query
    assert refusal(request) == "ValidationException"


def test_two_signatures_are_one_too_many():
    request = signed(SigV4QueryAuth, "/")
    request.headers["authorization"] = signed(SigV4Auth, "/").headers["authorization"]
    assert refusal(request) == "IncompleteSignatureException"
    twice = signed(SigV4QueryAuth, "/")
    twice.query += "&X-Amz-Credential=" + "a"
    assert refusal(twice) == "IncompleteSignatureException"


def test_s3_bodies_may_be_left_unsigned_or_come_in_signed_chunks():
    for payload in ("UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"):
        headers = {"X-Amz-Content-SHA256": payload}
        request = signed(SigV4Auth, "/b/k", service="s3", headers=headers, body=b"any")
        assert verify(request).body_sha256 is None
    streaming = {"X-Amz-Content-SHA256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}
    request = signed(SigV4Auth, "/", headers=streaming)
    assert refusal(request) == "IncompleteSignatureException"


def test_a_body_that_says_its_hash_is_held_to_it():
    request = signed(S3SigV4Auth, "/b/k", service="s3", method="PUT", body=b"body")
    assert verify(request).body_sha256 == hashlib.sha256(b"body").hexdigest()


@pytest.mark.parametrize(
    ("minutes", "words"), [(-16, "Signature expired"), (16, "Signature not yet current")]
)
def test_a_signature_is_good_for_a_quarter_of_an_hour(minutes, words):
    signature = read_signature(signed(SigV4Auth, "/"))
    now = datetime.now(UTC)
    check_time(signature, now + timedelta(minutes=14))
    with pytest.raises(SignatureRefused, match=words) as refused:
        check_time(signature, now - timedelta(minutes=minutes))
    assert refused.value.code == "InvalidSignatureException"


def test_a_presigned_request_is_good_as_long_as_it_says():
    signature = read_signature(signed(SigV4QueryAuth, "/", expires=3600))
    check_time(signature, datetime.now(UTC) + timedelta(minutes=59))
    with pytest.raises(SignatureRefused, match="60 min"):
        check_time(signature, datetime.now(UTC) + timedelta(minutes=61))


@pytest.mark.parametrize("seconds", ["0", "604801", "a week", "-1"])
def test_a_presigned_request_is_good_for_a_week_at_most(seconds):
    request = signed(SigV4QueryAuth, "/")
    request.query = request.query.replace("X-Amz-Expires=3600", f"X-Amz-Expires={seconds}")
    assert refusal(request) == "IncompleteSignatureException"


@pytest.mark.parametrize("moment", ["20260230T000000Z", "2026", "20260101T250000Z"])
def test_a_date_that_is_none_is_refused(moment):
    request = signed(SigV4Auth, "/")
    date = request.headers["x-amz-date"][:8]
    request.headers["x-amz-date"] = moment
    authorization = request.headers["authorization"]
    request.headers["authorization"] = authorization.replace(f"/{date}/", f"/{moment[:8]}/")
    assert refusal(request) == "IncompleteSignatureException"


@given(
    header=st.text(st.characters(max_codepoint=255)),
    query=st.text(st.characters(max_codepoint=255)),
)
def test_whatever_is_said_is_verified_or_refused(header, query):
    request = HttpRequest(
        method="GET",
        path="/",
        query=query,
        headers={"host": "a", "authorization": f"AWS4-HMAC-SHA256 {header}"},
        body=b"",
    )
    with pytest.raises(SignatureRefused):
        verify(request)


@pytest.mark.parametrize("key", ["test", "000000000000", "any_word"])
def test_an_access_key_of_any_words_is_one(key):
    request = signed(SigV4Auth, "/")
    text = request.headers["authorization"].replace(KEY, key)
    request.headers["authorization"] = text
    assert read_signature(request).access_key_id == key
