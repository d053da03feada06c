"""`lambent runtime list`, `lambent runtime install` and `lambent runtime remove`."""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import click

from lambent.cli.output import json_option, print_json, print_table
from lambent.domain.runtime_catalogue import CATALOGUE
from lambent.execution_environment.runtimes.installed_runtimes import find_runtimes
from lambent.execution_environment.runtimes.runtime_installation import (
    RuntimeInstallationFailed,
    install,
    remove,
)
from lambent.server.config import Config, ConfigurationError, load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lambent.execution_environment.runtimes.runtime import Runtime

_COLUMNS = ("RUNTIME", "NAME", "OS", "DEPRECATED", "CREATE BLOCKED", "UPDATE BLOCKED", "STATE")
_VERSION = re.compile(r"([^:]+):v([1-9]\d{0,5})", re.ASCII)


def _settings(_context: click.Context, _option: click.Parameter, text: str | None) -> Config:
    """The settings `lambent serve` reads too, from whichever source it has them."""
    try:
        return load({"runtimes_dir": text}, os.environ)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error


directory_option = click.option(
    "--runtimes-dir",
    "config",
    metavar="DIR",
    callback=_settings,
    help="Directory of installed runtimes, as of `lambent serve`. [LAMBENT_RUNTIMES_DIR]",
)


@click.group()
def runtime() -> None:
    """The runtimes functions can use here."""


@runtime.command("list")
@json_option
@click.option(
    "--all", "shows_all", is_flag=True, help="Also those AWS makes no functions with any more."
)
@click.option("--region", default="us-east-1", help="Region of the versions' ARNs.")
@directory_option
def list_runtimes(as_json: bool, shows_all: bool, region: str, config: Config) -> None:
    """Say which runtimes can be used, with AWS's dates for them, and what the others need."""
    runtimes = find_runtimes(config.runtimes_dir, config.interpreters)
    today = datetime.now(UTC).date()
    if as_json:
        print_json([_described(each, region, today) for each in runtimes.values()])
        return
    shown = {
        name: each for name, each in runtimes.items() if shows_all or _is_of_interest(each, today)
    }
    print_table(list(_COLUMNS), _rows(shown, today))
    for each in shown.values():
        _print_versions(each, region)


def _is_of_interest(runtime: Runtime, today: date) -> bool:
    """Whether AWS still makes functions with it, or somebody gave it an interpreter here."""
    stage = CATALOGUE[runtime.identifier].stage(today)
    is_given = runtime.is_runnable and runtime.family != "provided"
    return is_given or stage in ("supported", "deprecated")


def _rows(runtimes: Mapping[str, Runtime], today: date) -> list[tuple[str, ...]]:
    return [
        (
            name,
            CATALOGUE[name].name,
            CATALOGUE[name].operating_system,
            *(_text(each) for each in _dates(name)),
            _state(runtime, today),
        )
        for name, runtime in runtimes.items()
    ]


def _dates(name: str) -> tuple[date | None, date | None, date | None]:
    descriptor = CATALOGUE[name]
    return descriptor.deprecated, descriptor.create_blocked, descriptor.update_blocked


def _text(day: date | None) -> str:
    return day.isoformat() if day is not None else "-"


def _state(runtime: Runtime, today: date) -> str:
    state = "ready" if runtime.obstacle is None else runtime.obstacle
    stage = CATALOGUE[runtime.identifier].stage(today)
    return state if stage == "supported" else f"{state} ({stage})"


def _print_versions(runtime: Runtime, region: str) -> None:
    """Where there is a choice, what PutRuntimeManagementConfig can be told."""
    if not runtime.earlier:
        return
    click.echo(f"\n{runtime.identifier}:")
    for each in (runtime, *runtime.earlier):
        click.echo(f"  v{each.number}  {each.version_arn(region)}")


def _described(runtime: Runtime, region: str, today: date) -> dict[str, object]:
    descriptor = CATALOGUE[runtime.identifier]
    return {
        "runtime": runtime.identifier,
        "name": descriptor.name,
        "operating_system": descriptor.operating_system,
        "architectures": descriptor.architectures,
        "deprecated": descriptor.deprecated and descriptor.deprecated.isoformat(),
        "create_blocked": descriptor.create_blocked and descriptor.create_blocked.isoformat(),
        "update_blocked": descriptor.update_blocked and descriptor.update_blocked.isoformat(),
        "stage": descriptor.stage(today),
        "unavailable_because": runtime.obstacle,
        "versions": [
            {
                "version": each.version_text,
                "arn": each.version_arn(region),
                "interpreter": each.interpreter and each.interpreter.version,
                "client": each.client and each.client.version,
            }
            for each in (runtime, *runtime.earlier)
            if each.is_runnable
        ],
    }


@runtime.command("install")
@click.argument("identifiers", nargs=-1, required=True, metavar="RUNTIME...")
@directory_option
def install_runtimes(identifiers: tuple[str, ...], config: Config) -> None:
    """Install runtimes, such as python3.12 or nodejs22.x.

    One that is installed already, and could be newer, becomes one more version: functions move to
    it as their runtime management says, and can go back. A running server notices by itself.
    """

    def install_one(identifier: str) -> str:
        install(identifier, config.runtimes_dir, lambda step: click.echo(f"  {step}", err=True))
        return f"{identifier} is ready"

    _for_each(identifiers, install_one)


@runtime.command("remove")
@click.argument("versions", nargs=-1, required=True, metavar="RUNTIME:vNUMBER...")
@directory_option
def remove_runtimes(versions: tuple[str, ...], config: Config) -> None:
    """Remove installed versions, such as python3.12:v1.

    Functions that are to stay at a version that is gone fail until they are given another.
    """

    def remove_one(version: str) -> str:
        named = _VERSION.fullmatch(version)
        if named is None or named[1] not in CATALOGUE:
            raise RuntimeInstallationFailed("it must be named as in python3.12:v1")
        remove(named[1], int(named[2]), config.runtimes_dir)
        return f"{version} is removed"

    _for_each(versions, remove_one)


def _for_each(names: tuple[str, ...], act: Callable[[str], str]) -> None:
    """One that fails does not keep the others; the exit status tells of it."""
    failed = False
    for name in names:
        try:
            click.echo(act(name))
        except RuntimeInstallationFailed as error:
            failed = True
            click.echo(f"Error: {name}: {error}", err=True)
    sys.exit(1 if failed else 0)
