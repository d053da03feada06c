"""Build `lambent rie` as one file that needs nothing of the machine it runs on.

    .venv/bin/python scripts/build-rie.py [--output FILE] [--python-source ARCHIVE] [--fresh]

It is a static program: Python, uvloop, httptools, msgspec and OpenSSL, and behind them in the same
file a zip archive with all Python modules. Why it is made so: docs/design.md, "One file".

Python is the distribution's, compiled already, as a static library; only those of its modules that
are not in there are compiled here, from its source package. Where there is no apt, all of Python is
compiled from an archive of python.org. What is compiled is kept in ~/.cache/lambent; after changes
to Lambent only the archive of modules is made anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.loaders import Loader

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).resolve().parent.parent
PARTS = ROOT / "scripts/single_file"
HOME_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
# What this file says is how it was made.
RECIPE = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
CACHE = HOME_CACHE / "lambent/single-file" / RECIPE
OUTPUT = ROOT / "dist/lambent-rie"
# Files that the compiler must find, and Debian's packages of them.
_LIBRARIES = {
    "libssl.a": "libssl-dev",
    "libcrypto.a": "libssl-dev",
    "libffi.a": "libffi-dev",
    "libz.a": "zlib1g-dev",
}
# What the distribution's Python was compiled with, as its headers say.
_OF_DISTRIBUTION = {"libexpat.a": "libexpat1-dev", "libbluetooth.so": "libbluetooth-dev"}
_COMPILED = ("httptools", "msgspec", "uvloop")
# Modules of the standard library that are written in C and linked in.
_MODULES = (
    "_asyncio _bisect _blake2 _contextvars _csv _ctypes _datetime _hashlib _heapq _json _md5 "
    "_opcode _pickle _posixsubprocess _queue _random _sha1 _sha256 _sha3 _sha512 _socket _ssl "
    "_statistics _struct _typing _zoneinfo array binascii cmath fcntl grp math mmap resource "
    "select syslog termios unicodedata zlib"
)
# Python 3.11's own list of modules does not have it.
_FFI = "-DHAVE_FFI_PREP_CIF_VAR -DHAVE_FFI_PREP_CLOSURE_LOC -DHAVE_FFI_CLOSURE_ALLOC"
_CTYPES = (
    "_ctypes/_ctypes.c _ctypes/callbacks.c _ctypes/callproc.c _ctypes/stgdict.c "
    f"_ctypes/cfield.c -DPy_BUILD_CORE_MODULE {_FFI} -lffi"
)
_LIBUV_UNIX = (
    "async core dl fs getaddrinfo getnameinfo linux loop-watcher loop pipe poll process "
    "procfs-exepath proctitle random-devurandom random-getrandom random-sysctl-linux signal "
    "stream tcp thread tty udp"
)
_NOT_DYNAMIC = [f"-Wl,--wrap={name}" for name in ("dlopen", "dlsym", "dlclose", "dlerror")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    program: Path  # writes the byte code
    library: Path  # the modules in Python
    headers: tuple[Path, ...]
    linked: tuple[Path | str, ...]  # what the linker is given
    sources: Path  # the tree that modules in C are compiled from
    setup: Path  # says of which files each is made


def run(command: Sequence[str | Path], cwd: Path = ROOT, **variables: str) -> None:
    """Show a command's output only when it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        print(done.stdout[-4000:], file=sys.stderr)
        raise SystemExit(f"Failed: {' '.join(map(str, command))}")


def _output(command: Sequence[str | Path], **variables: str) -> str:
    environment = os.environ | variables
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def install_packages(files: dict[str, str], *programs: str) -> None:
    """`files`: what the compiler must find, and its package; `programs`: PROGRAM=PACKAGE."""
    run([ROOT / "scripts/install-packages", "gcc=gcc", *programs])
    missing = sorted({package for file, package in files.items() if not _is_found(file)})
    if missing:
        run([ROOT / "scripts/install-packages", *(f"{each}.is-missing={each}" for each in missing)])


def _is_found(library: str) -> bool:
    """The compiler's answer is no path when it finds none."""
    return Path(_output(["gcc", f"-print-file-name={library}"]).strip()).is_absolute()


# --- the distribution's Python


def distribution_python() -> Python:
    if shutil.which("apt-cache") is None:
        raise SystemExit("There is no apt to get Python from; give --python-source.")
    name = _python_package()
    library = f"lib{name}.a"
    files = _LIBRARIES | _OF_DISTRIBUTION | {library: f"lib{name}-dev"}
    install_packages(files, f"/usr/bin/{name}={name}", "patch=patch", "dpkg-source=dpkg-dev")
    program = Path("/usr/bin", name)
    question = (
        "import sysconfig; print(*map(sysconfig.get_path, ['stdlib', 'include']), "
        "sysconfig.get_config_var('LIBPL'), sep='\\n')"
    )
    modules, headers, made = map(Path, _output([program, "-I", "-S", "-c", question]).splitlines())
    return Python(
        program=program,
        library=modules,
        headers=(headers,),
        linked=(made / library, "-lexpat"),
        sources=_distribution_source(name),
        setup=made / "Setup.stdlib",
    )


def _python_package() -> str:
    """The package that Debian's `python3` stands for: `python3.11`."""
    told = _output(["apt-cache", "depends", "python3"])
    found = re.search(r"Depends: (python3\.\d+)$", told, re.MULTILINE)
    if found is None:
        raise SystemExit("apt knows no python3 package; give --python-source.")
    return found[1]


def _distribution_source(name: str) -> Path:
    """Of the version that is installed; after an update, it is another directory."""
    installed = _output(["dpkg-query", "-W", "-f", "${Version}", f"lib{name}-dev"])
    place = CACHE / f"{name}-{installed}"
    if not place.is_dir():
        print(f"Getting the source of {name} from the distribution...", flush=True)
        unpacked = CACHE / "python.new"
        shutil.rmtree(unpacked, ignore_errors=True)
        run(["dpkg-source", "-x", _download_source(CACHE / "apt", name, installed), unpacked])
        unpacked.rename(place)
    return place


def _download_source(place: Path, name: str, installed: str) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    (place / "lists/partial").mkdir(parents=True)
    sources = place / "sources.list"
    sources.write_text("".join(_source_lines()))
    options = {
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": place / "lists",
        "Dir::Cache": place,
        "APT::Sandbox::User": "",
    }
    apt: list[str | Path] = ["apt-get", *(f"-o{name}={value}" for name, value in options.items())]
    run([*apt, "update"])
    for version in _versions(apt, name, installed):
        source = [*apt, "source", "--download-only", f"{name}={version}"]
        if subprocess.run(source, cwd=place, capture_output=True).returncode == 0:
            return next(place.glob("*.dsc"))
        # A mirror may list what it does not have (any more).
        print(f"The source of {name} {version} cannot be had; trying another one.")
    raise SystemExit(f"No source of {name} {installed} can be had from apt; give --python-source.")


def _versions(apt: list[str | Path], name: str, installed: str) -> list[str]:
    """The one that is installed, then others of the same release of Python, newest first."""
    lines = _output(["apt-cache", *apt[1:], "madison", name]).splitlines()
    found = [line.split("|")[1].strip() for line in lines if line.endswith("Sources")]
    release = installed.partition("-")[0]
    same = [version for version in found if version.partition("-")[0] == release]
    return sorted(same, key=lambda version: version != installed)


def _source_lines() -> set[str]:
    """The distribution's own places of packages, asked for sources."""
    form = "$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)"
    lines = _output(["apt-get", "indextargets", "--format", form, "Created-By: Packages"])
    found = re.findall(r"^(Debian|Ubuntu) (\S+ \S+ \S+)$", lines, re.MULTILINE)
    return {f"deb-src {_signed_by(origin)}{place}\n" for origin, place in found}


def _signed_by(origin: str) -> str:
    keys = sorted(Path("/usr/share/keyrings").glob(f"{origin.lower()}-archive-keyring.*"))
    return f"[signed-by={keys[0]}] " if keys else ""


def missing_modules(python: Python) -> dict[str, list[Path]]:
    """Those that the linker does not find in Python, and the files they are made of."""
    question = "import sys; print(*sys.builtin_module_names)"
    command = [str(python.program), "-S", "-c", question]
    built_in = _output(command, PYTHONPATH=str(python.library)).split()
    made_of = _made_of(python.setup)
    return {
        name: [python.sources / "Modules" / each for each in made_of[name] if each.endswith(".c")]
        for name in _MODULES.split()
        if name in made_of and name not in built_in
    }


def _made_of(setup: Path) -> dict[str, list[str]]:
    """The files and flags of each module of the standard library."""
    lines = [line.split() for line in setup.read_text().splitlines()]
    return {"_ctypes": _CTYPES.split()} | {words[0]: words[1:] for words in lines if words}


# --- Python, all of it compiled here


def compiled_python(archive: Path) -> Python:
    install_packages(_LIBRARIES, "make=make")
    place = CACHE / archive.name.partition(".tar")[0]
    if not place.is_dir():
        unpacked = CACHE / "python.new"
        shutil.rmtree(unpacked, ignore_errors=True)
        with tarfile.open(archive) as file:
            file.extractall(unpacked, filter="data")
        next(unpacked.iterdir()).rename(place)
        unpacked.rmdir()
    setup = place / "Modules/Setup.stdlib"
    if not (place / "python").is_file():
        print("Compiling Python, for a few minutes...", flush=True)
        _compile(place, setup)
    return Python(
        program=place / "python",
        library=place / "Lib",
        headers=(place, place / "Include"),
        linked=tuple(place.glob("libpython3*.a")),
        sources=place,
        setup=setup,
    )


def _compile(source: Path, setup: Path) -> None:
    flags = ["--quiet", "--disable-shared", "--disable-test-modules", "--without-ensurepip"]
    static = {"MODULE_BUILDTYPE": "static", "LDFLAGS": "-static", "LINKFORSHARED": " "}
    run(["./configure", *flags, "CFLAGS=-O3"], source, **static)
    made_of = _made_of(setup)
    linked = [" ".join([name, *made_of[name]]) for name in _MODULES.split() if name in made_of]
    (source / "Modules/Setup.local").write_text("\n".join(["*static*", *linked]) + "\n")
    run(["make", f"-j{os.cpu_count()}", "python"], source)


# --- the packages that are compiled


def package_sources() -> dict[str, Path]:
    """The source packages of uvloop, httptools and msgspec in the locked versions, checked and unpacked."""
    locked = [(name, *_locked(name)) for name in _COMPILED]
    places = {name: CACHE / f"{name}-{version}" for name, version, _ in locked}
    if all(place.is_dir() for place in places.values()):
        return places
    requirements = CACHE / "requirements.txt"
    lines = [f"{name}=={version} --hash={digest}\n" for name, version, digest in locked]
    requirements.write_text("".join(lines))
    # pip asks each package what it is, with the tools to build it: these need not be built as well.
    options = ["--quiet", "--no-deps", "--require-hashes", "--no-binary", ",".join(_COMPILED)]
    pip = ["-m", "pip", "--disable-pip-version-check", "download", *options]
    run([ROOT / ".cache/uv/bin/python", *pip, "-r", requirements, "--dest", CACHE])
    for place in places.values():
        unpacked = CACHE / "package.new"
        shutil.rmtree(unpacked, ignore_errors=True)
        with tarfile.open(CACHE / f"{place.name}.tar.gz") as archive:
            archive.extractall(unpacked, filter="data")
        shutil.rmtree(place, ignore_errors=True)
        (unpacked / place.name).rename(place)
    return places


def _locked(name: str) -> tuple[str, str]:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    [package] = [each for each in packages if each["name"] == name]
    return package["version"], package["sdist"]["hash"]


def compile_all(python: Python, modules: list[Path], packages: dict[str, Path]) -> list[Path]:
    """The object files, of those that were not there yet. What takes longest comes first."""
    http, loop = packages["httptools"], packages["uvloop"]
    libuv, llhttp = loop / "vendor/libuv", http / "vendor/llhttp"
    of_python = ["-DNDEBUG", "-fwrapv", *(f"-I{headers}" for headers in python.headers)]
    of_modules = [*of_python, *_core_flags(python)]
    of_http = [*of_python, f"-I{llhttp}/include", f"-I{http}/vendor/http-parser"]
    of_libuv = ["-D_GNU_SOURCE", f"-I{libuv}/include", f"-I{libuv}/src"]
    # It brings a copy of this function of CPython's, which is not exported elsewhere.
    of_loop = [*of_python, f"-I{libuv}/include", "-D_Py_RestoreSignals=uvloop_restore_signals"]
    # Most of what there is to compile. With -O2 it takes twice as long, for nothing measurable.
    of_loop.append("-O1")
    unix = [libuv / f"src/unix/{name}.c" for name in _LIBUV_UNIX.split()]
    jobs = [
        (loop / "uvloop/loop.c", of_loop),
        (packages["msgspec"] / "src/msgspec/_core.c", of_python),
        *((file, of_modules) for file in modules),
        *((file, of_http) for file in sorted((http / "httptools/parser").glob("*.c"))),
        *((file, of_http) for file in sorted((llhttp / "src").glob("*.c"))),
        (http / "vendor/http-parser/http_parser.c", []),
        *((file, of_libuv) for file in [*sorted((libuv / "src").glob("*.c")), *unix]),
    ]
    objects = python.sources / "objects"
    objects.mkdir(exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(lambda job: _object_file(objects, *job), jobs))


def _core_flags(python: Python) -> list[str]:
    """Modules of the standard library see more of Python than others do."""
    internal = [headers / "internal" for headers in python.headers]
    places = [*internal, *(each / "mimalloc" for each in internal), python.sources / "Modules"]
    return ["-DPy_BUILD_CORE_BUILTIN", *_FFI.split(), *(f"-I{place}" for place in places)]


def _object_file(objects: Path, source: Path, flags: list[str]) -> Path:
    """Kept with the version of Python that it was compiled for."""
    compiled = objects / "_".join(source.relative_to(CACHE).with_suffix(".o").parts)
    if not compiled.is_file():
        unfinished = compiled.with_suffix(".new")
        run(["gcc", "-O2", "-w", *flags, "-c", source, "-o", unfinished])
        unfinished.rename(compiled)
    return compiled


# --- the file


def link(python: Python, modules: Iterable[str], objects: list[Path]) -> Path:
    program = CACHE / "program"
    of_python = [f"-I{headers}" for headers in python.headers]
    listed = "-DMODULES(each)=" + " ".join(f"each({name})" for name in modules)
    flags = ["-O2", "-s", "-static", "-Wl,--gc-sections", *_NOT_DYNAMIC, listed]
    libraries = [*python.linked, "-lssl", "-lcrypto", "-lffi", "-lz", "-lm"]
    run(["gcc", *flags, *of_python, PARTS / "launcher.c", *objects, *libraries, "-o", program])
    return program


def archive_modules(python: Python) -> Path:
    archive, model = CACHE / "modules.zip", CACHE / "lambda.service-2.json"
    model.write_text(json.dumps(Loader().load_service_model("lambda", "service-2")))
    packages = sysconfig.get_path("purelib")
    arguments: list[str | Path] = [archive, python.library, packages, ROOT / "src/lambent", model]
    command = [python.program, "-S", PARTS / "assemble.py", *arguments]
    run(command, PYTHONPATH=str(python.library))
    return archive


def write_executable(output: Path, parts: list[Path]) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(output.name + ".new")
    unfinished.write_bytes(b"".join(part.read_bytes() for part in parts))
    unfinished.chmod(0o755)
    unfinished.rename(output)


def main() -> int:
    parser = argparse.ArgumentParser(description="Build `lambent rie` as one static executable.")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--python-source", type=Path, help="a Python-3.X.Y.tar.xz")
    parser.add_argument("--fresh", action="store_true", help="get and compile everything anew")
    options = parser.parse_args()
    if options.fresh:
        shutil.rmtree(CACHE.parent, ignore_errors=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    archive = options.python_source
    python = distribution_python() if archive is None else compiled_python(archive)
    missing = missing_modules(python)
    files = [file for made_of in missing.values() for file in made_of]
    program = link(python, missing, compile_all(python, files, package_sources()))
    write_executable(options.output, [program, archive_modules(python)])
    run([options.output, "--version"])
    print(f"{options.output}: {options.output.stat().st_size / 2**20:.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
