"""What an environment is made from, and the command that is its runtime."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from lambent.execution_environment.aws_access import credential_variables
from lambent.execution_environment.extensions import extension_command
from lambent.execution_environment.runtimes.entrypoint import TASK_ROOT
from lambent.execution_environment.variables import (
    TELEMETRY_DESCRIPTOR,
    defined_variables,
)
from lambent.sandbox.sandbox import Command

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from lambent.aws.credentials import Credentials
    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.apis.streamed_response import StreamLimits
    from lambent.execution_environment.aws_access import AwsAccess
    from lambent.execution_environment.output.environment_log import Logs
    from lambent.execution_environment.prepared_sandbox import Sandboxes, Wanted
    from lambent.execution_environment.runtimes.runtime import Runtime
    from lambent.sandbox.isolation import Isolation
    from lambent.telemetry.platform_events import InitializationType


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the processes of a life are told about where they are."""

    api_address: str
    credentials: Credentials
    token: str  # for who asks for these
    endpoints: Mapping[str, str]


class Commands(Protocol):
    """As what an environment's processes are started."""

    def variables(
        self, identity: Identity, wanted: Wanted, surroundings: Surroundings
    ) -> dict[str, str]:
        """The whole environment of the runtime's process."""

    def runtime(self, wanted: Wanted, variables: Mapping[str, str]) -> Command:
        """Raises InvalidEntrypoint, or RuntimeUnavailable."""

    def extension(self, name: str, variables: Mapping[str, str]) -> Command:
        """That of an external extension beside a runtime with these variables."""


class LambdaCommands:
    """Of a function that was deployed: as AWS starts it in its own images."""

    def variables(
        self, identity: Identity, wanted: Wanted, surroundings: Surroundings
    ) -> dict[str, str]:
        return runtime_variables(identity, wanted.runtime, surroundings)

    def runtime(self, wanted: Wanted, variables: Mapping[str, str]) -> Command:
        return runtime_command(wanted, variables)

    def extension(self, name: str, variables: Mapping[str, str]) -> Command:
        return extension_command(name, variables)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What every environment is made from."""

    isolation: Isolation
    sandboxes: Sandboxes
    runtimes: Mapping[str, Runtime]
    task_root: Callable[[str], Awaitable[Path]]  # CodeSha256 -> the unpacked deployment package
    layers_root: Callable[[FunctionVersion], Awaitable[Path | None]]  # None: it has no layers
    # The version with its variables readable; raises ServiceError, as Invoke answers it.
    opened: Callable[[FunctionVersion], Awaitable[FunctionVersion]]
    aws_access: AwsAccess
    logs: Logs
    freeze_after_seconds: float  # without an invocation
    stream_limits: StreamLimits
    commands: Commands = field(default_factory=LambdaCommands)
    takes_extensions: bool = True


class Identity(Protocol):
    """Whose runtime it is."""

    version: FunctionVersion
    log_stream_name: str
    initialization_type: InitializationType


def runtime_variables(
    identity: Identity, runtime: Runtime, surroundings: Surroundings
) -> dict[str, str]:
    """The whole environment of the runtime's process."""
    variables = defined_variables(
        identity.version,
        runtime,
        log_stream=identity.log_stream_name,
        runtime_api=surroundings.api_address,
        credentials=credential_variables(
            surroundings.credentials,
            surroundings.api_address,
            surroundings.token,
            asks=identity.initialization_type == "snap-start",
        ),
        initialization_type=identity.initialization_type,
    )
    # The function's configuration may have its own.
    return {**surroundings.endpoints, **variables}


def runtime_command(wanted: Wanted, variables: Mapping[str, str]) -> Command:
    """Raises InvalidEntrypoint, or RuntimeUnavailable."""
    argv = wanted.runtime.command(
        task_root=wanted.task_root,
        layers_root=wanted.layers_root,
        memory_mib=wanted.version.memory_mib,
        variables=variables,
    )
    return Command(
        argv=argv,
        environment=variables,
        working_directory=TASK_ROOT,
        telemetry_variable=TELEMETRY_DESCRIPTOR,
    )
