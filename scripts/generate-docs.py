"""Write the reference pages that follow from the code: settings, commands, operations, limits.

    .venv/bin/python scripts/generate-docs.py [--check]

With --check nothing is written; the exit status is 1 when a page is not what the code says.
A page must come out the same on every machine, so what depends on one is put in general words.
"""

from __future__ import annotations

import ast
import inspect
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import click

from lambent.cli.main import main as command_line
from lambent.control_plane.not_available import NOT_AVAILABLE
from lambent.control_plane.operations import OPERATIONS as CONTROL_PLANE_OPERATIONS
from lambent.control_plane.stored_only import STORED_ONLY
from lambent.domain import quotas
from lambent.invocation.invoke import OPERATIONS as INVOCATION_OPERATIONS
from lambent.server.settings import SETTINGS
from lambent.telemetry.logs_api import OPERATIONS as LOGS_OPERATIONS
from lambent.telemetry.metrics.cloudwatch_api import OPERATIONS as CLOUDWATCH_OPERATIONS
from lambent.telemetry.subscriptions.operations import OPERATIONS as SUBSCRIPTION_OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lambent.server.setting import Setting

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- Written by scripts/generate-docs.py from the code; change it there. -->\n"

_LAMBDA_API = "https://docs.aws.amazon.com/lambda/latest/api/API_"
_LOGS_API = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_"
_CLOUDWATCH_API = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_"
# Defaults that depend on the machine, in words.
_DEFAULTS = {
    "host": "`127.0.0.1,::1`, or the first of them where IPv6 is turned off",
    "memory_mib": "80 % of the machine's, or of what the server's control group allows",
}
_MIB = quotas.MIB
_LAMBDA_OPERATIONS = CONTROL_PLANE_OPERATIONS.keys() | INVOCATION_OPERATIONS.keys()

# What each quota is, by its name in domain/quotas.py. A new one needs a line here.
_LIMITS = {
    "REQUEST_PAYLOAD_BYTES": "Payload of an invocation",
    "RESPONSE_PAYLOAD_BYTES": "What a function returns",
    "STREAMED_RESPONSE_BYTES": "What a function streams; the setting `stream_limit_mib` changes it",
    "UNCAPPED_STREAM_BYTES": "Of that, what goes out as fast as it is read; `stream_uncapped_mib` changes it",
    "STREAM_BYTES_PER_SECOND": "Of what follows, in a second; `stream_mib_per_second` changes it",
    "LOG_TAIL_BYTES": "Log answered with `LogType=Tail`",
    "CLIENT_CONTEXT_BYTES": "Client context, in base64",
    "ACCOUNT_CONCURRENCY": "Invocations of an account at one time; the setting `concurrency` changes it",
    "UNRESERVED_CONCURRENCY": "Of an account's concurrency, what can be neither reserved nor provisioned",
    "REQUESTS_PER_EXECUTION": "Invocations of a function in a second, for each execution reserved for it",
    "SCALING_ENVIRONMENTS": "Environments one function may have started in 10 seconds; the setting `scaling_rate` changes it",
    "SCALING_SECONDS": "Time in which so many environments may start",
    "TENANT_ENVIRONMENTS": "Environments of a function with tenant isolation, for each invocation that `concurrency` allows",
    "EVENT_PAYLOAD_BYTES": "Payload of an asynchronous invocation",
    "EVENT_AGE_SECONDS": "Time in which an event is tried, unless its configuration says less",
    "EVENT_RETRIES": "Retries after a function's error, unless its configuration says less",
    "RETRY_WAIT_SECONDS": "Wait before the first retry; the second waits twice as long",
    "LONGEST_BACK_OFF_SECONDS": "Longest wait of an event that cannot be run; the first is 1 second",
    "FUNCTION_NAME_CHARACTERS": "Name of a function",
    "MEMORY_DEFAULT_MIB": "Memory of a function that names none",
    "MEMORY_MAXIMUM_MIB": "Memory of a function",
    "TIMEOUT_DEFAULT_SECONDS": "Time-out of a function that names none",
    "TIMEOUT_MAXIMUM_SECONDS": "Time-out of a function",
    "EPHEMERAL_STORAGE_DEFAULT_MIB": "`/tmp` of a function that names no size",
    "EPHEMERAL_STORAGE_MAXIMUM_MIB": "`/tmp` of a function",
    "ENVIRONMENT_BYTES": "Environment variables of a function together",
    "TAGS": "Tags of one resource",
    "LISTED_ITEMS": "Items in one page of a list",
    "LISTED_EVENT_SOURCE_MAPPINGS": "Event source mappings in one page of a list",
    "LISTED_CODE_SIGNING_CONFIGS": "Code signing configurations, or functions with one, in one page of a list",
    "MIB_PER_CPU": "Memory at which a function has one processor",
    "ZIPPED_BYTES": "Deployment package, zipped: must be smaller",
    "UNZIPPED_BYTES": "Deployment package, unzipped: must be smaller; with its layers: at most",
    "LAYERS": "Layers of a function",
    "LAYER_POLICY_BYTES": "Policy of a layer version",
    "FUNCTION_POLICY_BYTES": "Policy of a function, version or alias",
    "CODE_STORAGE_BYTES": "Code of an account in one region; the setting `code_storage_mib` changes it",
    "BATCH_SIZE_MAXIMUM_FIFO": "`BatchSize` of an event source mapping of a FIFO queue",
    "BATCH_SIZE_WITHOUT_WINDOW": "`BatchSize` of one of a queue without `MaximumBatchingWindowInSeconds`",
    "EVENT_FILTERS": "Filters of an event source mapping",
    "POLLERS_MAXIMUM_DEFAULT": "`MaximumPollers` of provisioned pollers unless it is set",
    "POLLERS_MAXIMUM_KAFKA": "`MaximumPollers` of Kafka's",
    "RECORD_AGE_MINIMUM_SECONDS": "Least `MaximumRecordAgeInSeconds` that is not -1",
    "INIT_SECONDS": "Start of a runtime, before it is tried again within the first invocation",
    "LONG_INIT_SECONDS": "The same for provisioned concurrency and SnapStart; the function's time-out when that is longer",
    "RESTORE_SECONDS": "Start from a snapshot, with the hooks that run after that",
    "EXTENSIONS": "Extensions of an environment, external and internal together",
    "SHUTDOWN_SECONDS": "Shutdown of an environment with external extensions",
    "RUNTIME_SHUTDOWN_SECONDS": "The runtime's part of it, between SIGTERM and SIGKILL",
    "INTERNAL_EXTENSION_SHUTDOWN_SECONDS": "The runtime's time between SIGTERM and SIGKILL with internal extensions only",
    "INIT_CPUS": "Processors during the start of a runtime, if its memory gives it fewer",
    "FILE_DESCRIPTORS": "Open files of a process",
    "PROCESSES_AND_THREADS": "Processes and threads of an environment",
    "SUBSCRIPTION_FILTERS": "Subscription filters of one log group",
    "LOG_EVENT_BYTES": "One log event; a longer one becomes several",
    "LOG_EVENT_OVERHEAD_BYTES": "What a log event counts beside its message",
}
_UNITS = {
    "BYTES": "bytes",
    "MIB": "MiB",
    "SECONDS": "seconds",
    "CHARACTERS": "characters",
}


def pages() -> dict[Path, str]:
    """Every generated page and its text."""
    with patch.dict(os.environ):
        # Where this user keeps data is no matter of the page's.
        os.environ.pop("XDG_DATA_HOME", None)
        return {
            REFERENCE / "settings.md": _settings_page(),
            REFERENCE / "cli.md": _cli_page(),
            REFERENCE / "operations.md": _operations_page(),
            REFERENCE / "limits.md": _limits_page(),
        }


def _page(title: str, introduction: str, body: Iterable[str]) -> str:
    return "\n".join([NOTE, f"# {title}\n", f"{introduction}\n", *body]).rstrip() + "\n"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _plain(text: object) -> str:
    """`text` with this user's home directory in general words."""
    return str(text).replace(str(Path.home()), "~")


# Settings


def default_of(setting: Setting) -> str:
    default = _plain(setting.shown_default)
    return _DEFAULTS.get(setting.name) or (f"`{default}`" if default else "none")


def allowed_values(setting: Setting) -> str:
    """What a value must be, in the words of its own refusal."""
    try:
        setting.read("\0")
    except ValueError as error:
        return str(error).removeprefix("must be ")
    raise AssertionError(f"{setting.name} takes anything")


def _settings_page() -> str:
    introduction = (
        "Every setting of `lambent serve`. A value on the command line wins over a `LAMBENT_*` "
        "variable, that over the TOML file, and that over the default. A key that nobody knows is "
        "an error wherever it stands.\n\n"
        "The file is the one named with `--config` or `LAMBENT_CONFIG`; without either it is "
        "`~/.config/lambent/lambent.toml`, if that is there:\n\n"
        "```toml\nport = 9100\nidle_seconds = 60\n```"
    )
    return _page("Settings", introduction, (_setting(setting) for setting in SETTINGS))


def _setting(setting: Setting) -> str:
    rows = [
        ("command line", f"`{setting.option}`"),
        ("variable", f"`{setting.variable}`"),
        ("value", allowed_values(setting)),
        ("default", default_of(setting)),
    ]
    return f"## {setting.name}\n\n{setting.meaning}\n\n" + _table(("", ""), rows)


# Commands


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command under its whole name, such as `lambent runtime list`."""
    yield from _commands("lambent", command_line)


def _commands(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for each, inner in sorted(command.commands.items()):
            yield from _commands(f"{name} {each}", inner)


def _cli_page() -> str:
    introduction = (
        "Every command. Each also takes `--help`. `lambent invoke` and `lambent logs` are clients of "
        "the public API, as any other program is."
    )
    return _page("Commands", introduction, (_command(*each) for each in commands()))


def _command(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name, **command_line.context_settings)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    text = [f"## {name}\n", f"```text\n{usage}\n```\n", f"{_help_of(command)}\n"]
    options = [each for each in command.params if isinstance(each, click.Option)]
    if options:
        text.append(_table(("option", "meaning"), (_option(each, context) for each in options)))
    return "\n".join(text)


def _help_of(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "")


def _option(option: click.Option, context: click.Context) -> tuple[str, str]:
    setting = next(
        (each for each in SETTINGS if option.metavar and each.option in option.opts), None
    )
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    if setting is not None:
        return names, f"[{setting.name}](settings.md#{setting.name}): {setting.meaning}"
    meaning = _plain(option.help or "")
    default = option.default
    if option.show_default and isinstance(default, str | int):
        meaning += f" Default: `{default}`."
    return names, meaning


# Operations


def _operations_page() -> str:
    introduction = (
        "Every operation is found, parsed and checked by AWS's own service models, as botocore "
        "ships them. What is refused answers `NotImplementedException` with HTTP status 501, "
        "which SDKs do not try again. What is stored for a later release is checked, kept and "
        "answered as AWS does, but nothing acts on it yet; the server's log says so as well."
    )
    return _page(
        "Operations",
        introduction,
        [
            "## Lambda\n",
            _table(("operation", "state", "notes"), _lambda_operations()),
            "### Settings of functions stored for a later release\n",
            _table(("setting", "notes"), _stored_settings()),
            "## CloudWatch Logs\n",
            "Every other operation answers `NotImplementedException`.\n",
            _table(
                ("operation",),
                (
                    (_linked(name, _LOGS_API),)
                    for name in sorted(LOGS_OPERATIONS.keys() | SUBSCRIPTION_OPERATIONS.keys())
                ),
            ),
            "## CloudWatch\n",
            "For the namespace `AWS/Lambda`; all else is for the neighbour.\n",
            _table(
                ("operation",),
                ((_linked(name, _CLOUDWATCH_API),) for name in sorted(CLOUDWATCH_OPERATIONS)),
            ),
        ],
    )


def _linked(name: str, address: str) -> str:
    return f"[{name}]({address}{name}.html)"


def _lambda_operations() -> Iterator[tuple[str, str, str]]:
    for name in sorted(_LAMBDA_OPERATIONS | NOT_AVAILABLE.keys()):
        yield (_linked(name, _LAMBDA_API), *_state(name))


def _state(operation: str) -> tuple[str, str]:
    """What happens to a call of `operation`, and the reason where that is not everything."""
    if operation in NOT_AVAILABLE:
        _, _, reason = NOT_AVAILABLE[operation].partition("this release of Lambent. ")
        return "refused", reason
    if operation in STORED_ONLY:
        return "stored for a later release", STORED_ONLY[operation]
    return "enforced", ""


def _stored_settings() -> Iterator[tuple[str, str]]:
    for name, sentence in sorted(STORED_ONLY.items()):
        if name not in _LAMBDA_OPERATIONS | NOT_AVAILABLE.keys():
            yield f"`{name}`", sentence


# Limits


def limit_names() -> list[str]:
    """The quotas' names in the order of the source."""
    tree = ast.parse(Path(quotas.__file__).read_text())
    names = [
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    return [name for name in names if name != "MIB"]


def _limits_page() -> str:
    introduction = (
        "The quotas of `src/lambent/domain/quotas.py`. They are "
        "[AWS's own](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), "
        "and cannot be changed; what can is in [Settings](settings.md)."
    )
    missing = set(limit_names()) ^ set(_LIMITS)
    if missing:
        raise SystemExit(f"scripts/generate-docs.py and domain/quotas.py differ: {sorted(missing)}")
    rows = ((_LIMITS[name], _amount(name), f"`{name}`") for name in limit_names())
    return _page("Limits", introduction, [_table(("what", "limit", "name in the code"), rows)])


def _amount(name: str) -> str:
    value = getattr(quotas, name)
    unit = _UNITS.get(name.removesuffix("_PER_SECOND").rpartition("_")[2], "")
    if name == "MIB_PER_CPU":
        unit = "MiB"
    if unit == "bytes" and value % _MIB == 0:
        value, unit = value // _MIB, "MiB"
    return f"{value:,g} {unit}".strip() if value < 10**6 else f"{value:,} {unit}".strip()


def main() -> int:
    stale = [path for path, text in pages().items() if not _is_current(path, text)]
    for path in stale:
        print(path.relative_to(ROOT))
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages()[path])
    return 1 if stale and "--check" in sys.argv else 0


def _is_current(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main())
