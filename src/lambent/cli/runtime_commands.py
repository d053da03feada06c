"""`lambent runtime list` and `lambent runtime install`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from lambent.cli.output import json_option, print_json, print_table
from lambent.execution_environment.runtime_installation import RuntimeInstallationFailed, install
from lambent.execution_environment.runtimes import find_runtimes
from lambent.server.config import ConfigurationError, load

if TYPE_CHECKING:
    from pathlib import Path


def _directory(_context: click.Context, _option: click.Parameter, text: str | None) -> Path:
    """The directory `lambent serve` reads too, from whichever source it has it."""
    try:
        return load({"runtimes_dir": text}, os.environ).runtimes_dir
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error


directory_option = click.option(
    "--runtimes-dir",
    "directory",
    metavar="DIR",
    callback=_directory,
    help="Directory of installed runtimes, as of `lambent serve`. [LAMBENT_RUNTIMES_DIR]",
)


@click.group()
def runtime() -> None:
    """The runtimes functions can use here."""


@runtime.command("list")
@json_option
@directory_option
def list_runtimes(as_json: bool, directory: Path) -> None:
    """Say which runtimes can be used, and what the others need."""
    runtimes = find_runtimes(directory).values()
    rows = [(each.identifier, each.obstacle) for each in runtimes]
    if as_json:
        print_json([{"runtime": name, "unavailable_because": why} for name, why in rows])
        return
    print_table(
        ["RUNTIME", "STATE"],
        [(name, "ready" if why is None else why) for name, why in rows],
    )


@runtime.command("install")
@click.argument("identifiers", nargs=-1, required=True, metavar="RUNTIME...")
@directory_option
def install_runtimes(identifiers: tuple[str, ...], directory: Path) -> None:
    """Install runtimes, such as python3.12 or nodejs22.x."""
    failed = False
    for identifier in identifiers:
        try:
            install(identifier, directory, lambda step: click.echo(f"  {step}", err=True))
            click.echo(f"{identifier} is ready")
        except RuntimeInstallationFailed as error:
            failed = True
            click.echo(f"Error: {identifier}: {error}", err=True)
    sys.exit(1 if failed else 0)
