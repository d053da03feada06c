"""What `lambent rie` is told: a command line, and the environment variables of both originals.

A name says the same as in AWS's runtime interface emulator and in lambda-runtime-api-daemon; where
those differ, docs/how-to/rie.md says which is followed. A variable that is set but empty counts as
not set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lambent.emulator.amqp.address import (
    AddressInvalid,
    AmqpAddress,
    amqp_address,
    check_queue_name,
)
from lambent.emulator.command_line import CommandLine, SettingsError, parse_arguments
from lambent.emulator.timed_out import TIME_OUT_ANSWERS, TimeOutAnswer
from lambent.emulator.variable import Variables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["EmulatorSettings", "SettingsError", "load_settings"]

_UNKNOWN_NAME = "test_function"  # as AWS's emulator calls it
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_ANYWHERE = "0.0.0.0"  # as the originals: in a container it is to be reached
_TASK_ROOT = Path("/var/task")
_LONGEST_SECONDS = 7 * 24 * 60 * 60
# Of AWS's emulator, too, which calls no real account by it.
_ACCOUNT = "012345678912"
_REGION = "us-east-1"
# Of AWS's emulator, for what it has to do with Lambda Managed Instances.
_AWSS_CONCURRENCY = "AWS_LAMBDA_MAX_CONCURRENCY"
_LOG_LEVELS = {
    "trace": "DEBUG",
    "debug": "DEBUG",
    "info": "INFO",
    "warn": "WARNING",
    "warning": "WARNING",
    "error": "ERROR",
    "fatal": "CRITICAL",
    "panic": "CRITICAL",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorSettings:
    """Everything one emulator runs by, checked."""

    host: str = _ANYWHERE
    port: int = 8080  # 0: any
    runtime_api_host: str = "127.0.0.1"  # the first instance's; the others' follow it
    runtime_api_port: int = 9001  # 0: any
    amqp: AmqpAddress | None = None  # None: only HTTP
    function_name: str = _UNKNOWN_NAME
    function_version: str = "$LATEST"
    account_id: str = _ACCOUNT
    region: str = _REGION
    timeout_seconds: int = 3
    idle_seconds: int = 1800
    queue_seconds: int = 60  # a call waits for a free instance, before it is refused with 429
    drain_seconds: int = 30  # for what is at work when the emulator is told to stop
    memory_mib: int = 3008  # only told: the container has the limit
    max_concurrency: int = 1
    prints_reports: bool = False
    limits_sizes: bool = True  # of events and responses, as Lambda does
    time_out_answer: TimeOutAnswer = "aws"
    log_level: str = "INFO"  # a level of Python's
    structured_logging: bool = False
    openfaas: bool = False
    handler: str = ""
    command: tuple[str, ...] = ()  # empty: the first bootstrap there is when one is wanted
    directory: Path = field(default_factory=Path.cwd)  # where the command is run
    layers_root: Path = Path("/opt")
    # What children inherit. Secrets: not in logs.
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()  # to be logged first


def load_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> EmulatorSettings:
    """Raises SettingsError with a sentence for whoever started it."""
    line = parse_arguments(arguments)
    read = Variables(environment)
    handler = _handler(line.command, read)
    name = _function_name(handler, read)
    host, port = line.invoke_api or (
        read.text("INVOKE_API_HOST", _ANYWHERE),
        read.port("PORT", 8080),
    )
    api_host, api_port = line.runtime_api or (
        read.text("RUNTIME_API_HOST", "127.0.0.1"),
        read.port("RUNTIME_API_PORT", 9001),
    )
    if read.text(_AWSS_CONCURRENCY, ""):
        read.warnings.append(
            f"{_AWSS_CONCURRENCY} has no effect here: MAX_CONCURRENCY says how many calls run at once"
        )
    seconds = {"least": 1, "most": _LONGEST_SECONDS}
    amqp = _amqp(environment, name)
    return EmulatorSettings(
        host=host,
        port=port,
        runtime_api_host=api_host,
        runtime_api_port=api_port,
        amqp=amqp,
        function_name=name,
        function_version=read.text("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        account_id=read.text("AWS_ACCOUNT_ID", _ACCOUNT),
        region=read.text("AWS_REGION", read.text("AWS_DEFAULT_REGION", _REGION)),
        timeout_seconds=read.number("AWS_LAMBDA_FUNCTION_TIMEOUT", 3, **seconds),
        idle_seconds=read.number("AWS_LAMBDA_FUNCTION_IDLETIMEOUT", 1800, **seconds),
        queue_seconds=read.number("AWS_LAMBDA_FUNCTION_QUEUETIMEOUT", 60, **seconds),
        drain_seconds=read.number("DRAIN_SECONDS", 30, least=0, most=_LONGEST_SECONDS),
        memory_mib=read.number("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 3008, least=1),
        max_concurrency=read.number("MAX_CONCURRENCY", 1, least=1, most=1000),
        prints_reports=read.flag("PRINT_REPORTS", default=False),
        limits_sizes=read.flag("LIMIT_SIZES", default=True),
        time_out_answer=_time_out_answer(read),
        log_level=_log_level(line, read),
        structured_logging=read.flag("USE_STRUCTURED_LOGGING", default=False),
        openfaas=read.flag("ENABLE_OPENFAAS", default=False),
        handler=handler,
        command=line.command,
        directory=_own_directory() if line.command else _TASK_ROOT,
        layers_root=Path(read.text("LAMBENT_LAYERS_ROOT", "/opt")),
        environment=dict(environment),
        warnings=(*line.warnings, *read.warnings, *(amqp.warnings if amqp else ())),
    )


def _own_directory() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise SettingsError(
            f"The directory that this is started in cannot be used: {error.strerror}. Start it "
            "where the function's command is to be run."
        ) from error


def _handler(command: tuple[str, ...], read: Variables) -> str:
    """A variable wins over the command line, as in both originals."""
    last = command[-1] if len(command) > 1 else ""
    return read.text("AWS_LAMBDA_FUNCTION_HANDLER", read.text("_HANDLER", last))


def _function_name(handler: str, read: Variables) -> str:
    """The variable's, else what stands before the first dot of the handler."""
    name = read.text("AWS_LAMBDA_FUNCTION_NAME", "")
    if name:
        return name
    derived = _NO_NAME.sub("-", handler.rpartition("/")[2].partition(".")[0]).strip("-")
    name = derived or _UNKNOWN_NAME
    read.warnings.append(f"AWS_LAMBDA_FUNCTION_NAME is not set: the function is called {name}")
    return name


def _log_level(line: CommandLine, read: Variables) -> str:
    if line.log_level is not None:
        level = _LOG_LEVELS.get(line.log_level.lower())
        if level is None:
            raise SettingsError(
                f"--log-level is {line.log_level!r}; choose one of {', '.join(_LOG_LEVELS)}."
            )
        return level
    told = read.text("LOG_LEVEL", "info")
    level = _LOG_LEVELS.get(told.lower())
    if level is None:
        # Functions have variables of this name, too, with levels of their own.
        read.warnings.append(f"LOG_LEVEL is {told!r}, which is no level here: info is taken")
    return level or "INFO"


def _time_out_answer(read: Variables) -> TimeOutAnswer:
    told = read.text("TIME_OUT_ANSWER", "aws").lower()
    for answer in TIME_OUT_ANSWERS:
        if told == answer:
            return answer
    raise SettingsError(
        f"TIME_OUT_ANSWER is {told!r}; choose one of {', '.join(TIME_OUT_ANSWERS)}."
    )


def _amqp(environment: Mapping[str, str], function_name: str) -> AmqpAddress | None:
    try:
        address = amqp_address(environment)
        if address is not None:
            check_queue_name(function_name)
        return address
    except AddressInvalid as error:
        raise SettingsError(str(error)) from error
