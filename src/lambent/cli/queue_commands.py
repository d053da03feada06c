"""`lambent queue`: the asynchronous invocations of a running server, and what is sent about them."""

from __future__ import annotations

import json
import sys
import time
import urllib.parse
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from lambent.cli.api_commands import NotRun, endpoint_option
from lambent.cli.output import duration, json_option, print_json, print_table
from lambent.cli.server_requests import Refusal, ask, not_lambent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Item = dict[str, Any]  # an event or a delivery, as the server tells it

_PATH = "/_lambent/queue"
_PAGE = 1000
_STATES = ("waiting", "running", "failed", "delivering", "undelivered")
_HEADER = ("STATE", "FUNCTION", "AGE", "NEXT TRY", "ATTEMPTS", "ID", "WHY")
_OWNER_HEADER = ("ACCOUNT", "REGION")
_WHY_CHARACTERS = 100
_CONTENTS = ("payload", "record")
_SHOWN_CHARACTERS = 4096  # of one of these, on a terminal; JSON as we print it is ASCII

_function_option = click.option(
    "--function", metavar="NAME", help="Of this function only: its name, or its ARN."
)
_state_option = click.option(
    "--state", type=click.Choice(_STATES), metavar="STATE", help="In this state only."
)
_all_option = click.option("--all", "is_all", is_flag=True, help="Of all functions.")
_ids_argument = click.argument("ids", metavar="[ID]...", nargs=-1)


@click.group()
def queue() -> None:
    """Look at the asynchronous queue, try what failed again, or forget it.

    An event is waiting (for its time, or for a place to run), running, or failed: for good, and
    with no destination to tell. A record or a dead letter is delivering, or undelivered: it could
    not be sent. What failed and what is undelivered is kept for two weeks.
    """


@queue.command("list")
@_function_option
@_state_option
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Show so many; 0 for all of them.",
)
@click.option("--counts", is_flag=True, help="Show how many there are of each function.")
@json_option
@endpoint_option
def list_(
    function: str | None,
    state: str | None,
    limit: int,
    counts: bool,
    as_json: bool,
    endpoint_url: str,
) -> None:
    """Show what is in the queue.

    The exit status is 2 when there is no server to ask.
    """
    query = {"function": function, "state": state}
    counted, items = _list(endpoint_url, query, 1 if counts else limit)
    if as_json:
        print_json(counted if counts else items)
    elif counts:
        _print_counts(counted)
    else:
        _print_items(counted, items)


@queue.command()
@click.argument("id_", metavar="ID")
@click.option("--payload", "is_whole", is_flag=True, help="All of what it carries, however long.")
@json_option
@endpoint_option
def show(id_: str, is_whole: bool, as_json: bool, endpoint_url: str) -> None:
    """Show all there is to know of one event or delivery, with what it carries.

    ID is from `lambent queue list`, or a request's. A terminal gets the first 4 KB of a payload,
    unless --payload or --json asks for all. The exit status is 1 when nothing in the queue has it.
    """
    item = ask(endpoint_url, f"{_PATH}/{urllib.parse.quote(id_, safe='')}")
    if as_json:
        print_json(item)
        return
    rows = [(name, _in_words(name, item)) for name in item if name not in _CONTENTS]
    print_table(("WHAT", "VALUE"), rows)
    for name in _CONTENTS:
        if name in item:
            click.echo(f"\n{name}:")
            click.echo(_content(item[name], is_whole=is_whole or not _is_shown_on_terminal()))


@queue.command()
@_ids_argument
@_function_option
@_all_option
@endpoint_option
def redrive(ids: tuple[str, ...], function: str | None, is_all: bool, endpoint_url: str) -> None:
    """Run failed events again, as if they were new, and send what is undelivered.

    Say which: by ID (also that of a request), with --function, or --all. What can be done of the
    IDs is done; the exit status is 1 when some are of nothing that failed.
    """
    asked = _asked(ids, function, None, is_all)
    changed = ask(endpoint_url, f"{_PATH}/redrive", asked)
    click.echo(f"{_number(changed)} tried again.")
    _tell_refused(changed, "Not tried again")


@queue.command()
@_ids_argument
@_function_option
@_state_option
@_all_option
@click.option("--yes", is_flag=True, help="Do not ask first.")
@endpoint_option
def purge(
    ids: tuple[str, ...],
    function: str | None,
    state: str | None,
    is_all: bool,
    yes: bool,
    endpoint_url: str,
) -> None:
    """Forget events and deliveries for good: they are not run, and not sent.

    Say which: by ID (also that of a request), with --function, --state or --all. With --state, IDs
    in another state stay; what is running always does. What can be done of the IDs is done; the
    exit status is 1 when some of them stay, or are gone.
    """
    asked = _asked(ids, function, state, is_all)
    if not yes:
        _confirm(endpoint_url, asked)
    changed = ask(endpoint_url, f"{_PATH}/purge", asked)
    click.echo(f"{_number(changed)} forgotten.")
    _tell_refused(changed, "Not forgotten")


def _asked(
    ids: Sequence[str], function: str | None, state: str | None, is_all: bool
) -> dict[str, object]:
    """What is meant, in the server's words. Raises NotRun unless it is said, and once."""
    ways = [bool(ids), function is not None, is_all]
    if sum(ways) > 1:
        raise NotRun("Name IDs, or use --function or --all: not two of these.")
    if not any(ways) and state is None:
        raise NotRun("Say which: name IDs, or use --function, or --all.")
    which: dict[str, object] = {"all": True} if function is None else {"function": function}
    if ids:
        which = {"ids": list(dict.fromkeys(ids))}
    return {**which, **({"state": state} if state else {})}


def _confirm(endpoint_url: str, asked: Mapping[str, Any]) -> None:
    """Raises NotRun when nobody can be asked, and Abort when somebody says no."""
    if not _is_terminal():
        raise NotRun("This forgets events for good: use --yes, since nobody can be asked here.")
    if "ids" in asked:
        what = f"the {len(asked['ids'])} that you named"
        if "state" in asked:
            what += f", if {asked['state']},"
    else:
        query = {name: asked.get(name) for name in ("function", "state")}
        counted, _ = _list(endpoint_url, query, 1)
        what = _summary(each for each in counted if each["state"] != "running")
    click.confirm(f"Forget {what} for good?", abort=True)


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _is_shown_on_terminal() -> bool:
    return sys.stdout.isatty()


def _content(content: object, *, is_whole: bool) -> str:
    """JSON, or its beginning: megabytes would drive all else off the screen."""
    text = json.dumps(content, indent=2)
    if is_whole or len(text) <= _SHOWN_CHARACTERS:
        return text
    left = f"... ({len(text)} characters in all: --payload shows them)"
    return f"{text[:_SHOWN_CHARACTERS]}\n{left}"


def _tell_refused(changed: Mapping[str, Any], what: str) -> None:
    """Raises Refusal when some of what was named is as it was, with the reason of each."""
    if refused := changed["not_changed"]:
        reasons = "; ".join(f"{_plain(name)} ({why})" for name, why in refused.items())
        raise Refusal(f"{what}: {reasons}.")


def _number(changed: Mapping[str, int]) -> str:
    events, deliveries = changed["events"], changed["deliveries"]
    return (
        f"{events} event{'s' * (events != 1)} and "
        f"{deliveries} deliver{'y' if deliveries == 1 else 'ies'}"
    )


def _list(
    endpoint_url: str, query: Mapping[str, str | None], limit: int
) -> tuple[list[Item], list[Item]]:
    """The counts, and at most `limit` of what there is, or with 0 all of it. Raises NotRun."""
    items: list[Item] = []
    after: str | None = None
    while True:
        most = min(limit - len(items), _PAGE) if limit else _PAGE
        given = {**query, "after": after, "limit": str(most)}
        words = urllib.parse.urlencode({name: value for name, value in given.items() if value})
        answer = ask(endpoint_url, f"{_PATH}?{words}")
        try:
            counted, after = answer["counts"], answer["next"]
            items += answer["items"]
        except KeyError as error:
            raise not_lambent(endpoint_url, "What answers there is something else.") from error
        if after is None or (limit and len(items) >= limit):
            return counted, items


def _print_counts(counted: Sequence[Item]) -> None:
    owners = {(each["account_id"], each["region"]) for each in counted}
    by_function: dict[tuple[str, ...], Counter[str]] = {}
    for each in counted:
        function = (*_owner(each, owners), each["function"])
        by_function.setdefault(function, Counter())[each["state"]] += each["count"]
    owner_header = _OWNER_HEADER if len(owners) > 1 else ()
    print_table(
        (*owner_header, "FUNCTION", *(state.upper() for state in _STATES)),
        [
            (*function, *(str(counts[state]) for state in _STATES))
            for function, counts in sorted(by_function.items())
        ],
    )


def _print_items(counted: Sequence[Item], items: Sequence[Item]) -> None:
    total = sum(each["count"] for each in counted)
    shown = f", of which {len(items)} are shown; see --limit" if len(items) < total else ""
    click.echo(f"{_summary(counted)}{shown}")
    if not items:
        return
    click.echo()
    owners = {(each["account_id"], each["region"]) for each in items}
    header = (*_OWNER_HEADER, *_HEADER) if len(owners) > 1 else _HEADER
    print_table(header, [(*_owner(each, owners), *_row(each)) for each in items])


def _owner(each: Item, owners: set[tuple[str, str]]) -> tuple[str, ...]:
    """Most servers have functions of one account in one region, which nobody has to be told."""
    return (each["account_id"], each["region"]) if len(owners) > 1 else ()


def _summary(counted: Iterable[Item]) -> str:
    states = Counter[str]()
    for each in counted:
        states[each["state"]] += each["count"]
    return ", ".join(f"{states[state]} {state}" for state in _STATES if states[state]) or "nothing"


def _row(item: Item) -> tuple[str, ...]:
    return (
        item["state"],
        _function(item),
        duration(time.time() - item["since_ms"] / 1000),
        _next_try(item),
        str(item["attempts"]),
        item["id"],
        _why(item),
    )


def _function(item: Item) -> str:
    qualifier = item["qualifier"]
    return item["function"] if qualifier in (None, "$LATEST") else f"{item['function']}:{qualifier}"


def _next_try(item: Item) -> str:
    if item["state"] not in ("waiting", "delivering"):
        return "-"
    seconds = item["due_ms"] / 1000 - time.time()
    return f"in {duration(seconds)}" if seconds >= 1 else "now"


def _why(item: Item) -> str:
    """Where it goes, how it ended and what was said last, in one line."""
    error = item["error"]
    condition = item["condition"] if item["target_arn"] is None else None
    said = ": ".join(part for part in (item["target_arn"], condition, error) if part)
    text = _plain(said)
    return text if len(text) <= _WHY_CHARACTERS else f"{text[: _WHY_CHARACTERS - 3]}..."


def _in_words(name: str, item: Item) -> str:
    value = item[name]
    if name.endswith("_ms"):
        ago = time.time() - value / 1000
        return f"{duration(ago)} ago" if ago >= 0 else f"in {duration(-ago)}"
    if isinstance(value, dict):
        return json.dumps(value)
    return "-" if value is None else _plain(str(value))


def _plain(text: str) -> str:
    """What a function said may be anything, and a terminal obeys some of it."""
    return "".join(each if each.isprintable() else " " for each in text)
