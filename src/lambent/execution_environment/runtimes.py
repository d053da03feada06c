"""AWS's runtime identifiers, and what this machine needs to run each of them.

A runtime is an interpreter, which the host or the runtimes directory has, and AWS's runtime
interface client for it, which `lambent runtime install` brings (`runtime_installation.py`). The
code that starts the client inside the sandbox is `lambent/runtimes/<family>`.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lambent.domain.caller import partition_of
from lambent.execution_environment.interpreters import Interpreter, find_interpreters

if TYPE_CHECKING:
    from collections.abc import Mapping

TASK_ROOT = "/var/task"
LAYERS_ROOT = "/opt"
CLIENT_ROOT = "/var/runtime"
LANGUAGE_ROOT = "/var/lang"
# The mount point for our own start code, inside the client's directory.
BOOTSTRAP_DIRECTORY = "lambent"
MANIFEST = "installed.json"

_OWN_CODE = Path(__file__).parent.parent / "runtimes"
_AMAZON_LINUX = "Amazon Linux"
_AMAZON_LINUX_2 = "Amazon Linux 2"
_AMAZON_LINUX_2023 = "Amazon Linux 2023"
_RUNNABLE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "python": {
        _AMAZON_LINUX_2: ("3.8", "3.9", "3.10", "3.11"),
        _AMAZON_LINUX_2023: ("3.12", "3.13", "3.14"),
    },
    "nodejs": {
        _AMAZON_LINUX_2: ("16", "18"),
        _AMAZON_LINUX_2023: ("20", "22", "24"),
    },
    "provided": {
        _AMAZON_LINUX: ("",),
        _AMAZON_LINUX_2: ("al2",),
        _AMAZON_LINUX_2023: ("al2023",),
    },
}
_LANGUAGES = {"python": "Python", "nodejs": "Node.js", "provided": "OS-only"}
# Identifiers AWS knows and nothing here runs.
_NOT_AVAILABLE = {
    "dotnet": ("core1.0", "core2.0", "core2.1", "core3.1", "6", "8", "10"),
    "go": ("1.x",),
    "java": ("8", "8.al2", "8.al2023", "11", "11.al2023", "17", "17.al2023", "21", "25"),
    "nodejs": ("", "4.3", "4.3-edge", "6.10", "8.10", "10.x", "12.x", "14.x", "26.x"),
    "python": ("2.7", "3.6", "3.7", "3.15"),
    "ruby": ("2.5", "2.7", "3.2", "3.3", "3.4", "4.0"),
}


class RuntimeUnavailable(Exception):
    """Raised when a function's runtime cannot run here; the text says why, and what to do."""


class InvalidEntrypoint(Exception):
    """Raised when a deployment package has nothing to start; the text is Lambda's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An installed runtime interface client."""

    directory: Path  # becomes /var/runtime
    empty_directory: Path  # covers the host's own packages
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """One of AWS's runtime identifiers, as far as this machine has it."""

    identifier: str  # python3.12
    family: str  # python
    release: str  # 3.12
    operating_system: str  # what AWS runs it on
    interpreter: Interpreter | None = None
    client: Client | None = None
    reason: str | None = None  # why it cannot run; None when it can
    remedy: str | None = None  # the command that changes that, when there is one

    @property
    def is_runnable(self) -> bool:
        return self.reason is None

    @property
    def obstacle(self) -> str | None:
        """Why it cannot run here and what to do about it, in a sentence; None when it can."""
        if self.reason is None:
            return None
        return f"{self.reason} Try: {self.remedy}" if self.remedy else self.reason

    @property
    def version_text(self) -> str:
        """The version INIT_START names: the interpreter's last number stands for AWS's counter."""
        if self.interpreter is None:
            return f"{self.family}:{self.release or 'al1'}.v1"
        number = self.interpreter.version.removeprefix(self.release).lstrip(".").split(".")[0]
        return f"{self.family}:{self.release}.v{number}"

    def version_arn(self, region: str) -> str:
        """An ARN that changes exactly when the interpreter or the client does."""
        parts = (
            self.identifier,
            self.interpreter.version if self.interpreter else platform.release(),
            self.client.version if self.client else "",
        )
        digest = hashlib.sha256(" ".join(parts).encode()).hexdigest()
        return f"arn:{partition_of(region)}:lambda:{region}::runtime:{digest}"

    def command(
        self,
        *,
        task_root: Path,
        layers_root: Path | None,
        memory_mib: int,
        variables: Mapping[str, str],
    ) -> tuple[str, ...]:
        """What to start inside the sandbox, for the code in `task_root` on the host.

        Raises RuntimeUnavailable, or InvalidEntrypoint for a package without a start file.
        """
        if self.obstacle is not None:
            raise RuntimeUnavailable(self.obstacle)
        if self.interpreter is None:
            return (find_bootstrap(task_root, layers_root),)
        bootstrap = f"{CLIENT_ROOT}/{BOOTSTRAP_DIRECTORY}/bootstrap"
        command: tuple[str, ...] = (self._executable, f"{bootstrap}.py")
        if self.family == "nodejs":
            flags = _node_flags(self.interpreter.version, memory_mib, variables)
            command = (self._executable, *flags, f"{bootstrap}.mjs")
        # https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper
        wrapper = variables.get("AWS_LAMBDA_EXEC_WRAPPER")
        return (wrapper, *command) if wrapper else command

    def mounts(self) -> tuple[tuple[Path, str], ...]:
        """What the sandbox needs besides the code: (host path, path inside), in mount order."""
        if self.interpreter is None or self.client is None:
            return ()
        mounts = [
            (self.client.directory, CLIENT_ROOT),
            (_OWN_CODE / self.family, f"{CLIENT_ROOT}/{BOOTSTRAP_DIRECTORY}"),
        ]
        if not self.interpreter.is_system:
            mounts.append((self.interpreter.prefix, LANGUAGE_ROOT))
        # A function must not come to depend on packages somebody installed on this host.
        mounts += [
            (self.client.empty_directory, self._inside(directory))
            for directory in self.interpreter.package_directories
        ]
        libraries = self.client.directory / "node_modules"
        if libraries.is_dir():
            # Lambda resolves `import` along NODE_PATH too, Node itself only along parent
            # directories, and the root is every module's last one.
            mounts.append((libraries, "/node_modules"))
        return tuple(mounts)

    @property
    def _executable(self) -> str:
        assert self.interpreter is not None
        return self._inside(self.interpreter.executable)

    def _inside(self, path: Path) -> str:
        """Where the sandbox has a file of the interpreter's."""
        assert self.interpreter is not None
        if self.interpreter.is_system:
            return str(path)
        return f"{LANGUAGE_ROOT}/{path.relative_to(self.interpreter.prefix)}"


def find_runtimes(directory: Path) -> Mapping[str, Runtime]:
    """Every runtime identifier AWS knows, and whether this machine can run it.

    `directory` is where `lambent runtime install` puts what it brings. Starts interpreters to ask
    their versions, and so takes a few hundred milliseconds: not for the event loop.
    """
    runnable = [
        (family, release, system)
        for family, systems in _RUNNABLE.items()
        for system, releases in systems.items()
        for release in releases
    ]
    wanted = [(family, release) for family, release, _ in runnable if family != "provided"]
    interpreters = find_interpreters(wanted, directory)
    runtimes = [_runtime(entry, interpreters.get(entry[:2]), directory) for entry in runnable] + [
        _not_available(family, release)
        for family, releases in _NOT_AVAILABLE.items()
        for release in releases
    ]
    return {runtime.identifier: runtime for runtime in runtimes}


def identifier_of(family: str, release: str) -> str:
    if family == "nodejs":
        return f"nodejs{release}.x"
    return f"{family}.{release}" if family == "provided" and release else f"{family}{release}"


def find_bootstrap(task_root: Path, layers_root: Path | None) -> str:
    """The path inside the sandbox of a custom runtime's start file.

    Looks at the host's copies of /var/task and /opt. Raises InvalidEntrypoint, with the text
    Lambda answers, when there is none, or the kernel will not start it.
    """
    places = [(TASK_ROOT, task_root), (LAYERS_ROOT, layers_root)]
    for inside, root in places:
        if root is None:
            continue
        file = root / "bootstrap"
        if not _is_own_file(file, root):
            continue
        path = f"{inside}/bootstrap"
        if not file.stat().st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH):
            raise InvalidEntrypoint(f"fork/exec {path}: permission denied")
        if not _is_program(file):
            raise InvalidEntrypoint(f"fork/exec {path}: exec format error")
        return path
    looked_at = " ".join(f"{inside}/bootstrap" for inside, _ in places)
    raise InvalidEntrypoint(f"Couldn't find valid bootstrap(s): [{looked_at}]")


def _is_own_file(file: Path, root: Path) -> bool:
    """Whether `file` is a regular file, and within `root` even when it is a link."""
    real = Path(os.path.realpath(file))
    return real.is_file() and real.is_relative_to(os.path.realpath(root))


def _is_program(file: Path) -> bool:
    """Whether the kernel starts it: a script that names its interpreter, or a binary."""
    with file.open("rb") as content:
        return content.read(4).startswith((b"#!", b"\x7fELF"))


def _node_flags(version: str, memory_mib: int, variables: Mapping[str, str]) -> tuple[str, ...]:
    """The flags of Lambda's own Node.js images; the heap follows the function's memory."""
    young_mib = memory_mib // 10
    flags = (
        "--expose-gc",
        "--max-http-header-size=81920",
        f"--max-semi-space-size={max(1, young_mib // 2)}",
        f"--max-old-space-size={memory_mib - young_mib}",
    )
    # https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html#nodejs-experimental-features
    experiments = {
        "require-module": ((20, 19), (22, 0)),
        "detect-module": ((22, 7),),
    }
    major, minor = (int(number) for number in version.split(".")[:2])
    wanted = variables.get("NODE_OPTIONS", "")
    return flags + tuple(
        f"--no-experimental-{name}"
        for name, since in experiments.items()
        if f"--experimental-{name}" not in wanted
        and any(major == first[0] and minor >= first[1] for first in since)
    )


def _runtime(
    entry: tuple[str, str, str], interpreter: Interpreter | None, directory: Path
) -> Runtime:
    family, release, system = entry
    identifier = identifier_of(family, release)
    reason = None
    client = None
    if family != "provided":
        client = _installed_client(directory / identifier)
        name = f"{_LANGUAGES[family]} {release}"
        if interpreter is None:
            reason = f"{name} was not found on this machine."
        elif client is None:
            reason = f"The runtime interface client for {name} is not installed."
    return Runtime(
        identifier=identifier,
        family=family,
        release=release,
        operating_system=system,
        interpreter=interpreter,
        client=client,
        reason=reason,
        remedy=f"lambent runtime install {identifier}" if reason else None,
    )


def _installed_client(home: Path) -> Client | None:
    try:
        manifest = json.loads((home / MANIFEST).read_bytes())
        version = str(manifest["client"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return Client(directory=home / "client", empty_directory=home / "empty", version=version)


def _not_available(family: str, release: str) -> Runtime:
    identifier = f"{family}{release}"
    return Runtime(
        identifier=identifier,
        family=family,
        release=release,
        operating_system=_AMAZON_LINUX_2023,
        reason=f"Functions for {identifier} cannot run here: Lambent has no such runtime yet.",
    )
