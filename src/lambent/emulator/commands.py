"""What the function's processes are started as: the operator's command, in a safe environment.

They inherit the emulator's own variables, as a function in a container expects, but neither what
its broker is reached with nor what only this one shell or start is about.
"""

from __future__ import annotations

import logging
import os
import shutil
from typing import TYPE_CHECKING

from lambent.emulator.started_with import SECRET_PREFIX
from lambent.execution_environment.extensions import find_extensions, find_unexecutable
from lambent.execution_environment.runtimes.entrypoint import InvalidEntrypoint
from lambent.sandbox.sandbox import Command

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lambent.emulator.instances import Instances
    from lambent.emulator.settings import EmulatorSettings
    from lambent.execution_environment.prepared_sandbox import Wanted
    from lambent.execution_environment.runtime_process import Identity, Surroundings

logger = logging.getLogger(__name__)

# In the order of AWS's emulator.
_BOOTSTRAPS = ("/var/task/bootstrap", "/opt/bootstrap", "/var/runtime/bootstrap")
_OWN = frozenset({"PWD", "OLDPWD", "SHLVL", "TERM", "_", "KUBERNETES_INIT_CONTAINER"})
_INSTANCE = "_INSTANCE"


class EmulatorCommands:
    """See `runtime_process.Commands`."""

    def __init__(self, settings: EmulatorSettings, instances: Instances) -> None:
        self._settings = settings
        self._instances = instances
        self._inherited = {
            name: value
            for name, value in settings.environment.items()
            if name not in _OWN and not name.startswith(SECRET_PREFIX)
        }

    def variables(
        self, identity: Identity, wanted: Wanted, surroundings: Surroundings
    ) -> dict[str, str]:
        version = identity.version
        return {
            "AWS_LAMBDA_LOG_GROUP_NAME": version.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": identity.log_stream_name,
            "AWS_LAMBDA_INITIALIZATION_TYPE": identity.initialization_type,
            **self._inherited,
            "AWS_LAMBDA_FUNCTION_NAME": version.name,
            "AWS_LAMBDA_FUNCTION_VERSION": version.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_mib),
            # A stale one, of whatever started us, would lead the runtime elsewhere.
            "AWS_LAMBDA_RUNTIME_API": surroundings.api_address,
            "_HANDLER": version.handler,
            _INSTANCE: str(self._instances.number_of(surroundings.api_address)),
        }

    def runtime(self, wanted: Wanted, variables: Mapping[str, str]) -> Command:
        try:
            argv = self._settings.command or (find_bootstrap(),)
        except InvalidEntrypoint as error:
            logger.error("the function cannot be started: %s", error)
            raise
        return Command(
            argv=argv,
            environment=variables,
            working_directory=str(self._settings.directory),
        )

    def extension(self, name: str, variables: Mapping[str, str]) -> Command:
        return Command(
            argv=(str(extensions_of(self._settings.layers_root) / name),),
            environment={
                variable: value
                for variable, value in variables.items()
                if variable == _INSTANCE or not variable.startswith("_")
            },
            working_directory="/",
        )


def extensions_of(layers_root: Path) -> Path:
    return layers_root / "extensions"


def find_obstacle(settings: EmulatorSettings) -> str | None:
    """Why the function could not be started as things are."""
    if not settings.command:
        try:
            find_bootstrap()
        except InvalidEntrypoint as error:
            return str(error)
        return None
    program = settings.command[0]
    place = str(settings.directory / program) if os.sep in program else program
    path = settings.environment.get("PATH", os.defpath)
    return None if shutil.which(place, path=path) else f"{program} is not there, or no program"


def tell_of_unexecutable(layers_root: Path) -> None:
    """Extensions that are no programs, over which every start fails; blocks for a moment."""
    for name in sorted(find_unexecutable(layers_root, find_extensions(layers_root))):
        logger.error(
            "the extension %s cannot be started: permission denied",
            extensions_of(layers_root) / name,
        )


def find_bootstrap(places: tuple[str, ...] = _BOOTSTRAPS) -> str:
    """The first of the files a function may start with. Raises InvalidEntrypoint."""
    for place in places:
        if os.path.isfile(place):  # noqa: PTH113 - whatever else is wrong with it, it is not there
            return place
    raise InvalidEntrypoint(f"Couldn't find valid bootstrap(s): [{' '.join(places)}]")
