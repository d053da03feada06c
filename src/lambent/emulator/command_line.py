"""The command line of `lambent rie`: AWS's emulator's flags, wherever they stand, and a command.

What is none of these flags belongs to the command, its own flags too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_INVOKE_API = "--runtime-interface-emulator-address"
_RUNTIME_API = "--runtime-api-address"
_LOG_LEVEL = "--log-level"
_INIT_CACHING = "--enable-init-caching"
_WITH_VALUE = (_INVOKE_API, _RUNTIME_API, _LOG_LEVEL)


class SettingsError(Exception):
    """Raised for a setting that cannot be; the text is a sentence about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    command: tuple[str, ...] = ()
    invoke_api: tuple[str, int] | None = None  # host and port
    runtime_api: tuple[str, int] | None = None
    log_level: str | None = None
    warnings: tuple[str, ...] = ()


def parse_arguments(arguments: Sequence[str]) -> CommandLine:
    """Raises SettingsError."""
    command: list[str] = []
    flags: dict[str, str] = {}
    warnings: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        name, has_value, value = argument.partition("=")
        if argument == "--":
            command += rest
        elif name in _WITH_VALUE:
            flags[name] = value if has_value else _value_of(name, next(rest, None))
        elif name == _INIT_CACHING:
            warnings.append(f"{_INIT_CACHING} has no effect here: every start initialises anew")
        else:
            command.append(argument)
    return CommandLine(
        command=tuple(command),
        invoke_api=_address(_INVOKE_API, flags),
        runtime_api=_address(_RUNTIME_API, flags),
        log_level=flags.get(_LOG_LEVEL),
        warnings=tuple(warnings),
    )


def checked_port(name: str, text: str) -> int:
    """Raises SettingsError."""
    if not (text.isascii() and text.isdigit() and int(text) <= 0xFFFF):
        raise SettingsError(f"{name} is {text!r}; a port is a number from 0 to 65535.")
    return int(text)


def _value_of(name: str, value: str | None) -> str:
    if value is None:
        raise SettingsError(f"{name} needs a value behind it.")
    return value


def _address(name: str, flags: dict[str, str]) -> tuple[str, int] | None:
    told = flags.get(name)
    if told is None:
        return None
    host, colon, port = told.rpartition(":")
    if not colon:
        raise SettingsError(f"{name} is {told!r}; an address has a port, as in 0.0.0.0:8080.")
    return host.strip("[]") or "0.0.0.0", checked_port(name, port)
