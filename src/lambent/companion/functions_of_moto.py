"""What moto's services get where they look for functions: the server's, never moto's own.

moto's would run in Docker, and nobody could see them through Lambent's API.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import moto.awslambda.utils
import moto.events.notifications
from moto.core.exceptions import JsonRESTError

from lambent.companion.seams import replace
from lambent.companion.server_link import Refused, ServerLink, ServiceCall
from lambent.companion.traces import trace_header

if TYPE_CHECKING:
    from lambent.companion.delivery import Deliveries

logger = logging.getLogger(__name__)

_SECRETS_MANAGER = "secretsmanager.amazonaws.com"


def install(server: ServerLink, deliveries: Deliveries) -> None:
    """Put a stand-in wherever moto's services find its Lambda."""

    def functions(account_id: str, region: str) -> Functions:
        return Functions(server=server, account_id=account_id, region=region)

    def notify(account_id: str, fn_arn: str, event: Any) -> None:
        call = ServiceCall(
            service="events.amazonaws.com",
            function_arn=fn_arn,
            source_arn=None,
            source_account=account_id,
            payload=json.dumps(event),
            trace_header=trace_header(),
        )
        deliveries.send(call, give_up=lambda _refused: None)

    # Services import it when they need it, CloudFormation when it is imported itself: later than
    # now, as it takes two seconds that a start should not.
    replace(moto.awslambda.utils, "get_backend", functions)
    replace(moto.events.notifications, "_invoke_lambda", notify)


@dataclass(frozen=True, slots=True, kw_only=True)
class Functions:
    """Those of an account in a region, as far as moto's other services ask for them."""

    server: ServerLink
    account_id: str
    region: str

    def get_function(self, name_or_arn: str, qualifier: str | None = None) -> Function:
        """Raises botocore's ClientError if there is none, which its callers expect of something."""
        client = self.server.client("lambda", self.account_id, self.region)
        named = {"FunctionName": name_or_arn} | ({"Qualifier": qualifier} if qualifier else {})
        client.get_function_configuration(**named)
        return Function(client=client, named=named)

    def invoke(self, function_name: str, qualifier: str | None, body: str, **_rest: Any) -> str:
        """Run it for Secrets Manager, the one service that uses this, and wait.

        Rotation has four steps, and each needs what the one before it did.
        """
        secret = json.loads(body)
        call = ServiceCall(
            service=_SECRETS_MANAGER,
            function_arn=f"{function_name}:{qualifier}" if qualifier else function_name,
            source_arn=_secret_arn(self.account_id, self.region, secret["SecretId"]),
            source_account=self.account_id,
            payload=json.dumps(secret | {"RotationToken": ""}),
        )
        try:
            payload, is_function_error = self.server.wait(call)
        except Refused as refused:
            logger.warning("Secrets Manager could not invoke %s: %s", function_name, refused)
            raise _cannot_rotate() from None
        if is_function_error:
            logger.warning(
                "rotation of %s failed at %s: %s", secret["SecretId"], secret["Step"], payload[:500]
            )
            raise _failed_rotation(secret["Step"])
        return payload

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(f"Lambda is the server's, and {name} is not asked of it here")


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One of them."""

    client: Any
    named: dict[str, str]

    def invoke(self, body: str, *_headers: Any) -> None:
        """Asynchronously, in the account's own name, as CloudFormation does."""
        self.client.invoke(**self.named, InvocationType="Event", Payload=body)


def _secret_arn(account_id: str, region: str, name: str) -> str | None:
    from moto.secretsmanager.models import secretsmanager_backends  # loaded once it is asked

    secret = secretsmanager_backends[account_id][region].secrets.get(name)
    return secret.arn if secret else None


def _cannot_rotate() -> JsonRESTError:
    return JsonRESTError(
        "AccessDeniedException",
        "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function "
        f"policy grants access to the principal {_SECRETS_MANAGER}.",
    )


def _failed_rotation(step: str) -> JsonRESTError:
    return JsonRESTError(
        "InvalidRequestException",
        f"The rotation function failed in its step {step}; its log says why. "
        "The secret has its old value.",
    )
