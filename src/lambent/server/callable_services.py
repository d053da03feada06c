"""Which services of the neighbours functions may call: those named here, and the operator's own.

Whoever calls is hostile code, and what it calls runs on this host with the server's rights. So
nothing is passed on because nobody thought of it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from lambent.domain.errors import ServiceError
from lambent.domain.identity_policy import UNKNOWN_RESOURCE
from lambent.domain.quotas import MIB
from lambent.server.function_permissions import check_actions

if TYPE_CHECKING:
    from lambent.aws.role_policies import RolePolicies
    from lambent.domain.caller import Caller
    from lambent.protocol.http import HttpRequest

# By signing name. They keep data and hand on messages; none starts a process or a container of its
# own, as Batch of the companion would, or changes what others may do.
_CALLABLE = frozenset(
    {
        *("appconfig", "athena", "cognito-identity", "cognito-idp", "comprehend", "dynamodb"),
        *("events", "execute-api", "firehose", "kinesis", "kms", "lambda", "logs", "monitoring"),
        *("polly", "rds-data", "rekognition", "s3", "scheduler", "secretsmanager"),
        *("servicediscovery", "ses", "sns", "sqs", "ssm", "states", "sts", "tagging", "textract"),
        *("timestream", "transcribe", "translate", "xray"),
    }
)
# Who may change these could change what functions may do, or have it done by the companion.
_GUARDED = frozenset({"cloudformation", "iam"})
# Bodies of any size and form: objects of S3, and requests of the server's own APIs.
_FREE = frozenset({"lambda", "logs", "s3"})
_FORM = "application/x-www-form-urlencoded"
_NO_FORMS = ("json", "cbor")
_MAX_FORM_BYTES = MIB
_MAX_FORM_FIELDS = 2000
_LONG_TO_PARSE_BYTES = 64 * 1024


async def check_service(
    request: HttpRequest,
    service: str,
    caller: Caller,
    policies: RolePolicies,
    *,
    is_operators: bool,
) -> None:
    """Raise ServiceError for what this function may not ask of a neighbour.

    `is_operators`: an endpoint is configured for just this service.
    """
    if request.stream is not None and service != "s3":
        raise ServiceError("ValidationException", "Only S3 takes bodies of this form here.")
    if service not in _FREE:
        _check_form(request)
    if service in _GUARDED:
        action = await action_of(request)
        if action is None:
            raise _denied(caller, f"{service}:*", "the request does not say plainly what it is for")
        await check_actions(policies, caller, [(f"{service}:{action}", [UNKNOWN_RESOURCE])])
    elif service not in _CALLABLE and not is_operators:
        raise _denied(
            caller,
            f"{service}:*",
            "functions may not call this service here, unless the setting aws_endpoints names an "
            "endpoint for it (docs/how-to/aws-from-functions.md#what-a-function-may-do)",
        )


async def action_of(request: HttpRequest) -> str | None:
    """The one operation a form is for; None when it is none, or when it could be read as two."""
    headers = request.headers
    is_form = headers.get("content-type", _FORM).partition(";")[0].strip().lower() == _FORM
    if not is_form or "x-amz-target" in headers or request.path.strip("/"):
        return None
    if len(request.body) > _LONG_TO_PARSE_BYTES:
        return await asyncio.to_thread(_action, request)
    return _action(request)


def _action(request: HttpRequest) -> str | None:
    try:
        texts = (request.query, request.body.decode())
        fields = [
            field for text in texts for field in parse_qsl(text, max_num_fields=_MAX_FORM_FIELDS)
        ]
    except ValueError:
        return None
    actions = [value for name, value in fields if name == "Action"]
    return actions[0] if len(actions) == 1 and actions[0].isalnum() else None


def _check_form(request: HttpRequest) -> None:
    """The companion reads as a form whatever does not say that it is something else."""
    content_type = request.headers.get("content-type", "").partition(";")[0].lower()
    if any(form in content_type for form in _NO_FORMS):
        return
    if len(request.body) > _MAX_FORM_BYTES or request.body.count(b"&") >= _MAX_FORM_FIELDS:
        raise ServiceError(
            "ValidationException",
            f"A form may have {_MAX_FORM_BYTES} bytes and {_MAX_FORM_FIELDS} fields at most.",
        )


def _denied(caller: Caller, action: str, why: str) -> ServiceError:
    return ServiceError(
        "AccessDeniedException",
        f"User: {caller.arn} is not authorized to perform: {action}, because {why}",
    )
