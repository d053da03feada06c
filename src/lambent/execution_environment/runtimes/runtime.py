"""What this machine has for each of AWS's runtime identifiers, and how it starts a function.

A runtime is an interpreter, which the host or the runtimes directory has, and a runtime interface
client for it: AWS's own, which `lambent runtime install` brings (`runtime_installation.py`), or
for Ruby and Java the one in `lambent/runtimes/<family>`, where also the code is that starts AWS's.
Each pair of the two is a runtime version (`installed_runtimes.py` finds them).

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lambent.domain.caller import partition_of
from lambent.execution_environment.runtimes.entrypoint import (
    LAYERS_ROOT,
    TASK_ROOT,
    InvalidEntrypoint,
    find_bootstrap,
)
from lambent.execution_environment.runtimes.start_commands import (
    BOOTSTRAP_DIRECTORY,
    CLIENT_ROOT,
    java_arguments,
    nodejs_arguments,
    python_arguments,
    ruby_arguments,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.runtimes.interpreters import Interpreter

__all__ = [
    "BOOTSTRAP_DIRECTORY",
    "CLIENT_ROOT",
    "LANGUAGE_ROOT",
    "LAYERS_ROOT",
    "TASK_ROOT",
    "Client",
    "InvalidEntrypoint",
    "Runtime",
    "RuntimeUnavailable",
    "runtime_for",
]

LANGUAGE_ROOT = "/var/lang"
OWN_CODE = Path(__file__).parents[2] / "runtimes"


class RuntimeUnavailable(Exception):
    """Raised when a function's runtime cannot run here; the text says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A runtime interface client."""

    directory: Path  # becomes /var/runtime; Java's becomes /var/runtime/lib
    version: str
    empty_directory: Path | None = None  # covers the host's own packages
    is_own: bool = False  # all of it is in OWN_CODE


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """One version of the runtime with one of AWS's identifiers, or why there is none."""

    identifier: str  # python3.12
    family: str  # python
    release: str  # 3.12
    operating_system: str  # what AWS runs it on
    interpreter: Interpreter | None = None
    client: Client | None = None
    number: int = 1  # counts the versions installed here
    reason: str | None = None  # why it cannot run; None when it can
    remedy: str | None = None  # the command that changes that, when there is one
    earlier: tuple[Runtime, ...] = ()  # the other versions that can run, newest first

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
        """The version INIT_START names."""
        return f"{self.family}:{self.release or 'al1'}.v{self.number}"

    def version_arn(self, region: str) -> str:
        """An ARN that changes exactly when the interpreter or the client does."""
        parts = (
            self.identifier,
            self.interpreter.version if self.interpreter else "",
            self.client.version if self.client else "",
        )
        digest = hashlib.sha256(" ".join(parts).encode()).hexdigest()
        return f"arn:{partition_of(region)}:lambda:{region}::runtime:{digest}"

    def version_arns(self, region: str) -> tuple[str, ...]:
        """Of every version that can run here, newest first."""
        runnable = [each for each in (self, *self.earlier) if each.is_runnable]
        return tuple(each.version_arn(region) for each in runnable)

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
        command = (self._executable, *self._arguments(memory_mib, variables))
        # https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper
        wrapper = variables.get("AWS_LAMBDA_EXEC_WRAPPER")
        return (wrapper, *command) if wrapper else command

    def _arguments(self, memory_mib: int, variables: Mapping[str, str]) -> tuple[str, ...]:
        assert self.interpreter is not None
        if self.family == "nodejs":
            return nodejs_arguments(self.interpreter.version, memory_mib, variables)
        if self.family == "java":
            return java_arguments(
                memory_mib=memory_mib,
                variables=variables,
                is_own_client=self.client is None or self.client.is_own,
            )
        return ruby_arguments() if self.family == "ruby" else python_arguments()

    def mounts(self) -> tuple[tuple[Path, str], ...]:
        """What the sandbox needs besides the code: (host path, path inside), in mount order."""
        if self.interpreter is None or self.client is None:
            return ()
        mounts = self._client_mounts(self.client)
        if not self.interpreter.is_system:
            mounts.append((self.interpreter.prefix, LANGUAGE_ROOT))
        if self.client.empty_directory is not None:
            # A function must not come to depend on packages somebody installed on this host.
            mounts += [
                (self.client.empty_directory, self._inside(directory))
                for directory in self.interpreter.package_directories
            ]
        libraries = self.client.directory / "node_modules"
        if self.family == "nodejs" and libraries.is_dir():
            # Lambda resolves `import` along NODE_PATH too, Node itself only along parent
            # directories, and the root is every module's last one.
            mounts.append((libraries, "/node_modules"))
        return tuple(mounts)

    def _client_mounts(self, client: Client) -> list[tuple[Path, str]]:
        own_code = OWN_CODE / self.family
        if client.is_own:
            return [(own_code, CLIENT_ROOT)]
        if self.family == "java":
            return [(own_code, CLIENT_ROOT), (client.directory, f"{CLIENT_ROOT}/lib")]
        return [
            (client.directory, CLIENT_ROOT),
            (own_code, f"{CLIENT_ROOT}/{BOOTSTRAP_DIRECTORY}"),
        ]

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


def runtime_for(runtimes: Mapping[str, Runtime], version: FunctionVersion) -> Runtime:
    """The runtime version a function version runs with: the newest, or the one it stays at.

    https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html#runtime-management-controls
    """
    newest = runtimes[version.runtime]
    arn = version.runtime_management.runtime_version_arn
    if arn is None:
        return newest
    for each in (newest, *newest.earlier):
        if each.version_arn(version.region) == arn:
            return each
    return replace(
        newest,
        reason=f"The runtime version {arn}, at which the function is to stay, is not installed "
        "here (any more). Choose another with PutRuntimeManagementConfig.",
        remedy=None,
    )
