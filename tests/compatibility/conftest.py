from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.functions import zipped
from tests.support.server import ROLE, RunningServer

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "us-east-1"
_accounts = itertools.count(700_000_000_000)


@dataclass(frozen=True)
class Account:
    """An account of a test's own, with nothing in it yet."""

    id: str
    server: RunningServer

    def client(self, service: str = "lambda", *, region: str = REGION) -> Any:
        return self.server.client(service, account=self.id, region=region)

    def arn(self, name: str, *, region: str = REGION) -> str:
        return f"arn:aws:lambda:{region}:{self.id}:function:{name}"

    def create(self, name: str = "greet", *, code: str = "", **settings: Any) -> Any:
        """CreateFunction's answer, for a function that is not invoked here."""
        return self.client().create_function(
            **{
                "FunctionName": name,
                "Runtime": "python3.11",
                "Handler": "lambda_function.handler",
                "Role": ROLE,
                "Code": {"ZipFile": zipped({"lambda_function.py": code or f"# {name}"})},
                **settings,
            }
        )

    def settle(self, name: str = "greet", waiter: str = "function_active_v2") -> None:
        self.client().get_waiter(waiter).wait(
            FunctionName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": 1000}
        )

    def created(self, name: str = "greet", **settings: Any) -> Any:
        """The configuration of a new function that is active."""
        self.create(name, **settings)
        self.settle(name)
        return self.client().get_function_configuration(FunctionName=name)


@pytest.fixture
def account(server: RunningServer) -> Iterator[Account]:
    own = Account(id=str(next(_accounts)), server=server)
    yield own
    client = own.client()
    for function in client.get_paginator("list_functions").paginate().search("Functions[]"):
        client.delete_function(FunctionName=function["FunctionName"])
