"""Stacks of the companion's CloudFormation, as tests make them and look at them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.server import RunningServer

CODE = """
        ZipFile: |
          def handler(event, context):
              return event
"""
FUNCTION = f"""
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Role: arn:aws:iam::000000000000:role/lambda-role
      Code: {CODE}
"""


def settled(server: RunningServer, name: str) -> dict[str, Any]:
    """The stack when nothing of it is in progress any more."""
    api = server.client("cloudformation")

    def described() -> dict[str, Any] | None:
        stack: dict[str, Any] = api.describe_stacks(StackName=name)["Stacks"][0]
        return None if stack["StackStatus"].endswith("_IN_PROGRESS") else stack

    stack = eventually(described, lambda: events(server, name)[-5:], seconds=90)
    assert stack is not None
    return stack


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def events(server: RunningServer, name: str) -> list[tuple[str, str]]:
    """What happened, from the first: logical id and status."""
    told = server.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    return [(each["LogicalResourceId"], each["ResourceStatus"]) for each in reversed(told)]


def failure(server: RunningServer, name: str, logical_id: str) -> str:
    """Why the last step of a resource failed."""
    told = server.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    return next(
        str(each["ResourceStatusReason"])
        for each in told
        if each["LogicalResourceId"] == logical_id and each["ResourceStatus"].endswith("_FAILED")
    )


@contextlib.contextmanager
def running_stack(
    server: RunningServer, name: str, template: str, **request: Any
) -> Iterator[dict[str, Any]]:
    """A stack, settled; deleted at the end."""
    server.client("cloudformation").create_stack(StackName=name, TemplateBody=template, **request)
    try:
        yield settled(server, name)
    finally:
        delete(server, name)


def delete(server: RunningServer, name: str) -> None:
    api = server.client("cloudformation")
    stack_id = api.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    api.delete_stack(StackName=name)
    assert settled(server, stack_id)["StackStatus"] == "DELETE_COMPLETE"
