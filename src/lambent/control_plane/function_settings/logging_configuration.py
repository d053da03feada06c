"""LoggingConfig: how a function logs, in what detail, and where to.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from lambent.domain.errors import invalid_parameter_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.function import FunctionVersion, LoggingConfiguration

_DEFAULT_LEVEL: Final = "INFO"  # of both kinds of logs, in the JSON format
_LEVELS = {
    "ApplicationLogLevel": "application_log_level",
    "SystemLogLevel": "system_log_level",
}


def requested_logging(
    requested: Mapping[str, Any], current: LoggingConfiguration, function_name: str
) -> LoggingConfiguration:
    """What a function's logging becomes when `requested`, a LoggingConfig, is laid over `current`.

    What it leaves out stays. Raises ServiceError for what AWS refuses.
    """
    log_format = requested.get("LogFormat") or current.log_format
    levels = {field: requested[name] for name, field in _LEVELS.items() if requested.get(name)}
    if log_format == "Text":
        _check_no_level(levels)
        levels = dict.fromkeys(_LEVELS.values())
    else:
        current = replace(
            current,
            application_log_level=current.application_log_level or _DEFAULT_LEVEL,
            system_log_level=current.system_log_level or _DEFAULT_LEVEL,
        )
    log_group = current.log_group
    if requested.get("LogGroup"):
        log_group = _custom_log_group(requested["LogGroup"], function_name)
    return replace(current, log_format=log_format, log_group=log_group, **levels)


def described_logging(version: FunctionVersion) -> dict[str, Any]:
    """The LoggingConfig in answers."""
    logging = version.logging
    described = {"LogFormat": logging.log_format, "LogGroup": version.log_group}
    levels = {name: getattr(logging, field) for name, field in _LEVELS.items()}
    return described if logging.log_format == "Text" else {**described, **levels}


def _check_no_level(levels: Mapping[str, object]) -> None:
    if levels:
        raise invalid_parameter_value(
            'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your '
            'request or change the LogFormat to "JSON" and try again.'
        )


def _custom_log_group(name: str, function_name: str) -> str | None:
    """None for the group that is the function's own: as if none were named."""
    if name.lower().startswith("aws/"):
        # What CloudWatch Logs says to who would make such a group.
        raise invalid_parameter_value("Log groups starting with AWS/ are reserved for AWS.")
    return None if name == f"/aws/lambda/{function_name}" else name
