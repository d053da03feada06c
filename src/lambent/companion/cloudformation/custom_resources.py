"""Custom resources: a function, or whoever reads a topic, makes them and answers at a URL.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref.html
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from moto.sns.models import sns_backends

from lambent.companion.cloudformation.resource_type import (
    ChangeRefused,
    Made,
    Place,
    Properties,
    ResourceType,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.companion.server_link import ServerLink

RequestType = Literal["Create", "Update", "Delete"]

NAME = "AWS::CloudFormation::CustomResource"
_LONGEST_NAME = 255
_LONGEST_SECONDS = 3600
_TOPIC_SUBJECT = "AWS CloudFormation custom resource request"


class NotMade(Exception):
    """Raised for a request that did not succeed; with the physical id, where one was told."""

    def __init__(self, reason: str, physical_id: str = "") -> None:
        super().__init__(reason)
        self.physical_id = physical_id


def custom_resource(server: ServerLink) -> ResourceType:
    """The type that all of them are of; their responses come by way of the server."""
    requests = Requests(server=server)
    return ResourceType(
        name=NAME,
        properties=None,
        attributes=None,
        create=requests.create,
        update=requests.update,
        delete=requests.delete,
    )


def is_custom(resource_type: str) -> bool:
    return resource_type.startswith("Custom::") or resource_type == NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Asks for a custom resource to be made, changed or deleted, and waits for the response."""

    server: ServerLink

    def create(self, place: Place, properties: Properties) -> Made:
        try:
            return self._ask(place, "Create", properties, {})
        except NotMade as failed:
            # Some of it may be there: CloudFormation has it deleted, under a name of its own if
            # there is no other.
            physical_id = failed.physical_id or place.generated_name(_LONGEST_NAME)
            return Made(physical_id=physical_id, failure=str(failed))

    def update(self, place: Place, made: Made, new: Properties, old: Properties) -> Made:
        if new.get("ServiceToken") != old.get("ServiceToken"):
            raise ChangeRefused("Modifying service token is not allowed.")
        former = {
            "PhysicalResourceId": made.physical_id,
            "OldResourceProperties": as_strings(old),
        }
        try:
            return self._ask(place, "Update", new, former)
        except NotMade as failed:
            raise ChangeRefused(str(failed)) from None

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        try:
            self._ask(place, "Delete", properties, {"PhysicalResourceId": made.physical_id})
        except NotMade as failed:
            raise ChangeRefused(str(failed)) from None

    def _ask(
        self,
        place: Place,
        request_type: RequestType,
        properties: Properties,
        former: Mapping[str, Any],
    ) -> Made:
        """Raises NotMade, and what whoever cannot be asked raises."""
        seconds = time_out(properties)
        url, path = self.server.open_response(
            account_id=place.account_id,
            region=place.region,
            stack_id=place.stack_id,
            logical_id=place.logical_id,
        )
        event = {
            "RequestType": request_type,
            "ServiceToken": properties.get("ServiceToken"),
            "ResponseURL": url,
            "StackId": place.stack_id,
            "RequestId": str(uuid.uuid4()),
            "LogicalResourceId": place.logical_id,
            "ResourceType": place.resource_type,
            "ResourceProperties": as_strings(properties),
            **former,
        }
        _send(place, event)
        response = self.server.await_response(path, seconds)
        if response is None:
            raise NotMade(
                "CloudFormation did not receive a response from your Custom Resource within "
                f"{seconds} seconds. Please check your logs for requestId [{event['RequestId']}]."
            )
        return read_response(event, response)


def time_out(properties: Properties) -> int:
    """How many seconds a response may take. Raises ChangeRefused."""
    value = properties.get("ServiceTimeout", _LONGEST_SECONDS)
    if not str(value).isdecimal() or not 1 <= int(value) <= _LONGEST_SECONDS:
        raise ChangeRefused(f"ServiceTimeout must be from 1 to {_LONGEST_SECONDS} seconds")
    return int(value)


def as_strings(value: Any) -> Any:
    """Properties as CloudFormation hands them on: numbers and truth as text."""
    if isinstance(value, dict):
        return {key: as_strings(each) for key, each in value.items()}
    if isinstance(value, list):
        return [as_strings(each) for each in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def read_response(event: Mapping[str, Any], text: str) -> Made:
    """What a response says was made. Raises NotMade."""
    try:
        response = json.loads(text)
    except ValueError:
        response = None
    if not isinstance(response, dict):
        raise NotMade("Invalid response: the custom resource's response must be a JSON object")
    physical_id = response.get("PhysicalResourceId")
    if not isinstance(physical_id, str):
        physical_id = ""
    status = response.get("Status")
    if status == "FAILED":
        raise NotMade(
            f"Received response status [FAILED] from custom resource. Message returned: "
            f"{response.get('Reason')} (RequestId: {event['RequestId']})",
            physical_id,
        )
    if reason := _complaint(event, response, physical_id):
        raise NotMade(reason, physical_id)
    data = response.get("Data") or {}
    is_hidden = str(response.get("NoEcho", "")).lower() == "true"
    return Made(physical_id=physical_id, attributes=data, is_hidden=is_hidden)


def _complaint(
    event: Mapping[str, Any], response: Mapping[str, Any], physical_id: str
) -> str | None:
    if response.get("Status") != "SUCCESS":
        return "Invalid response: Status must be SUCCESS or FAILED"
    for name in ("StackId", "RequestId", "LogicalResourceId"):
        if response.get(name) != event[name]:
            return f"Invalid response: {name} must be the request's own"
    if not isinstance(response.get("Data") or {}, dict):
        return "Invalid response: Data must be an object"
    return None if physical_id else "Invalid PhysicalResourceId"


def _send(place: Place, event: Mapping[str, Any]) -> None:
    """To whom the service token names. Raises ChangeRefused, ClientError, or as moto does."""
    token, message = str(event["ServiceToken"]), json.dumps(event)
    service, region, account_id = (token.split(":", 5) + [""] * 5)[2:5]
    if service == "lambda":
        place.api.invoke(FunctionName=token, InvocationType="Event", Payload=message)
    elif service == "sns":
        topics = sns_backends[account_id][region]
        topics.publish(message, arn=token, subject=_TOPIC_SUBJECT)
    else:
        raise ChangeRefused("ServiceToken must be the ARN of a Lambda function or an SNS topic")
