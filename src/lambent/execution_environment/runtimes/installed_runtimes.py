"""The runtime versions of this machine, found again whenever something is installed or removed.

One installed version is one directory, `<runtimes>/python3.12/v2`; its number is part of what
INIT_START says. It is never changed: a newer client or interpreter is another version beside it,
to which functions move as their runtime management says.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lambent.domain.runtime_catalogue import CATALOGUE, RuntimeDescriptor
from lambent.execution_environment.runtimes.interpreters import (
    Interpreter,
    Search,
    find_interpreters,
)
from lambent.execution_environment.runtimes.runtime import OWN_CODE, Client, Runtime

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from pathlib import Path

logger = logging.getLogger(__name__)

MANIFEST = "installed.json"
# Where the operator puts the jars of AWS's Java client: `<runtimes>/java21/lib`.
AWS_JARS = "lib"
_AWS_JAVA_CLIENT = "aws-lambda-java-runtime-interface-client-*.jar"
_VERSION = re.compile(r"v(\d{1,6})")
_LOOK_AGAIN_SECONDS = 2.0
_NOTHING: Mapping[str, Path] = {}

# The releases somebody has tried, or has reason to expect to work.
_RUNNABLE = {
    "python": {f"3.{minor}" for minor in range(8, 15)},
    "nodejs": {"16", "18", "20", "22", "24", "26"},
    "java": {"8", "11", "17", "21", "25"},
    "ruby": {"3.2", "3.3", "3.4", "4.0"},
}
# What brings a client of its own; the others' is in this package.
_WITH_CLIENT = ("python", "nodejs")
# Java 8 is not to be had for installing, nor is any Ruby.
_INSTALLABLE = {
    "python": _RUNNABLE["python"],
    "nodejs": _RUNNABLE["nodejs"],
    "java": _RUNNABLE["java"] - {"8"},
}
_NAME_ONE = 'To run {0} with an interpreter you choose, set interpreters = {{ "{0}" = "PATH" }}.'


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledVersion:
    """A version's directory in the runtimes directory."""

    number: int
    home: Path
    manifest: Mapping[str, str]

    @property
    def client_version(self) -> str:
        return self.manifest.get("client", "")


def installed_versions(directory: Path, identifier: str) -> list[InstalledVersion]:
    """What was installed for an identifier, newest first."""
    found = []
    for home in (directory / identifier).glob("v*"):
        number = _VERSION.fullmatch(home.name)
        manifest = _manifest(home)
        if number is not None and manifest is not None:
            found.append(InstalledVersion(number=int(number[1]), home=home, manifest=manifest))
    return sorted(found, key=lambda version: version.number, reverse=True)


def find_runtimes(directory: Path, named: Mapping[str, Path] = _NOTHING) -> dict[str, Runtime]:
    """Every runtime identifier AWS knows, and whether this machine can run it.

    `directory` is where `lambent runtime install` puts what it brings; `named` are interpreters
    the operator chose, by identifier. Starts interpreters it has not seen before to ask their
    versions, which may take a second: not for the event loop.
    """
    installed = {identifier: installed_versions(directory, identifier) for identifier in CATALOGUE}
    searches = {
        (identifier, version.number if version else 0): Search(
            family=descriptor.family,
            release=descriptor.release,
            brought=version.home / "interpreter" if version else None,
            named=named.get(identifier),
        )
        for identifier, descriptor in CATALOGUE.items()
        if _is_runnable(descriptor)
        for version in (*installed[identifier], None)
    }
    interpreters = find_interpreters(searches.values(), directory)
    found = {key: interpreters.get(search) for key, search in searches.items()}
    return {
        identifier: _runtime(
            descriptor,
            [(each, found.get((identifier, each.number))) for each in installed[identifier]],
            found.get((identifier, 0)),
            directory / identifier,
        )
        for identifier, descriptor in CATALOGUE.items()
    }


async def watch(
    runtimes: MutableMapping[str, Runtime], directory: Path, named: Mapping[str, Path] = _NOTHING
) -> None:
    """Keep `runtimes` what find_runtimes says; a look at the directory every two seconds."""
    seen = await asyncio.to_thread(_fingerprint, directory)
    while True:
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        now = await asyncio.to_thread(_fingerprint, directory)
        if now == seen:
            continue
        seen = now
        runtimes.update(await asyncio.to_thread(find_runtimes, directory, named))
        logger.info("the installed runtimes have changed: looked at them again")


def _fingerprint(directory: Path) -> tuple[tuple[str, int], ...]:
    """Changes when a version comes or goes, or a jar of AWS's does."""
    watched = [
        path
        for identifier in CATALOGUE
        for path in (directory / identifier, directory / identifier / AWS_JARS)
    ]
    times = []
    for path in watched:
        try:
            times.append((str(path), path.stat().st_mtime_ns))
        except OSError:
            continue
    return tuple(times)


def _is_runnable(descriptor: RuntimeDescriptor) -> bool:
    return descriptor.release in _RUNNABLE.get(descriptor.family, ())


def _runtime(
    descriptor: RuntimeDescriptor,
    installed: list[tuple[InstalledVersion, Interpreter | None]],
    of_host: Interpreter | None,
    home: Path,
) -> Runtime:
    runtime = Runtime(
        identifier=descriptor.identifier,
        family=descriptor.family,
        release=descriptor.release,
        operating_system=descriptor.operating_system,
    )
    if descriptor.family == "provided":
        return runtime
    if not _is_runnable(descriptor):
        reason = f"Functions for {descriptor.identifier} cannot run here: {_why_not(descriptor)}"
        return replace(runtime, reason=reason)
    versions = [
        replace(runtime, interpreter=interpreter, client=client, number=version.number)
        for version, interpreter in installed
        if interpreter is not None
        if (client := _client(descriptor, version, home)) is not None
    ]
    if not versions and of_host is not None and descriptor.family not in _WITH_CLIENT:
        client = _client(descriptor, None, home)
        versions = [replace(runtime, interpreter=of_host, client=client)]
    if versions:
        newest, *earlier = versions
        return replace(newest, earlier=tuple(earlier))
    reason, remedy = _obstacle(descriptor, of_host)
    return replace(runtime, interpreter=of_host, reason=reason, remedy=remedy)


def _client(
    descriptor: RuntimeDescriptor, version: InstalledVersion | None, home: Path
) -> Client | None:
    if descriptor.family in _WITH_CLIENT:
        if version is None or not version.client_version:
            return None
        return Client(
            directory=version.home / "client",
            empty_directory=version.home / "empty",
            version=version.client_version,
        )
    if descriptor.family == "java":
        for jar in sorted((home / AWS_JARS).glob(_AWS_JAVA_CLIENT), reverse=True):
            return Client(directory=home / AWS_JARS, version=jar.stem)
    directory = OWN_CODE / descriptor.family
    return Client(directory=directory, version=_digest(directory), is_own=True)


def _digest(directory: Path) -> str:
    """Of our own client: another release of it is another runtime version."""
    digest = hashlib.sha256()
    for file in sorted(path for path in directory.rglob("*") if path.is_file()):
        if "__pycache__" not in file.parts:
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _obstacle(descriptor: RuntimeDescriptor, of_host: Interpreter | None) -> tuple[str, str | None]:
    """Why there is no version, and the command that changes it, if one does."""
    name = descriptor.name
    is_installable = descriptor.release in _INSTALLABLE.get(descriptor.family, ())
    reason = f"{name} was not found on this machine."
    if of_host is not None:
        reason = f"The runtime interface client for {name} is not installed."
    elif not is_installable:
        reason += " " + _NAME_ONE.format(descriptor.identifier)
    command = f"lambent runtime install {descriptor.identifier}"
    return reason, command if is_installable else None


def _why_not(descriptor: RuntimeDescriptor) -> str:
    if descriptor.family in ("dotnet", "go"):
        return (
            f"Lambent brings no {descriptor.name}. Build the function as a program of its own "
            "(for .NET: self-contained or native AOT), name it bootstrap, and use provided.al2023."
        )
    return f"Lambent has no {descriptor.name}."


def _manifest(home: Path) -> dict[str, str] | None:
    try:
        manifest = json.loads((home / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(manifest, dict):
        return None
    return {str(name): value for name, value in manifest.items() if isinstance(value, str)}
