"""The interpreters of this machine, wherever they came from.

They are looked for where an installation brought one, on PATH, and where pyenv, uv and the
distribution keep theirs. Each is started once and asked who it is: names and links lie (pyenv's
are shell scripts, a virtual environment's lead elsewhere), the interpreter itself does not. What
it said is remembered for as long as its file stays the same.
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

from lambent.execution_environment.runtimes.interpreter_answers import (
    identity,
    read_answers,
    write_answers,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_PROBE_SECONDS = 5.0
_PROBES_AT_ONCE = 4
_SYSTEM_PREFIX = Path("/usr")  # every sandbox has the host's, read-only
_SHIMS = "shims"
_JVM_DIRECTORY = Path("/usr/lib/jvm")  # where distributions put every Java

# `-I -S`: nothing of the caller's environment or installed packages takes part.
_PYTHON_PROBE = (
    "-I",
    "-S",
    "-c",
    "import json, site, sys; print(json.dumps(['%d.%d.%d' % sys.version_info[:3],"
    " sys.base_prefix, site.getsitepackages([sys.base_prefix])]))",
)
_PROBES = {
    "python": _PYTHON_PROBE,
    "nodejs": ("-p", "JSON.stringify([process.versions.node, process.execPath])"),
    "ruby": (
        "--disable-gems",
        "-rrbconfig",
        "-e",
        "print [RUBY_VERSION, RbConfig.ruby].inspect",
    ),
    "java": ("-XshowSettings:properties", "-version"),
}
_JAVA_PROPERTY = re.compile(r"^\s+(java\.home|java\.version) = (.+)$", re.MULTILINE)
# Variables of the caller's that would be another program's wishes.
_FOREIGN_VARIABLES = ("NODE_", "PYTHON", "RUBY", "JAVA_TOOL", "JDK_JAVA", "_JAVA")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    executable: Path  # on the host, and no link
    prefix: Path  # the directory it was installed to; `executable` is in its `bin`
    version: str  # 3.12.1
    package_directories: tuple[Path, ...] = ()  # where the host's own third-party packages are

    @property
    def is_system(self) -> bool:
        """Whether every sandbox has it in its place already."""
        # Not by `parents`, which are made anew each time: stem cells ask often.
        return self.prefix.parts[: len(_SYSTEM_PREFIX.parts)] == _SYSTEM_PREFIX.parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is wanted: an interpreter of this release, from here first."""

    family: str  # python
    release: str  # 3.12
    brought: Path | None = None  # the directory an installation brought one to, if it did
    named: Path | None = None  # the operator's choice: this one, whatever its release


def find_interpreters(
    searches: Iterable[Search], answers_directory: Path | None = None
) -> Mapping[Search, Interpreter]:
    """The first interpreter found for each search.

    Starts every candidate, some at once, each for 5 s at most; not those whose answer
    `answers_directory` still has from an earlier time.
    """
    candidates = {search: list(dict.fromkeys(_candidates(search))) for search in searches}
    paths = {(search.family, path) for search, found in candidates.items() for path in found}
    interpreters = _ask_all(paths, answers_directory)
    found: dict[Search, Interpreter] = {}
    for search, paths_in_order in candidates.items():
        for path in paths_in_order:
            interpreter = interpreters.get((search.family, path))
            if interpreter is not None and _is_usable(interpreter) and _fits(interpreter, search):
                found[search] = interpreter
                break
    return found


def _ask_all(
    programs: Iterable[tuple[str, Path]], answers_directory: Path | None
) -> Mapping[tuple[str, Path], Interpreter]:
    """What each (family, path) says it is, of those that say anything sensible."""
    remembered = read_answers(answers_directory) if answers_directory else {}
    known: dict[str, str] = {}
    interpreters: dict[tuple[str, Path], Interpreter] = {}
    with ThreadPoolExecutor(_PROBES_AT_ONCE, thread_name_prefix="interpreter probe") as pool:
        asked = [(program, pool.submit(_ask, *program, remembered)) for program in programs]
    for (family, path), probe in asked:
        its_identity, answer = probe.result()
        interpreter = None if answer is None else _described(family, answer)
        if answer is None or interpreter is None:
            continue
        interpreters[family, path] = interpreter
        # A shim stays the same file when it is switched over to another version.
        if interpreter.executable.resolve() == path.resolve():
            known[its_identity] = answer
    if answers_directory and known != remembered:
        write_answers(answers_directory, known)
    return interpreters


def _candidates(search: Search) -> Iterator[Path]:
    if search.named is not None:
        yield search.named
        return
    yield from _brought(search)
    yield from _of_host(search.family, search.release)


def _brought(search: Search) -> Iterator[Path]:
    if search.brought is None:
        return
    if search.family == "python":
        name = f"python{search.release}"
        yield from _newest_first(search.brought, f"*{search.release}.*/bin/{name}")
    else:
        program = search.brought / "bin" / _program(search.family)
        yield from (program,) if program.is_file() else ()


def _of_host(family: str, release: str) -> Iterator[Path]:
    if family == "python":
        name = f"python{release}"
        yield from _on_path(name)
        yield from _newest_first(_pyenv_root() / "versions", f"{release}.*/bin/{name}")
        yield from _newest_first(_uv_directory(), f"cpython-{release}.*/bin/{name}")
        return
    if family == "ruby":
        yield from _on_path(f"ruby{release}")
    yield from _on_path(_program(family))
    if family == "java":
        yield from sorted(_JVM_DIRECTORY.glob(f"*{release}*/bin/java"))


def _program(family: str) -> str:
    return "node" if family == "nodejs" else family


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


def _ask(family: str, path: Path, remembered: Mapping[str, str]) -> tuple[str, str | None]:
    """(the program's identity, what it says now or said before, if anything)."""
    try:
        its_identity = identity(family, path)
    except OSError:
        return "", None
    return its_identity, remembered.get(its_identity) or _start(family, path)


def _start(family: str, path: Path) -> str | None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN_VARIABLES)}
    try:
        return subprocess.run(
            [path, *_PROBES[family]],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if family == "java" else subprocess.DEVNULL,
            timeout=_PROBE_SECONDS,
            check=True,
            env=environment,
            cwd="/",
        ).stdout.decode()
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def _described(family: str, answer: str) -> Interpreter | None:
    """What a program says it is, or None when it says nothing sensible."""
    if family == "java":
        return _java(answer)
    try:
        words = json.loads(answer)
    except ValueError:
        return None
    match words:
        case [str(version), str(executable)]:
            path = Path(executable).resolve()
            return Interpreter(executable=path, prefix=path.parent.parent, version=version)
        case [str(version), str(prefix), list(packages)]:
            return _python(version, prefix, packages)
    return None


def _python(version: str, prefix: str, packages: list[str]) -> Interpreter:
    root = Path(prefix).resolve()
    executable = root / "bin" / f"python{version.rpartition('.')[0]}"
    return Interpreter(
        executable=executable,
        prefix=root,
        version=version,
        package_directories=tuple(path for path in map(Path, packages) if path.is_dir()),
    )


def _java(properties: str) -> Interpreter | None:
    found = dict(_JAVA_PROPERTY.findall(properties))
    if len(found) < 2:
        return None
    root = Path(found["java.home"]).resolve()
    version = found["java.version"].removeprefix("1.")  # Java 8 says 1.8.0_392
    return Interpreter(executable=root / "bin/java", prefix=root, version=version)


def _is_usable(interpreter: Interpreter) -> bool:
    is_java = interpreter.executable.name == "java"
    return interpreter.executable.is_file() and (
        not is_java or _is_self_contained(interpreter.prefix)
    )


def _is_self_contained(root: Path) -> bool:
    """Whether a Java has its own files; Debian's has them in /etc, where no sandbox sees them."""
    files = [root / "lib/jvm.cfg", root / "conf/security/java.security"]
    return all(file.resolve().is_relative_to(root) for file in files)


def _fits(interpreter: Interpreter, search: Search) -> bool:
    if search.named is not None:
        return True
    version, release = interpreter.version, search.release
    return version == release or version.startswith(release + ".")
