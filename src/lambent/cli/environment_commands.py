"""`lambent ps` and `lambent top`: the execution environments of a running server."""

from __future__ import annotations

import shutil
import sys
import time
import urllib.parse
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from lambent.cli.api_commands import endpoint_option
from lambent.cli.output import duration, json_option, print_json, print_table
from lambent.cli.server_requests import ask, not_lambent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Listed = dict[str, Any]  # an environment, as the server tells it

_PATH = "/_lambent/environments"
_MIB = 1024 * 1024
_HEADER = ("FUNCTION", "VERSION", "STATE", "AGE", "MEMORY", "INVOCATIONS", "KIND", "ID")
_OWNER_HEADER = ("ACCOUNT", "REGION")
_CLEAR = "\x1b[H\x1b[2J"
_LINES_ABOVE_ROWS = 3

function_option = click.option(
    "--function", metavar="NAME", help="Show the environments of this function only."
)


@click.command()
@function_option
@json_option
@endpoint_option
def ps(function: str | None, as_json: bool, endpoint_url: str) -> None:
    """Show the server's execution environments.

    MEMORY is what is in use, and what the function may use. The exit status is 2 when there is no
    server to ask.
    """
    environments = _ask(endpoint_url, function)
    if as_json:
        print_json(environments)
        return
    environments.sort(
        key=lambda each: (*_owner(each), each["function"], each["version"], each["created_ms"])
    )
    owners = _owners(environments)
    print_table(_header(owners), [_row(each, owners) for each in environments])


@click.command()
@function_option
@click.option("--once", is_flag=True, help="Look once; so it does too without a terminal.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    help="Seconds between two looks.",
)
@endpoint_option
def top(function: str | None, once: bool, interval: float, endpoint_url: str) -> None:
    """Watch the server's execution environments, the busiest first, until Ctrl-C."""
    is_watched = _is_terminal() and not once
    previous: dict[str, int] | None = None
    while True:
        environments = _ask(endpoint_url, function)
        if is_watched:
            click.echo(_CLEAR, nl=False)
        _print_busiest(environments, previous, interval, is_watched)
        if not is_watched:
            return
        previous = {each["id"]: each["invocations"] for each in environments}
        time.sleep(interval)


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _ask(endpoint_url: str, function: str | None) -> list[Listed]:
    """The environments the server at `endpoint_url` has. Raises NotRun."""
    query = f"?{urllib.parse.urlencode({'function': function})}" if function else ""
    try:
        environments: list[Listed] = ask(endpoint_url, f"{_PATH}{query}")["environments"]
    except KeyError as error:
        raise not_lambent(endpoint_url, "What answers there is something else.") from error
    return environments


def _owner(listed: Listed) -> tuple[str, str]:
    return listed["account_id"], listed["region"]


def _owners(environments: Sequence[Listed]) -> set[tuple[str, str]]:
    return set(map(_owner, environments))


def _header(owners: set[tuple[str, str]]) -> tuple[str, ...]:
    """Most servers have functions of one account in one region, which nobody has to be told."""
    return (*_OWNER_HEADER, *_HEADER) if len(owners) > 1 else _HEADER


def _row(listed: Listed, owners: set[tuple[str, str]]) -> tuple[str, ...]:
    return (
        *(_owner(listed) if len(owners) > 1 else ()),
        listed["function"],
        listed["version"],
        listed["state"],
        duration(time.time() - listed["created_ms"] / 1000),
        _memory(listed),
        str(listed["invocations"]),
        listed["kind"],
        listed["id"],
    )


def _memory(listed: Listed) -> str:
    used = listed["memory_used_bytes"]
    text = "?" if used is None else f"{used / _MIB:.0f}"
    return f"{text}/{listed['memory_limit_bytes'] // _MIB} MB"


def _print_busiest(
    environments: list[Listed],
    previous: Mapping[str, int] | None,
    seconds: float,
    is_watched: bool,
) -> None:
    """`previous` has the invocations of each environment `seconds` ago."""
    rates = {
        each["id"]: (each["invocations"] - previous.get(each["id"], 0)) / seconds
        for each in environments
        if previous is not None
    }
    environments.sort(key=lambda each: (-rates.get(each["id"], 0), -each["invocations"]))
    # The last line stays free for the cursor.
    rows = shutil.get_terminal_size().lines - _LINES_ABOVE_ROWS - 1 if is_watched else None
    owners = _owners(environments)
    click.echo(_summary(environments, rates))
    click.echo()
    print_table(
        ("PER SECOND", *_header(owners)),
        [
            (f"{rates[each['id']]:.1f}" if each["id"] in rates else "-", *_row(each, owners))
            for each in environments[:rows]
        ],
    )


def _summary(environments: Sequence[Listed], rates: Mapping[str, float]) -> str:
    states = Counter(each["state"] for each in environments)
    used = sum(each["memory_used_bytes"] or 0 for each in environments)
    parts = [f"{len(environments)} environments"]
    parts += [f"{count} {state}" for state, count in sorted(states.items())]
    parts.append(f"{used / _MIB:,.0f} MB in use")
    if rates:
        parts.append(f"{sum(rates.values()):,.1f} invocations a second")
    return ", ".join(parts)
