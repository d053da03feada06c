"""External extensions: the programs in /opt/extensions, and how each is run.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from lambent.domain.quotas import EXTENSIONS
from lambent.execution_environment.lifecycle import ExtensionEvent
from lambent.execution_environment.runtimes.entrypoint import LAYERS_ROOT
from lambent.sandbox.sandbox import Command

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lambent.execution_environment.apis.extensions_api import ExtensionsApi

_FOLDER = "extensions"
# What belongs to the runtime's process alone, as AWS documents it.
_RUNTIME_VARIABLES = frozenset(
    {
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)


class ExtensionLaunchFailed(Exception):
    """Raised when an external extension can not be started; nothing of any has run."""


def find_extensions(layers_root: Path | None) -> list[str]:
    """The names of the programs in a layers' folder, in order; blocks for a moment.

    As on AWS every file counts, executable or not: one that is not fails the init, and is seen.
    """
    if layers_root is None:
        return []
    try:
        with os.scandir(layers_root / _FOLDER) as entries:
            return sorted(
                entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)
            )
    except (FileNotFoundError, NotADirectoryError):
        return []


def find_unexecutable(layers_root: Path | None, names: list[str]) -> set[str]:
    """Those which nobody may execute; blocks for a moment.

    A link counts as what it is, not as what it leads to inside the sandbox.
    """
    if layers_root is None:
        return set()
    anyone = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH
    return {name for name in names if not (layers_root / _FOLDER / name).lstat().st_mode & anyone}


def expect_all(extensions: ExtensionsApi, names: list[str], unexecutable: set[str]) -> None:
    """Announce the programs that are about to be started. Raises ExtensionLaunchFailed."""
    for number, name in enumerate(names):
        extension = extensions.expect(name)
        if number >= EXTENSIONS:
            extension.fail(ExtensionEvent.LAUNCH_ERROR, "TooManyExtensions")
            raise ExtensionLaunchFailed("ErrTooManyExtensions")
        if name in unexecutable:
            extension.fail(ExtensionEvent.LAUNCH_ERROR, "PermissionDenied")
            raise ExtensionLaunchFailed(f"fork/exec {_path(name)}: permission denied")


def extension_command(name: str, runtime_variables: Mapping[str, str]) -> Command:
    """How an extension is run beside the runtime that is run with these variables."""
    return Command(
        argv=(_path(name),),
        environment={
            variable: value
            for variable, value in runtime_variables.items()
            if variable not in _RUNTIME_VARIABLES and not variable.startswith("_")
        },
        working_directory="/",
    )


def _path(name: str) -> str:
    return f"{LAYERS_ROOT}/{_FOLDER}/{name}"
