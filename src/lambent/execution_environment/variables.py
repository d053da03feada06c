"""The environment variables a function's process starts with.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.execution_environment.runtimes.runtime import (
    CLIENT_ROOT,
    LANGUAGE_ROOT,
    LAYERS_ROOT,
    TASK_ROOT,
    Runtime,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.function import FunctionVersion
    from lambent.telemetry.platform_events import InitializationType

# Carries the number of the descriptor that log frames are written to; the sandbox sets it.
TELEMETRY_DESCRIPTOR = "_LAMBDA_TELEMETRY_LOG_FD"

_PATH = "/usr/local/bin:/usr/bin/:/bin:/opt/bin"
_LIBRARIES = (
    f"/lib64:/usr/lib64:{CLIENT_ROOT}:{CLIENT_ROOT}/lib:{TASK_ROOT}:{TASK_ROOT}/lib:/opt/lib"
)
_LANGUAGE_LIBRARIES = f"{LANGUAGE_ROOT}/lib"


def defined_variables(
    version: FunctionVersion,
    runtime: Runtime,
    *,
    log_stream: str,
    credentials: Mapping[str, str],  # variables, too
    runtime_api: str,  # host:port, inside the environment's own network
    initialization_type: InitializationType = "on-demand",
) -> dict[str, str]:
    """The whole environment: Lambda's defaults, over them the function's own, then the reserved.

    `_X_AMZN_TRACE_ID` is not among them: it belongs to an invocation, and the client sets it.
    """
    variables = {
        **_unreserved(runtime),
        **version.environment,
        **_reserved(version, runtime),
        **credentials,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_INITIALIZATION_TYPE": initialization_type,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
    }
    return _with_language_library(variables, runtime)


def start_variables(runtime: Runtime, runtime_api: str) -> dict[str, str]:
    """What a runtime's process can be started with before there is a function for it.

    No `_HANDLER` is among them, by which the process knows.
    """
    variables = {
        **_unreserved(runtime),
        **_same_for_all(runtime),
        "AWS_LAMBDA_LOG_FORMAT": "Text",  # the usual one
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
    }
    return _with_language_library(variables, runtime)


def _with_language_library(variables: dict[str, str], runtime: Runtime) -> dict[str, str]:
    if runtime.interpreter is not None and not runtime.interpreter.is_system:
        # Pythons built by pyenv find their own library by the absolute path they were built for,
        # which no sandbox has: a function that sets its own path must not lose /var/lang/lib.
        variables["LD_LIBRARY_PATH"] = _starting_with(
            _LANGUAGE_LIBRARIES, variables["LD_LIBRARY_PATH"]
        )
    return variables


def _starting_with(first: str, paths: str) -> str:
    others = [path for path in paths.split(":") if path not in ("", first)]
    return ":".join([first, *others])


def _unreserved(runtime: Runtime) -> dict[str, str]:
    """What a function's configuration may replace."""
    variables = {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": _PATH,
        "LD_LIBRARY_PATH": _LIBRARIES,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        # Nothing listens there: segments, which are datagrams, vanish without an error.
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
    }
    if runtime.family != "provided":
        variables["PATH"] = f"{LANGUAGE_ROOT}/bin:{_PATH}"
        variables["LD_LIBRARY_PATH"] = f"{_LANGUAGE_LIBRARIES}:{_LIBRARIES}"
    return variables | _search_paths(runtime)


def _search_paths(runtime: Runtime) -> dict[str, str]:
    """Where a language looks for libraries: layers, then what the runtime brings.

    Python's and Java's search paths have layers too, and no variable says so: as on Lambda, the
    runtime itself puts them there.
    https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html#packaging-layers-paths
    """
    if runtime.family == "python":
        return {"PYTHONPATH": CLIENT_ROOT}
    if runtime.family == "nodejs":
        directories = [
            f"{LAYERS_ROOT}/nodejs/node{runtime.release}/node_modules",
            f"{LAYERS_ROOT}/nodejs/node_modules",
            f"{CLIENT_ROOT}/node_modules",
            CLIENT_ROOT,
            TASK_ROOT,
        ]
        return {"NODE_PATH": ":".join(directories)}
    if runtime.family == "ruby":
        interface = f"{runtime.release}.0"  # the version gems are built for
        return {
            "GEM_PATH": f"{TASK_ROOT}/vendor/bundle/ruby/{interface}"
            f":{LAYERS_ROOT}/ruby/gems/{interface}",
            "RUBYLIB": f"{TASK_ROOT}:{CLIENT_ROOT}/lib:{LAYERS_ROOT}/ruby/lib",
        }
    return {}


def _reserved(version: FunctionVersion, runtime: Runtime) -> dict[str, str]:
    variables = {
        **_same_for_all(runtime),
        "_HANDLER": version.handler,
        "AWS_REGION": version.region,
        "AWS_DEFAULT_REGION": version.region,
        "AWS_LAMBDA_FUNCTION_NAME": version.name,
        "AWS_LAMBDA_FUNCTION_VERSION": version.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_mib),
        "AWS_LAMBDA_LOG_GROUP_NAME": version.log_group,
        "AWS_LAMBDA_LOG_FORMAT": version.logging.log_format,
    }
    if version.logging.application_log_level is not None:
        # Runtimes leave out what is below it themselves, before it takes the way of a log line.
        variables["AWS_LAMBDA_LOG_LEVEL"] = version.logging.application_log_level
    return variables


def _same_for_all(runtime: Runtime) -> dict[str, str]:
    variables = {"LAMBDA_TASK_ROOT": TASK_ROOT, "LAMBDA_RUNTIME_DIR": CLIENT_ROOT}
    if runtime.family != "provided":
        variables["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{runtime.identifier}"
    return variables
