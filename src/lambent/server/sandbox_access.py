"""How functions get at AWS's APIs: where their SDKs look, what they sign with, what they may."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lambent.aws.endpoint import AWS_ITSELF
from lambent.aws.role_sessions import RoleSessions
from lambent.execution_environment.aws_access import AwsAccess

if TYPE_CHECKING:
    from lambent.aws.clients import AwsClients
    from lambent.aws.credentials import Credentials, IssuedCredentials
    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.aws_access import Doors
    from lambent.sandbox.isolation import KindName

# https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
_ALL_SERVICES = ("AWS_ENDPOINT_URL",)
_OWN_SERVICES = ("AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS")


def aws_access(
    credentials: IssuedCredentials,
    clients: AwsClients,
    doors: Doors,
    *,
    default_endpoint: str,
) -> AwsAccess:
    """`default_endpoint` is a setting."""

    async def issue(version: FunctionVersion) -> Credentials:
        return credentials.issue(version)

    is_aws = default_endpoint == AWS_ITSELF
    return AwsAccess(
        endpoint_variables=_OWN_SERVICES if is_aws else _ALL_SERVICES,
        doors=doors,
        issue=RoleSessions(clients, credentials).issue if is_aws else issue,
        revoke=credentials.revoke,
    )


def url_inside(isolation: KindName, url: str) -> str:
    """This server's URL as functions have it; `url` is everybody else's."""
    return f"http://127.0.0.1:{urlsplit(url).port}" if isolation == "namespaces" else url
