"""How each language's interpreter is started: the arguments Lambda's own images give it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CLIENT_ROOT = "/var/runtime"
# The mount point for our own start code, inside the client's directory.
BOOTSTRAP_DIRECTORY = "lambent"

# Where a Java runtime interface client is a jar of AWS's, this is what it starts with.
_AWS_JAVA_MAIN = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
_OWN_JAVA_MAIN = "lambent.Main"
_JAVA_HEAP_SHARE = 0.85  # of the function's memory, as Lambda's own runtimes have it


def python_arguments() -> tuple[str, ...]:
    return (f"{CLIENT_ROOT}/{BOOTSTRAP_DIRECTORY}/bootstrap.py",)


def ruby_arguments() -> tuple[str, ...]:
    return (f"{CLIENT_ROOT}/bootstrap.rb",)


def nodejs_arguments(
    version: str, memory_mib: int, variables: Mapping[str, str]
) -> tuple[str, ...]:
    """The flags of Lambda's own Node.js images; the heap follows the function's memory."""
    young_mib = memory_mib // 10
    return (
        "--expose-gc",
        "--max-http-header-size=81920",
        f"--max-semi-space-size={max(1, young_mib // 2)}",
        f"--max-old-space-size={memory_mib - young_mib}",
        *_unwanted_experiments(version, variables.get("NODE_OPTIONS", "")),
        f"{CLIENT_ROOT}/{BOOTSTRAP_DIRECTORY}/bootstrap.mjs",
    )


def _unwanted_experiments(version: str, wanted: str) -> tuple[str, ...]:
    # https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html#nodejs-experimental-features
    experiments = {
        "require-module": ((20, 19), (22, 0)),
        "detect-module": ((22, 7),),
    }
    major, minor = (int(number) for number in version.split(".")[:2])
    return tuple(
        f"--no-experimental-{name}"
        for name, since in experiments.items()
        if f"--experimental-{name}" not in wanted
        and any(major == first[0] and minor >= first[1] for first in since)
    )


def java_arguments(
    *, memory_mib: int, variables: Mapping[str, str], is_own_client: bool
) -> tuple[str, ...]:
    """The flags of Lambda's own Java images: a small heap's collector, the quick compiler only."""
    jars = f"{CLIENT_ROOT}/lib/*"
    return (
        f"-Xmx{int(memory_mib * _JAVA_HEAP_SHARE)}m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "--add-opens=java.base/java.io=ALL-UNNAMED",
        # A property: the sandbox's own path for layers where it has no root of its own.
        "-Dlambent.layers=/opt",
        "-cp",
        jars,
        _OWN_JAVA_MAIN if is_own_client else _AWS_JAVA_MAIN,
        variables.get("_HANDLER", ""),
    )
