"""The `lambent` command: what each sub-command is called, takes and prints."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lambent.cli import (
    api_commands,
    doctor_command,
    emulator_commands,
    environment_commands,
    gateway_command,
    queue_commands,
    runtime_commands,
)
from lambent.sandbox import signals
from lambent.sandbox.privileges import enter_namespaces
from lambent.server.config import Config, ConfigurationError, load
from lambent.server.settings import SETTINGS
from lambent.store import data_directory

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.server.addresses import Addresses
    from lambent.server.setting import Setting


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lambent")
def main() -> None:
    """AWS Lambda on machines you own.

    Start with `lambent doctor`, then `lambent serve`, and point any AWS tool at it:
    `aws --endpoint-url http://127.0.0.1:9000 lambda list-functions`.
    """


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for setting in reversed(SETTINGS):
        command = _option(setting)(command)
    return command


def _option(setting: Setting) -> Callable[..., Any]:
    return click.option(
        setting.option,
        setting.name,
        metavar=setting.name.rpartition("_")[2].upper(),
        help=f"{setting.meaning} [{setting.variable}; default: {setting.shown_default}]",
    )


@main.command()
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file with any of these settings. [LAMBENT_CONFIG]",
)
@_options
def serve(config_file: Path | None, **command_line: str | None) -> None:
    """Run the server until it is told to stop (Ctrl-C or SIGTERM; twice to stop at once)."""
    config = _load(command_line, config_file)
    _log_to_stderr(config.log_level)
    _allow_many_descriptors()
    signals.catch_ignored()
    if config.isolation == "namespaces":
        # Before any thread starts: from here on this process sees its own mounts only.
        enter_namespaces()
    sys.exit(_run_server(config))


def _load(command_line: dict[str, str | None], config_file: Path | None) -> Config:
    try:
        return load(command_line, os.environ, config_file)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error


def _log_to_stderr(level: str) -> None:
    logging.basicConfig(
        # Libraries tell of their own life, which is not the operator's business.
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("lambent").setLevel(level.upper())


def _allow_many_descriptors() -> None:
    """As many as this user may: an execution environment takes about ten of the server's."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _run_server(config: Config) -> int:
    try:
        # The server takes it for itself. Here it is for people: what follows takes two seconds to
        # load, and whoever starts a second server by mistake is told before.
        with data_directory.locked(config.data_dir):
            pass
    except (data_directory.DataDirectoryInUse, data_directory.DataDirectoryUnusable) as error:
        click.echo(f"Error: {error}", err=True)
        return 1
    return _serve_until_told(config)


def _serve_until_told(config: Config) -> int:
    import uvloop

    from lambent.server.server import KNOWN_FAILURES, serve as run

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(config, _announce))
    except KNOWN_FAILURES as error:
        click.echo(f"Error: {error}", err=True)
        return 1
    return 0


def _announce(addresses: Addresses) -> None:
    url = addresses.url
    click.echo(f"Lambent is listening on {url}", err=True)
    if addresses.secure_url is not None:
        click.echo(f"  and with TLS on {addresses.secure_url}", err=True)
    if addresses.authority is not None:
        told = "which to trust with: aws --ca-bundle, curl --cacert"
        click.echo(f"  by the authority {addresses.authority}, {told}", err=True)
    click.echo(f"  try: aws --endpoint-url {url} lambda list-functions", err=True)


main.add_command(doctor_command.doctor)
main.add_command(runtime_commands.runtime)
main.add_command(api_commands.invoke)
main.add_command(api_commands.logs)
main.add_command(environment_commands.ps)
main.add_command(environment_commands.top)
main.add_command(queue_commands.queue)
main.add_command(emulator_commands.rie)
main.add_command(gateway_command.gateway)
