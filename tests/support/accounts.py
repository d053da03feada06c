"""Accounts of tests' own, so that one server serves them all without their seeing each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.functions import zipped
from tests.support.server import ROLE

if TYPE_CHECKING:
    from tests.support.server import RunningServer

REGION = "us-east-1"


@dataclass(frozen=True)
class Account:
    id: str
    server: RunningServer

    def client(self, service: str = "lambda", *, region: str = REGION) -> Any:
        return self.server.client(service, account=self.id, region=region)

    def arn(self, name: str, *, region: str = REGION) -> str:
        return f"arn:aws:lambda:{region}:{self.id}:function:{name}"

    def create(self, name: str = "greet", **settings: Any) -> Any:
        """CreateFunction's answer, for a function whose code hardly matters."""
        return self.client().create_function(
            **{
                "FunctionName": name,
                "Runtime": "python3.11",
                "Handler": "lambda_function.handler",
                "Role": ROLE,
                "Code": {"ZipFile": zipped({"lambda_function.py": f"# {name}"})},
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
