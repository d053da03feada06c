"""Build `lambent rie` as one file that needs nothing of the machine it runs on.

    .venv/bin/python scripts/build-rie.py [--output FILE] [--python-source ARCHIVE] [--fresh]

It is a static program: CPython, uvloop, httptools, msgspec and OpenSSL compiled here, and behind them in the
same file a zip archive with all Python modules. Why it is made so: docs/design.md, "One file".

CPython's source is the distribution's, with its security patches, or else an archive from
python.org. What takes minutes is kept in ~/.cache/lambent; after changes to Lambent only the archive
is made anew.
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
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.loaders import Loader

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
PARTS = ROOT / "scripts/single_file"
HOME_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
# What this file says is how it was made.
RECIPE = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
CACHE = HOME_CACHE / "lambent/single-file" / RECIPE
OUTPUT = ROOT / "dist/lambent-rie"
# The libraries to link, and Debian's packages of them.
_LIBRARIES = {
    "ssl": "libssl-dev",
    "crypto": "libssl-dev",
    "ffi": "libffi-dev",
    "z": "zlib1g-dev",
}
_COMPILED = ("httptools", "msgspec", "uvloop")
# Modules of the standard library that are written in C and linked in.
_MODULES = (
    "_asyncio _bisect _blake2 _contextvars _csv _ctypes _datetime _hashlib _heapq _json _md5 "
    "_opcode _pickle _posixsubprocess _queue _random _sha1 _sha256 _sha3 _sha512 _socket _ssl "
    "_statistics _struct _typing _zoneinfo array binascii cmath fcntl grp math mmap resource "
    "select syslog termios unicodedata zlib"
)
# Python 3.11's own list of modules does not have it.
_CTYPES = (
    "_ctypes _ctypes/_ctypes.c _ctypes/callbacks.c _ctypes/callproc.c _ctypes/stgdict.c "
    "_ctypes/cfield.c -DPy_BUILD_CORE_MODULE -DHAVE_FFI_PREP_CIF_VAR "
    "-DHAVE_FFI_PREP_CLOSURE_LOC -DHAVE_FFI_CLOSURE_ALLOC -lffi"
)
_LIBUV_UNIX = (
    "async core dl fs getaddrinfo getnameinfo linux loop-watcher loop pipe poll process "
    "procfs-exepath proctitle random-devurandom random-getrandom random-sysctl-linux signal "
    "stream tcp thread tty udp"
)
_NOT_DYNAMIC = [f"-Wl,--wrap={name}" for name in ("dlopen", "dlsym", "dlclose", "dlerror")]


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


def install_packages() -> None:
    programs = ["gcc=gcc", "make=make", "patch=patch", "dpkg-source=dpkg-dev"]
    run([ROOT / "scripts/install-packages", *programs])
    missing = sorted({package for name, package in _LIBRARIES.items() if not _archive(name)})
    if missing:
        run([ROOT / "scripts/install-packages", *(f"{each}.is-missing={each}" for each in missing)])


def _archive(library: str) -> Path | None:
    """Where the compiler finds a static library; its answer is no path when it does not."""
    command = ["gcc", f"-print-file-name=lib{library}.a"]
    found = Path(subprocess.run(command, capture_output=True, text=True).stdout.strip())
    return found if found.is_absolute() else None


# --- CPython


def python_source(given: Path | None) -> Path:
    """An unpacked source tree, from the archive given or else from the distribution."""
    place = CACHE / "cpython"
    if place.is_dir():
        return place
    unpacked = CACHE / "cpython.new"
    shutil.rmtree(unpacked, ignore_errors=True)
    if given is not None:
        with tarfile.open(given) as archive:
            archive.extractall(unpacked, filter="data")
        next(unpacked.iterdir()).rename(place)
        unpacked.rmdir()
    else:
        print("Getting Python's source from the distribution...", flush=True)
        run(["dpkg-source", "-x", _download_source(CACHE / "apt"), unpacked])
        unpacked.rename(place)
    return place


def _download_source(place: Path) -> Path:
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
    name = _distribution_python()
    for version in _versions(apt, name):
        source = [*apt, "source", "--download-only", f"{name}={version}"]
        if subprocess.run(source, cwd=place, capture_output=True).returncode == 0:
            return next(place.glob("*.dsc"))
        # A mirror may list what it does not have (any more).
        print(f"The source of {name} {version} cannot be had; trying an older one.")
    raise SystemExit(f"No source of {name} can be had from apt; give --python-source.")


def _versions(apt: list[str | Path], name: str) -> list[str]:
    """Newest first."""
    command = ["apt-cache", *apt[1:], "madison", name]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split("|")[1].strip() for line in lines if line.endswith("Sources")]


def _source_lines() -> set[str]:
    """The distribution's own places of packages, asked for sources."""
    form = "$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)"
    command = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^(Debian|Ubuntu) (\S+ \S+ \S+)$", lines, re.MULTILINE)
    return {f"deb-src {_signed_by(origin)}{place}\n" for origin, place in found}


def _signed_by(origin: str) -> str:
    keys = sorted(Path("/usr/share/keyrings").glob(f"{origin.lower()}-archive-keyring.*"))
    return f"[signed-by={keys[0]}] " if keys else ""


def _distribution_python() -> str:
    """The package that Debian's `python3` stands for: `python3.11`."""
    command = ["apt-cache", "depends", "python3"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Depends: (python3\.\d+)$", text, re.MULTILINE)
    if found is None:
        raise SystemExit("apt knows no python3 package; give --python-source.")
    return found[1]


def build_python(source: Path) -> None:
    if (source / "python").is_file():
        return
    print("Compiling Python, for a few minutes...", flush=True)
    flags = ["--quiet", "--disable-shared", "--disable-test-modules", "--without-ensurepip"]
    static = {"MODULE_BUILDTYPE": "static", "LDFLAGS": "-static", "LINKFORSHARED": " "}
    run(["./configure", *flags, "CFLAGS=-O3"], source, **static)
    known = (source / "Modules/Setup.stdlib").read_text().splitlines()
    linked = [line for line in known if line.partition(" ")[0] in _MODULES.split()]
    if not any(line.startswith("_ctypes ") for line in linked):
        linked.append(_CTYPES)
    (source / "Modules/Setup.local").write_text("\n".join(["*static*", *linked]) + "\n")
    run(["make", f"-j{os.cpu_count()}", "python"], source)


# --- the packages that are compiled


def package_sources() -> dict[str, Path]:
    """The source packages of uvloop, httptools and msgspec in the locked versions, checked and unpacked."""
    found = {}
    for name in _COMPILED:
        version, digest = _locked(name)
        place = CACHE / f"{name}-{version}"
        if not place.is_dir():
            requirement = CACHE / f"{name}.txt"
            requirement.write_text(f"{name}=={version} --hash={digest}\n")
            pip: list[str | Path] = [
                ROOT / ".cache/uv/bin/python",
                "-m",
                "pip",
                "--disable-pip-version-check",
            ]
            pip += ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--require-hashes"]
            run([*pip, "-r", requirement, "--dest", CACHE])
            unpacked = CACHE / f"{name}.new"
            with tarfile.open(CACHE / f"{name}-{version}.tar.gz") as archive:
                archive.extractall(unpacked, filter="data")
            (unpacked / place.name).rename(place)
        found[name] = place
    return found


def _locked(name: str) -> tuple[str, str]:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    [package] = [each for each in packages if each["name"] == name]
    return package["version"], package["sdist"]["hash"]


def compile_packages(python: Path, sources: dict[str, Path]) -> list[Path]:
    """The object files, of those that were not there yet."""
    http, loop = sources["httptools"], sources["uvloop"]
    libuv, llhttp = loop / "vendor/libuv", http / "vendor/llhttp"
    of_python = [f"-I{python}", f"-I{python}/Include"]
    of_http = [*of_python, f"-I{llhttp}/include", f"-I{http}/vendor/http-parser"]
    of_libuv = ["-D_GNU_SOURCE", f"-I{libuv}/include", f"-I{libuv}/src"]
    # It brings a copy of this function of CPython's, which is not exported elsewhere.
    of_loop = [*of_python, f"-I{libuv}/include", "-D_Py_RestoreSignals=uvloop_restore_signals"]
    unix = [libuv / f"src/unix/{name}.c" for name in _LIBUV_UNIX.split()]
    jobs = [
        (loop / "uvloop/loop.c", of_loop),
        (sources["msgspec"] / "src/msgspec/_core.c", of_python),
        *((file, of_http) for file in sorted((http / "httptools/parser").glob("*.c"))),
        *((file, of_http) for file in sorted((llhttp / "src").glob("*.c"))),
        (http / "vendor/http-parser/http_parser.c", []),
        *((file, of_libuv) for file in [*sorted((libuv / "src").glob("*.c")), *unix]),
    ]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(lambda job: _object_file(*job), jobs))


def _object_file(source: Path, flags: list[str]) -> Path:
    compiled = source.with_suffix(".o")
    if not compiled.is_file():
        unfinished = source.with_suffix(".o.new")
        run(["gcc", "-O2", "-w", *flags, "-c", source, "-o", unfinished])
        unfinished.rename(compiled)
    return compiled


# --- the file


def link(python: Path, objects: list[Path]) -> Path:
    program = CACHE / "program"
    libraries = ["-lssl", "-lcrypto", "-lffi", "-lz", "-lm"]
    of_python = [f"-I{python}", f"-I{python}/Include"]
    sources = [PARTS / "launcher.c", *objects, *python.glob("libpython3*.a")]
    flags = ["-O2", "-s", "-static", "-Wl,--gc-sections", *_NOT_DYNAMIC]
    run(["gcc", *flags, *of_python, *sources, *libraries, "-o", program])
    return program


def archive_modules(python: Path) -> Path:
    archive, model = CACHE / "modules.zip", CACHE / "lambda.service-2.json"
    model.write_text(json.dumps(Loader().load_service_model("lambda", "service-2")))
    library, packages = python / "Lib", sysconfig.get_path("purelib")
    arguments: list[str | Path] = [archive, library, packages, ROOT / "src/lambent", model]
    run([python / "python", "-S", PARTS / "assemble.py", *arguments], PYTHONPATH=str(library))
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
    install_packages()
    python = python_source(options.python_source)
    build_python(python)
    program = link(python, compile_packages(python, package_sources()))
    write_executable(options.output, [program, archive_modules(python)])
    run([options.output, "--version"])
    print(f"{options.output}: {options.output.stat().st_size / 2**20:.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
