"""Requests to a function URL, who signs them, and the policies that decide about them."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lambent.domain.function_url import FunctionUrl
from lambent.domain.identity_policy import IdentityPolicies, identity_statements
from lambent.invocation.function_urls.access import UrlForbidden, authorize
from lambent.protocol.http import HttpRequest

OWNER, OTHER = "000000000000", "222222222222"
HOST = "abc.lambda-url.us-east-1.localhost:9000"
URL = FunctionUrl(
    account_id=OWNER,
    region="us-east-1",
    name="greet",
    revision_id="1",
    url_id="abc",
    auth_type="AWS_IAM",
    invoke_mode=None,
    cors=None,
    creation_time="",
    last_modified_time="",
)
OPEN = replace(URL, auth_type="NONE")
FORBIDDEN = {
    "Message": "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
}
CALL_URL, CALL_FUNCTION = "lambda:InvokeFunctionUrl", "lambda:InvokeFunction"
EVERYBODY = {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}
BY_URL = {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}


def statement(principal, action=CALL_URL, *, effect="Allow", resource=URL.arn, condition=None):
    made = {"Effect": effect, "Principal": principal, "Action": action, "Resource": resource}
    return {**made, "Condition": condition} if condition else made


def account(account_id):
    return {"AWS": f"arn:aws:iam::{account_id}:root"}


class Roles:
    """See `RolePolicies`: one role with these statements; None: nobody knows it."""

    def __init__(self):
        self.statements = None
        self.problem = None

    async def of(self, account_id, region, role_arn):
        assert role_arn == "arn:aws:iam::000000000000:role/worker"
        if self.problem is not None:
            raise self.problem
        if self.statements is None:
            return None
        return IdentityPolicies(statements=identity_statements({"Statement": self.statements}))


def unsigned(path="/"):
    return HttpRequest(method="GET", path=path, query="", headers={"host": HOST}, body=b"")


def signed(
    key="test", secret="test", token=None, *, by=SigV4Auth, scope=("lambda", "us-east-1"), **given
):
    """A request as botocore signs it, with `path`, `body` and `headers`."""
    body = given.get("body", b"")
    request = AWSRequest(
        method="POST",
        url=f"http://{HOST}{given.get('path', '/')}",
        headers=given.get("headers", {}),
        data=body,
    )
    by(Credentials(key, secret, token), *scope).add_auth(request)
    parts = urlsplit(request.url)
    return HttpRequest(
        method="POST",
        path=parts.path,
        query=parts.query,
        headers={"host": HOST}
        | {name.lower(): str(value) for name, value in request.headers.items()},
        body=body,
    )


def signed_by(session):
    own = session.credentials
    return signed(own.access_key_id, own.secret_access_key, own.session_token)


async def caller_of(access, url, request):
    """Who is let through in the name of an account or a role."""
    caller = await authorize(access, url, request)
    assert caller is not None
    return caller


async def refusal(access, url, request, keys=None):
    with pytest.raises(UrlForbidden) as refused:
        await authorize(access, url, request, keys)
    error = refused.value
    return error.status, error.code, error.document


async def is_forbidden(access, url, request):
    status, code, document = await refusal(access, url, request)
    return (status, code, document) == (403, "AccessDeniedException", FORBIDDEN)
