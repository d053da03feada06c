"""The single-file executable: what it is depends on the name it is called by.

As `lambent` it has its sub-commands, as `lambda-server` or `lambent-gateway` it is `lambent gateway`.
By any other name it is `lambent rie`, since it is mounted where AWS's images have their emulator:
all that stands behind its name then belongs to that.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lambent.cli import emulator_commands, gateway_command

if TYPE_CHECKING:
    from collections.abc import Sequence

_COPIES_ITSELF = "KUBERNETES_INIT_CONTAINER"
_SHARED_DIRECTORY = Path("/tmp")
_GATEWAY_NAMES = ("lambda-server", "lambent-gateway")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lambent", prog_name="lambent")
def commands() -> None:
    """AWS Lambda's runtime interface emulator, and a gateway to many of them, in one file.

    Called aws-lambda-rie, or anything but lambent, it is `lambent rie`; called lambda-server or
    lambent-gateway, it is `lambent gateway`.
    """


commands.add_command(emulator_commands.rie)
commands.add_command(gateway_command.gateway)


def main() -> None:
    if _COPIES_ITSELF in os.environ:
        sys.exit(copy_itself(Path(sys.executable), _SHARED_DIRECTORY))
    serves_function, arguments = command_line(Path(sys.argv[0]).name, sys.argv[1:])
    if serves_function:
        emulator_commands.serve_function(arguments)
    commands(arguments, prog_name="lambent")


def command_line(called: str, arguments: Sequence[str]) -> tuple[bool, list[str]]:
    """Whether the executable, called by this name, is the emulator at once, and what it is given.

    What is not for the emulator is for `commands`.
    """
    if called == "lambent":
        return False, list(arguments)
    if called in _GATEWAY_NAMES:
        return False, ["gateway", *arguments]
    if list(arguments) == ["--version"]:
        return False, ["--version"]
    if len(arguments) == 1 and arguments[0] in ("--help", "-h"):
        return False, ["rie", "--help"]
    return True, list(arguments)


def copy_itself(executable: Path, directory: Path) -> int:
    """Lay a copy where a volume is that a function's container mounts, too; the exit status."""
    copy = directory / executable.name
    unfinished = directory / f".{executable.name}.{os.getpid()}"
    try:
        shutil.copy(executable, unfinished)
        unfinished.replace(copy)
    except OSError as error:
        click.echo(f"Error: cannot copy {executable} to {copy}: {error}", err=True)
        return 1
    click.echo(f"Copied {executable} to {copy}", err=True)
    return 0
