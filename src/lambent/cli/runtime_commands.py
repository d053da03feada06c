"""`lambent runtime list` and `lambent runtime install`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lambent.cli.output import json_option, print_json, print_table
from lambent.execution_environment.runtime_installation import RuntimeInstallationFailed, install
from lambent.execution_environment.runtimes import find_runtimes
from lambent.server.config import data_home

directory_option = click.option(
    "--runtimes-dir",
    "directory",
    envvar="LAMBENT_RUNTIMES_DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: data_home() / "runtimes",
    callback=lambda _context, _option, path: path.expanduser().absolute(),  # as `serve` reads it
    help="Directory of installed runtimes. [LAMBENT_RUNTIMES_DIR]",
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
