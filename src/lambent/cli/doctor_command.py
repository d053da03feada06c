"""`lambent doctor`: what this host can and cannot enforce, and how to fix it."""

from __future__ import annotations

import dataclasses
import sys

import click

from lambent.cli.output import json_option, print_json
from lambent.sandbox import host
from lambent.sandbox.privileges import enter_namespaces

_COLORS = {"enforced": "green", "limited": "yellow", "missing": "red"}


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Say what this host can and cannot enforce, and how to fix it.

    The exit status is 1 when functions cannot be isolated here.
    """
    enter_namespaces()
    capabilities = host.probe()
    if as_json:
        print_json([dataclasses.asdict(capability) for capability in capabilities])
    else:
        for capability in capabilities:
            _print(capability)
    sys.exit(1 if any(essential.state == "missing" for essential in host.probe_essentials()) else 0)


def _print(capability: host.Capability) -> None:
    state = click.style(f"{capability.state:9}", fg=_COLORS[capability.state])
    click.echo(f"{state} {click.style(capability.name, bold=True)}: {capability.detail}")
    if capability.remedy:
        click.echo(f"          fix: {capability.remedy}")
