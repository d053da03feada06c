"""The server's settings: one table, four sources, one frozen record.

The command line wins over `LAMBENT_*` variables, these over the TOML file, that over the default.
A key nobody knows is an error wherever it stands.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lambent.domain.quotas import (
    ACCOUNT_CONCURRENCY,
    CODE_STORAGE_BYTES,
    MIB,
    SCALING_ENVIRONMENTS,
)
from lambent.server.host_memory import host_memory_bytes
from lambent.server.setting import (
    VARIABLE_PREFIX,
    Setting,
    access_points,
    endpoint,
    endpoints,
    factor,
    file_path,
    interpreters,
    matching,
    members_of_vpcs,
    one_of,
    seconds,
    switch,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.sandbox.isolation import KindName

BlockedRuntimes = Literal["refuse", "allow"]
CompanionUse = Literal["on", "off", "auto"]

# Variables of the same prefix that are not the server's.
_OTHER_VARIABLES = frozenset({"LAMBENT_CONFIG", "LAMBENT_ENDPOINT"})


class ConfigurationError(Exception):
    """Raised when a setting is unknown or has a value that cannot be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting of `lambent serve`; SETTINGS says what each means."""

    host: str
    port: int
    data_dir: Path
    runtimes_dir: Path
    interpreters: Mapping[str, Path]  # runtime identifier -> what runs it
    blocked_runtimes: BlockedRuntimes
    region: str
    account_id: str
    isolation: KindName
    memory_mib: int
    max_environments: int
    idle_seconds: float
    freeze_after_seconds: float
    fast_starts: bool
    concurrency: int
    scaling_rate: int
    code_storage_mib: int
    companion: CompanionUse
    aws_endpoint_url: str  # empty: none
    aws_endpoints: Mapping[str, str]  # by service
    aws_profile: str  # empty: botocore's usual search for credentials
    subnets: Mapping[str, str]  # identifier -> its VPC's
    security_groups: Mapping[str, str]
    access_points: Mapping[str, Path]  # ARN -> the directory it stands for
    deployment_seconds: float
    queue_time_factor: float
    queue_reserve_mib: int
    metrics_days: int
    drain_seconds: int
    log_level: str


def data_home() -> Path:
    """Where this user's programs keep data: the XDG base directory specification."""
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "lambent"


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "lambent"


def _default_memory_mib() -> int:
    """What leaves enough for the server itself, its companions and the kernel's caches."""
    return max(128, host_memory_bytes() * 8 // 10 // MIB)


SETTINGS = (
    Setting(
        "host",
        matching(r"[0-9A-Za-z.:\-]{1,253}", "an address or host name"),
        lambda: "127.0.0.1",
        "Address to listen on. Whoever reaches it may run code here: leave it on loopback "
        "unless the network is yours.",
    ),
    Setting("port", whole_number(0, 65535), lambda: 9000, "Port to listen on; 0 takes a free one."),
    Setting(
        "data_dir",
        file_path,
        lambda: data_home() / "data",
        "Directory of everything the server keeps: database, deployment packages, key.",
    ),
    Setting(
        "runtimes_dir",
        file_path,
        lambda: data_home() / "runtimes",
        "Directory `lambent runtime install` puts runtimes into; servers may share it.",
    ),
    Setting(
        "interpreters",
        interpreters,
        dict,
        "Interpreters you choose yourself, whatever their release: a table of the file, or "
        "`ruby3.2=/usr/bin/ruby,java8.al2=/opt/jdk8/bin/java`.",
    ),
    Setting(
        "blocked_runtimes",
        one_of("refuse", "allow"),
        lambda: "refuse",
        "Whether functions can still be created and updated with runtimes AWS has blocked by now; "
        "invoked they can always be.",
    ),
    Setting(
        "region",
        matching(r"[a-z]{2,4}(-[a-z]{2,10}){1,2}-\d", "a region such as us-east-1"),
        lambda: "us-east-1",
        "Region of requests that name none.",
    ),
    Setting(
        "account_id",
        matching(r"\d{12}", "12 digits"),
        lambda: "000000000000",
        "Account of requests whose access key is not itself an account number.",
    ),
    Setting(
        "isolation",
        one_of("namespaces", "process"),
        lambda: "namespaces",
        "How functions are kept apart: `namespaces` (sandboxes), or `process`, which protects "
        "nothing and is for hosts that allow no sandbox.",
    ),
    Setting(
        "memory_mib",
        whole_number(128, 100_000_000),
        _default_memory_mib,
        "Memory, in MiB, that all execution environments together may take. One at work counts "
        "with its whole MemorySize, one that is frozen with what it has. When nothing idle is left "
        "to make room, calls are throttled.",
    ),
    Setting(
        "max_environments",
        whole_number(1, 100_000),
        lambda: 1000,
        "Execution environments of all functions together; when they are all busy, calls are "
        "throttled.",
    ),
    Setting(
        "idle_seconds",
        seconds,
        lambda: 600.0,
        "Seconds after which an idle execution environment is closed.",
    ),
    Setting(
        "freeze_after_seconds",
        seconds,
        lambda: 0.5,
        "Seconds after which nothing runs in an idle execution environment any more, until its "
        "next invocation. AWS freezes at once; a moment's grace spares busy ones the trouble.",
    ),
    Setting(
        "fast_starts",
        switch,
        lambda: True,
        "Whether to keep a few sandboxes of the runtimes in use ready, with the interpreter "
        "already running, so that cold starts take 10 ms instead of 50; `false` saves their memory.",
    ),
    Setting(
        "concurrency",
        whole_number(1, 100_000),
        lambda: ACCOUNT_CONCURRENCY,
        "Invocations an account may have at work in one region at one time.",
    ),
    Setting(
        "scaling_rate",
        whole_number(1, 1_000_000),
        lambda: SCALING_ENVIRONMENTS,
        "Execution environments one function may have started in ten seconds; one more is "
        "throttled.",
    ),
    Setting(
        "code_storage_mib",
        whole_number(1, 1_000_000),
        lambda: CODE_STORAGE_BYTES // MIB,
        "Deployment packages, in MiB and zipped, that an account may have in one region: of every "
        "version of its functions and layers.",
    ),
    Setting(
        "companion",
        one_of("on", "off", "auto"),
        lambda: "auto",
        "Whether the server starts neighbouring AWS services of its own (S3, SQS, SNS, DynamoDB, "
        "STS...: moto, a child process; what they hold is in memory). `auto`: when moto is "
        "installed and aws_endpoint_url is empty.",
    ),
    Setting(
        "aws_endpoint_url",
        endpoint,
        lambda: "",
        "Where neighbouring AWS services are instead of the companion: a URL, or `aws` for AWS's "
        "own. Empty, and without the companion: nowhere, and what needs them is refused.",
    ),
    Setting(
        "aws_endpoints",
        endpoints,
        dict,
        "The same for single services: a table of the file, or `s3=http://127.0.0.1:9001,kms=aws`.",
    ),
    Setting(
        "aws_profile",
        matching(r"[A-Za-z0-9_.@+=/ -]{0,128}", "a profile's name"),
        lambda: "",
        "Profile of the shared credentials file to call neighbouring services with. Empty: AWS's "
        "usual variables and files; where these have none, the account's number as access key.",
    ),
    Setting(
        "subnets",
        members_of_vpcs("subnet"),
        dict,
        "Subnets functions can be attached to, with the VPC of each: a table of the file, or "
        "`subnet-1=vpc-1`.",
    ),
    Setting(
        "security_groups",
        members_of_vpcs("sg"),
        dict,
        "Security groups functions can have, with the VPC of each, likewise.",
    ),
    Setting(
        "access_points",
        access_points,
        dict,
        "Access points of file systems that functions can mount, with the directory of this host "
        "that each stands for: a table of the file, or "
        "`arn:aws:elasticfilesystem:...:access-point/fsap-...=/srv/shared`.",
    ),
    Setting(
        "deployment_seconds",
        seconds,
        lambda: 0.0,
        "Seconds that creating or updating a function takes at least. On AWS it takes a few, and "
        "what uses a function before it is Active, or updates it twice at once, is refused: with "
        "a few here too, scripts that do not wait show it.",
    ),
    Setting(
        "queue_time_factor",
        factor,
        lambda: 1.0,
        "How many times faster than the clock time passes for events of asynchronous invocations: "
        "with 60 the minute before a retry is over in a second, and an event is six hours old "
        "after six minutes. For trying out what happens then. The schedules of the companion's "
        "EventBridge rules pass as fast.",
    ),
    Setting(
        "queue_reserve_mib",
        whole_number(0, 100_000_000),
        lambda: 512,
        "Room, in MiB, that asynchronous events leave on the file system of `data_dir`: with less "
        "than that no event is accepted, and all else can still be written.",
    ),
    Setting(
        "metrics_days",
        whole_number(1, 455),
        lambda: 15,
        "Days for which metrics of functions are kept, by the minute.",
    ),
    Setting(
        "drain_seconds",
        whole_number(0, 900),
        lambda: 30,
        "Seconds that invocations at work are given to end when the server stops.",
    ),
    Setting(
        "log_level",
        one_of("debug", "info", "warning", "error"),
        lambda: "info",
        "How much the server says on standard error.",
    ),
)
_BY_NAME = {setting.name: setting for setting in SETTINGS}


def load(
    command_line: Mapping[str, str | None],
    environment: Mapping[str, str],
    file: Path | None = None,
) -> Config:
    """The settings all sources together give; raises ConfigurationError.

    `file` is the TOML file the command line names; without it LAMBENT_CONFIG names one, or
    lambent.toml in the user's configuration directory is taken if it is there.
    """
    values: dict[str, object] = {setting.name: setting.default() for setting in SETTINGS}
    values |= _from_file(file or _file_to_read(environment))
    values |= _from_variables(environment)
    values |= {
        name: _read(_BY_NAME[name], text, _BY_NAME[name].option)
        for name, text in command_line.items()
        if text is not None
    }
    return Config(**values)  # type: ignore[arg-type]  # SETTINGS and Config agree: a test says so


def _read(setting: Setting, text: str, where: str) -> object:
    try:
        return setting.read(text)
    except ValueError as error:
        raise ConfigurationError(f"{where}: {text!r} {error}") from None


def _from_variables(environment: Mapping[str, str]) -> dict[str, object]:
    values = {}
    for variable, text in environment.items():
        if not variable.startswith(VARIABLE_PREFIX) or variable in _OTHER_VARIABLES:
            continue
        name = variable.removeprefix(VARIABLE_PREFIX).lower()
        if name not in _BY_NAME or variable != _BY_NAME[name].variable:
            raise ConfigurationError(f"{variable}: there is no such setting{_suggestion(name)}")
        values[name] = _read(_BY_NAME[name], text, variable)
    return values


def _suggestion(name: str) -> str:
    close = difflib.get_close_matches(name, _BY_NAME, n=1)
    return f"; did you mean {close[0]}?" if close else "; `lambent serve --help` lists them all"


def _file_to_read(environment: Mapping[str, str]) -> Path | None:
    if environment.get("LAMBENT_CONFIG"):
        return Path(environment["LAMBENT_CONFIG"])
    usual = _config_home() / "lambent.toml"
    return usual if usual.is_file() else None


def _from_file(file: Path | None) -> dict[str, object]:
    if file is None:
        return {}
    try:
        document = tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file}: {error}") from None
    for name in sorted(document.keys() - _BY_NAME.keys()):
        raise ConfigurationError(f"{file}: there is no such setting: {name}{_suggestion(name)}")
    return {
        name: _read(_BY_NAME[name], _as_text(value), f"{file}: {name}")
        for name, value in document.items()
    }


def _as_text(value: object) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={inner}" for name, inner in value.items())
    return str(value) if isinstance(value, str | int | float) else ""
