"""`lambent invoke` and `lambent logs`: clients of the public API, as any other program is."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lambent.cli.output import json_option, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLLOW_EVERY_SECONDS = 0.5

endpoint_option = click.option(
    "--endpoint-url",
    envvar="LAMBENT_ENDPOINT",
    default="http://127.0.0.1:9000",
    show_default=True,
    help="The server to talk to. [LAMBENT_ENDPOINT]",
)
region_option = click.option(
    "--region", envvar="AWS_REGION", default="us-east-1", show_default=True, help="Region."
)


def _default_account() -> str | None:
    key = os.environ.get("AWS_ACCESS_KEY_ID", "")
    return key if re.fullmatch(r"[0-9]{12}", key, re.ASCII) else None


account_option = click.option(
    "--account",
    metavar="DIGITS",
    default=_default_account,
    help="Account of the function: 12 digits. [AWS_ACCESS_KEY_ID, if it is an account's number; "
    "default: the server's]",
)


def _client(service: str, endpoint_url: str, region: str, account: str | None) -> Any:
    # Here and below: it takes as long to load as all the rest of `lambent`.
    import botocore.config
    import botocore.session

    session = botocore.session.Session()
    try:
        return session.create_client(
            service,
            region_name=region,
            endpoint_url=endpoint_url,
            # The server takes any credentials; a real account's have no business with it.
            aws_access_key_id=account or "lambent",
            aws_secret_access_key="lambent",
            # The longest a function may run, and no second invocation behind the caller's back.
            config=botocore.config.Config(read_timeout=910, retries={"total_max_attempts": 1}),
        )
    except ValueError as error:
        raise NotRun(f"{error}. An endpoint looks like http://127.0.0.1:9000") from error


class NotRun(click.ClickException):
    """Raised when nothing was asked of a server, because the command is at fault."""

    exit_code = 2


@click.command()
@click.argument("name")
@click.option("--payload", default="{}", help="The event: JSON, @FILE, or - for standard input.")
@click.option("--qualifier", help="Version to invoke.")
@click.option("--log/--no-log", "wants_log", default=True, help="Show the end of the log.")
@json_option
@endpoint_option
@region_option
@account_option
def invoke(
    name: str,
    payload: str,
    qualifier: str | None,
    wants_log: bool,
    as_json: bool,
    endpoint_url: str,
    region: str,
    account: str | None,
) -> None:
    """Invoke function NAME and print what it returns.

    The exit status is 0 when the function succeeded, 1 when it failed, 2 when it was not run.
    """
    request: dict[str, Any] = {"FunctionName": name, "Payload": _read_payload(payload)}
    if qualifier:
        request["Qualifier"] = qualifier
    if wants_log:
        request["LogType"] = "Tail"
    answer = _call(_client("lambda", endpoint_url, region, account).invoke, **request)
    body = answer["Payload"].read()
    log = base64.b64decode(answer.get("LogResult", "")).decode("utf-8", "replace")
    error = answer.get("FunctionError")
    if as_json:
        print_json(
            {
                "payload": _as_json(body),
                "function_error": error,
                "executed_version": answer.get("ExecutedVersion"),
                "log": log.splitlines(),
            }
        )
    else:
        if log:
            click.echo(click.style(log.rstrip("\n"), dim=True), err=True)
        if error:
            click.echo(click.style(f"The function failed ({error}):", fg="red"), err=True)
        click.echo(body.decode("utf-8", "replace"))
    sys.exit(1 if error else 0)


def _read_payload(payload: str) -> bytes:
    if payload == "-":
        return sys.stdin.buffer.read()
    if payload.startswith("@"):
        try:
            return Path(payload[1:]).read_bytes()
        except OSError as error:
            raise NotRun(f"cannot read {payload[1:]}: {error.strerror}") from error
    return payload.encode()


def _as_json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


def _call(
    operation: Any, if_missing: dict[str, Any] | None = None, **parameters: object
) -> dict[str, Any]:
    """Call the API; on its refusal, or on silence, say so and exit with status 2.

    `if_missing` is the answer to take when what is asked for does not exist.
    """
    import botocore.exceptions

    try:
        answer: dict[str, Any] = operation(**parameters)
    except botocore.exceptions.ClientError as error:
        details = error.response["Error"]
        if details["Code"] == "ResourceNotFoundException" and if_missing is not None:
            return if_missing
        click.echo(f"Error: {details['Message']} ({details['Code']})", err=True)
        sys.exit(2)
    except botocore.exceptions.BotoCoreError as error:
        click.echo(
            f"Error: {error}\nIs the server running there? Start it with `lambent serve`, "
            "or name another with --endpoint-url.",
            err=True,
        )
        sys.exit(2)
    return answer


@click.command()
@click.argument("name")
@click.option("--follow", "-f", is_flag=True, help="Go on and print what comes, until Ctrl-C.")
@click.option(
    "--since",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    help="Minutes to look back.",
)
@click.option("--filter", "pattern", help="Print only events of this CloudWatch filter pattern.")
@json_option
@endpoint_option
@region_option
@account_option
def logs(
    name: str,
    follow: bool,
    since: int,
    pattern: str | None,
    as_json: bool,
    endpoint_url: str,
    region: str,
    account: str | None,
) -> None:
    """Print the log of function NAME (or of a log group whose name begins with /)."""
    client = _client("logs", endpoint_url, region, account)
    group = name if name.startswith("/") else f"/aws/lambda/{name}"
    request: dict[str, object] = {"logGroupName": group}
    if pattern:
        request["filterPattern"] = pattern
    start = int((time.time() - since * 60) * 1000)
    for event in _events(client, request, start, follow):
        _print_event(event, as_json)


def _events(
    client: Any, request: dict[str, object], start: int, follow: bool
) -> Iterator[dict[str, Any]]:
    """Events from `start` (ms since 1970) on; with `follow`, for ever, each of them once."""
    seen: set[str] = set()
    while True:
        newest = start
        found: set[str] = set()
        for event in _pages(client, request | {"startTime": start}, follow):
            if event["eventId"] not in seen and event["eventId"] not in found:
                yield event
            # A function may date events as it likes: one of tomorrow's must not hide today's.
            newest = max(newest, min(event["timestamp"], int(time.time() * 1000)))
            found.add(event["eventId"])
        if not follow:
            return
        seen = found  # all that the next look can find again
        # Events may come a little late and out of order: look again at the last seconds.
        start = max(start, newest - 10_000)
        time.sleep(_FOLLOW_EVERY_SECONDS)


def _pages(
    client: Any, request: dict[str, object], may_be_missing: bool
) -> Iterator[dict[str, Any]]:
    """The events of a log group; where it may be missing, none until something is logged."""
    if_missing: dict[str, Any] | None = {"events": []} if may_be_missing else None
    while True:
        page = _call(client.filter_log_events, if_missing, **request)
        yield from page["events"]
        if not page.get("nextToken"):
            return
        request = request | {"nextToken": page["nextToken"]}


def _print_event(event: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(event))
        return
    moment = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    click.echo(f"{click.style(stamp, dim=True)} {event['message'].rstrip()}")
