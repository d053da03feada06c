"""The server's settings: one table (`settings.py`), four sources, one frozen record.

The command line wins over `LAMBENT_*` variables, these over the TOML file, that over the default.
A key nobody knows is an error wherever it stands.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lambent.server.setting import VARIABLE_PREFIX, Setting
from lambent.server.settings import SETTINGS

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

    host: tuple[str, ...]
    port: int
    tls_certificate: str  # a file; `development`: one of our own; empty: no HTTPS
    tls_key: str  # a file; empty: it is in the certificate's
    tls_port: int
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
    access_keys: Mapping[str, str] = field(repr=False)  # key -> secret; empty: any key may sign
    subnets: Mapping[str, str]  # identifier -> its VPC's
    security_groups: Mapping[str, str]
    access_points: Mapping[str, Path]  # ARN -> the directory it stands for
    deployment_seconds: float
    queue_time_factor: float
    queue_reserve_mib: int
    metrics_days: int
    stream_limit_mib: int
    stream_uncapped_mib: int
    stream_mib_per_second: int
    drain_seconds: int
    log_level: str


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "lambent"


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
        shown = "its value" if setting.is_secret else repr(text)
        raise ConfigurationError(f"{where}: {shown} {error}") from None


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
