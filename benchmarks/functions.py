"""The functions that are measured, and their files."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.execution_environment.runtimes.runtime import Runtime

FULL_CPU_MIB = 1769

# With "sleep" in its event it keeps its environment busy, so that others must be started.
_PYTHON_ECHO = b"""import time

def handler(event, context):
    time.sleep(event.get("sleep", 0))
    return event
"""
_PYTHON_BOTO3 = b"""import boto3

def handler(event, context):
    return event
"""
_PYTHON_SLOW_INIT = b"""import time

time.sleep(0.2)

def handler(event, context):
    return event
"""
_NODEJS_ECHO = b"export const handler = async (event) => event;\n"
_C_ECHO = Path(__file__).with_name("echo_runtime.c")
_SHELL_ECHO = Path(__file__).with_name("echo_runtime.sh")
_STREAM = Path(__file__).with_name("stream_runtime.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    name: str
    title: str
    runtime: Runtime
    handler: str
    files: Mapping[str, bytes]  # all of them can be executed
    is_snap_start: bool = False

    def archive(self) -> bytes:
        """Its deployment package."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as writer:
            for name, content in self.files.items():
                information = zipfile.ZipInfo(name)
                information.external_attr = 0o755 << 16
                writer.writestr(information, content)
        return buffer.getvalue()

    def lay_out(self, directory: Path) -> None:
        """Put its files where any user can read them."""
        directory.chmod(0o755)
        for name, content in self.files.items():
            file = directory / name
            file.write_bytes(content)
            file.chmod(0o755)


def python_echo(runtime: Runtime, name: str = "echo") -> Function:
    return _python(runtime, name, "hello", _PYTHON_ECHO)


def python_boto3(runtime: Runtime) -> Function:
    return _python(runtime, "boto3", "importing boto3", _PYTHON_BOTO3)


def python_snap_start(runtime: Runtime) -> Function:
    title = "SnapStart of an init of 200 ms"
    function = _python(runtime, "snap-start", title, _PYTHON_SLOW_INIT)
    return replace(function, is_snap_start=True)


def _python(runtime: Runtime, name: str, title: str, source: bytes) -> Function:
    return Function(
        name=name,
        title=f"{runtime.identifier}, {title}",
        runtime=runtime,
        handler="main.handler",
        files={"main.py": source},
    )


def nodejs_echo(runtime: Runtime) -> Function:
    return Function(
        name="nodejs",
        title=f"{runtime.identifier}, hello",
        runtime=runtime,
        handler="main.handler",
        files={"main.mjs": _NODEJS_ECHO},
    )


def provided_echo(runtime: Runtime) -> Function:
    """A static binary, or a script of bash where nothing can make one; the title tells which."""
    binary = _static_binary()
    kind = "a static binary" if binary else "a script of bash (there is no C compiler here)"
    return Function(
        name="provided",
        title=f"{runtime.identifier}, {kind}",
        runtime=runtime,
        handler="none",
        files={"bootstrap": binary or _SHELL_ECHO.read_bytes()},
    )


def provided_stream(runtime: Runtime) -> Function:
    return Function(
        name="stream",
        title=f"{runtime.identifier}, a script of Python that streams",
        runtime=runtime,
        handler="none",
        files={"bootstrap": _STREAM.read_bytes()},
    )


def _static_binary() -> bytes | None:
    compiler = shutil.which("musl-gcc") or shutil.which("cc")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as directory:
        binary = Path(directory, "bootstrap")
        made = subprocess.run(
            [compiler, "-O2", "-static", "-s", "-o", binary, _C_ECHO],
            check=False,
            capture_output=True,
        )
        # A compiler without the static libraries, for example, fails.
        return binary.read_bytes() if made.returncode == 0 else None
