"""Bringing runtimes to this machine, and taking them away: `lambent runtime install|remove`.

What comes is AWS's own runtime interface client and the AWS SDK that Lambda's images contain, and
the interpreter too when the machine has none. It all comes through uv and npm.

One runtime version is one directory (`installed_runtimes.py`): `installed.json`, `client` (becomes
/var/runtime), `empty`, and `interpreter` when it was brought along. It appears at once, complete,
or not at all, and never changes: what a newer Lambent installs is the next version beside it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lambent.domain.runtime_catalogue import CATALOGUE
from lambent.execution_environment.runtimes.installed_runtimes import (
    AWS_JARS,
    MANIFEST,
    InstalledVersion,
    installed_versions,
)
from lambent.execution_environment.runtimes.language_installation import (
    find_interpreter,
    install_java,
    install_node,
    install_python,
)
from lambent.execution_environment.runtimes.package_tools import Progress, RuntimeInstallationFailed
from lambent.execution_environment.runtimes.runtime_releases import INSTALLABLE, Release
from lambent.execution_environment.runtimes.start_commands import BOOTSTRAP_DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["INSTALLABLE", "RuntimeInstallationFailed", "install", "remove"]

_INSTALLERS = {"python": install_python, "nodejs": install_node, "java": install_java}
_AWS_JAVA_ARTIFACTS = (
    "com.amazonaws:aws-lambda-java-runtime-interface-client:2.10.1",
    "com.amazonaws:aws-lambda-java-core:1.4.0",
    "com.amazonaws:aws-lambda-java-serialization:1.2.0",
    "software.amazon.awssdk:utils-lite:2.34.0",
)


def install(identifier: str, directory: Path, progress: Progress) -> None:
    """Install the runtime of one of AWS's identifiers into the runtimes directory.

    Does nothing when its newest version is what would be installed. Downloads, and so may take
    minutes; `progress` is told each step in a line. Raises RuntimeInstallationFailed.
    """
    if identifier not in CATALOGUE:
        raise RuntimeInstallationFailed(
            "there is no such runtime (`lambent runtime list --all` has all of them)"
        )
    release = INSTALLABLE.get(identifier)
    if release is None:
        known = ", ".join(INSTALLABLE)
        raise RuntimeInstallationFailed(
            "there is nothing to install for it (`lambent runtime list` says what is ready). "
            f"What can be installed: {known}."
        )
    with _changing(identifier, directory):
        newest = next(iter(installed_versions(directory, identifier)), None)
        if newest is not None and _is_current(newest, release):
            progress(f"{identifier} is installed already")
        else:
            number = 1 if newest is None else newest.number + 1
            _install(release, directory, number, progress)
            progress(f"{identifier} is installed, as version v{number}")
    if release.descriptor.family == "java":
        _explain_java(directory / identifier / AWS_JARS, progress)


def remove(identifier: str, number: int, directory: Path) -> None:
    """Remove one installed version. Raises RuntimeInstallationFailed when there is none."""
    with _changing(identifier, directory):
        for version in installed_versions(directory, identifier):
            if version.number == number:
                with tempfile.TemporaryDirectory(
                    prefix=_staging_prefix(identifier), dir=directory
                ) as staging:
                    version.home.rename(Path(staging) / version.home.name)
                return
        raise RuntimeInstallationFailed(f"no version v{number} of it is installed in {directory}")


@contextlib.contextmanager
def _changing(identifier: str, directory: Path) -> Iterator[None]:
    """One change of a runtime at a time; an error of the disk's is told as what it is."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / f".{identifier}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise RuntimeInstallationFailed(
            f"{identifier} could not be written to {directory}: {error}"
        ) from error


def _staging_prefix(identifier: str) -> str:
    return f".{identifier}.staging-"


def _is_current(newest: InstalledVersion, release: Release) -> bool:
    return (
        newest.manifest == release.manifest and find_interpreter(release, newest.home) is not None
    )


def _install(release: Release, directory: Path, number: int, progress: Progress) -> None:
    prefix = _staging_prefix(release.identifier)
    for left_over in directory.glob(f"{prefix}*"):  # of an installation that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=directory) as staging:
        home = Path(staging) / f"v{number}"
        for name in ("empty", f"client/{BOOTSTRAP_DIRECTORY}"):
            (home / name).mkdir(parents=True)
        _INSTALLERS[release.descriptor.family](release, home, progress)
        (home / MANIFEST).write_text(json.dumps(release.manifest))
        _make_readable(home)
        target = directory / release.identifier
        target.mkdir(exist_ok=True)
        target.chmod(0o755)
        home.rename(target / home.name)


def _make_readable(home: Path) -> None:
    """Let a sandbox's unprivileged user in, whatever the umask was."""
    for folder, _, files in os.walk(home):
        Path(folder).chmod(0o755)
        for path in (Path(folder, name) for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _explain_java(jars: Path, progress: Progress) -> None:
    """What AWS's own client is needed for: nothing here may bring it, for it is in no registry
    but Maven's.
    """
    jars.mkdir(exist_ok=True)
    progress("handlers may take and return streams, text, numbers, lists and maps")
    progress("for classes of your own (POJOs) and events, put AWS's own client beside it:")
    for artifact in _AWS_JAVA_ARTIFACTS:
        progress(f"  mvn dependency:copy -Dartifact={artifact} -DoutputDirectory={jars}")
