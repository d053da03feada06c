"""The Python and Node.js interpreters of this machine, wherever they came from.

They are looked for in the runtimes directory, on PATH, and where pyenv and uv keep theirs. Each
is started once and asked who it is: names and links lie (pyenv's are shell scripts, a virtual
environment's lead elsewhere), the interpreter itself does not.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_PROBE_SECONDS = 5.0
_PROBES_AT_ONCE = 4
_SYSTEM_PREFIX = Path("/usr")  # every sandbox has the host's, read-only
_SHIMS = "shims"

# `-I -S`: nothing of the caller's environment or installed packages takes part.
_PYTHON_PROBE = (
    "-I",
    "-S",
    "-c",
    "import json, site, sys; print(json.dumps(['%d.%d.%d' % sys.version_info[:3],"
    " sys.base_prefix, site.getsitepackages([sys.base_prefix])]))",
)
_NODE_PROBE = ("-p", "JSON.stringify([process.versions.node, process.execPath])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    executable: Path  # on the host, and no link
    prefix: Path  # the directory it was installed to; `executable` is in its `bin`
    version: str  # 3.12.1
    package_directories: tuple[Path, ...] = ()  # where the host's own third-party packages are

    @property
    def is_system(self) -> bool:
        """Whether every sandbox has it in its place already."""
        return self.prefix == _SYSTEM_PREFIX or _SYSTEM_PREFIX in self.prefix.parents


def find_interpreters(
    wanted: Iterable[tuple[str, str]], directory: Path
) -> Mapping[tuple[str, str], Interpreter]:
    """The first interpreter found for each (family, release), as ("python", "3.12").

    `directory` is the runtimes directory. Starts every candidate at once, each for 5 s at most.
    """
    candidates = {key: list(dict.fromkeys(_candidates(*key, directory))) for key in wanted}
    paths = {(family, path) for (family, _), found in candidates.items() for path in found}
    with ThreadPoolExecutor(_PROBES_AT_ONCE, thread_name_prefix="interpreter probe") as pool:
        probes = {entry: pool.submit(_probe, *entry) for entry in paths}
    answers = {entry: probe.result() for entry, probe in probes.items()}
    found: dict[tuple[str, str], Interpreter] = {}
    for (family, release), paths_in_order in candidates.items():
        for path in paths_in_order:
            interpreter = answers[family, path]
            if interpreter is not None and _is_release(interpreter.version, release):
                found[family, release] = interpreter
                break
    return found


def _candidates(family: str, release: str, directory: Path) -> Iterator[Path]:
    if family == "nodejs":
        yield from _existing([directory / f"nodejs{release}.x" / "interpreter/bin/node"])
        yield from _on_path("node")
        return
    name = f"python{release}"
    yield from _newest_first(directory / name / "interpreter", f"*{release}.*/bin/{name}")
    yield from _on_path(name)
    yield from _newest_first(_pyenv_root() / "versions", f"{release}.*/bin/{name}")
    yield from _newest_first(_uv_directory(), f"cpython-{release}.*/bin/{name}")


def _existing(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path.is_file())


def _on_path(name: str) -> Iterator[Path]:
    found = shutil.which(name)
    # A pyenv shim starts a shell and answers for whichever version is switched on; the versions
    # themselves are looked at one by one.
    if found is not None and Path(found).parent.name != _SHIMS:
        yield Path(found)


def _newest_first(directory: Path, pattern: str) -> Iterator[Path]:
    def patch(path: Path) -> int:
        version = re.search(r"\d+\.\d+\.(\d+)", path.relative_to(directory).parts[0])
        return int(version[1]) if version else 0

    return iter(sorted(directory.glob(pattern), key=patch, reverse=True))


def _pyenv_root() -> Path:
    return Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")


def _uv_directory() -> Path:
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    return Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python")


def _probe(family: str, path: Path) -> Interpreter | None:
    """What `path` says it is, or None when it does not start or says nothing sensible."""
    arguments = _NODE_PROBE if family == "nodejs" else _PYTHON_PROBE
    # The host's NODE_OPTIONS and the like would be another program's wishes.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("NODE_", "PYTHON"))}
    try:
        answer = subprocess.run(
            [path, *arguments],
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=True,
            env=environment,
            cwd="/",
        ).stdout
        described = json.loads(answer)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    match described:
        case [str(version), str(executable)]:
            return _node(version, executable)
        case [str(version), str(prefix), list(packages)]:
            return _python(version, prefix, packages)
    return None


def _node(version: str, executable: str) -> Interpreter:
    path = Path(executable).resolve()
    return Interpreter(executable=path, prefix=path.parent.parent, version=version)


def _python(version: str, prefix: str, packages: list[str]) -> Interpreter | None:
    root = Path(prefix).resolve()
    executable = root / "bin" / f"python{version.rpartition('.')[0]}"
    if not executable.is_file():
        return None
    return Interpreter(
        executable=executable,
        prefix=root,
        version=version,
        package_directories=tuple(path for path in map(Path, packages) if path.is_dir()),
    )


def _is_release(version: str, release: str) -> bool:
    return version.startswith(release + ".")
