"""What functions find under /opt: the contents of their layers, merged in order.

A layer's zip is stored and unpacked as any deployment package. One layer needs no more than that; for
several there is a directory of their own, made of hard links, so that it takes no disk but for
names. Every function with the same layers in the same order has the same directory.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakValueDictionary

from lambent.domain.errors import ServiceError
from lambent.store.durable_files import (
    UNFINISHED_PREFIX,
    clear_after_reboot,
    remove_tree,
    unfinished,
)
from lambent.store.package_tree import links_stay_inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lambent.domain.function import AttachedLayer, FunctionVersion
    from lambent.store.deployment_packages import DeploymentPackages

# Another file system, a file with all the links it can have, a file system without links.
_NOT_LINKED = frozenset({errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOTSUP})


@dataclass(frozen=True, slots=True)
class _Link:
    target: str


# A directory is what is in it, a file is where to take it from.
_Node: TypeAlias = "dict[str, _Node] | Path | _Link"


def _overlay(tree: dict[str, _Node], directory: Path) -> None:
    """Puts the contents of `directory` over `tree`.

    Directories are united; everything else takes the place of what was there. Nothing is followed:
    a directory over an earlier layer's symbolic link replaces the link.
    """
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_symlink():
                tree[entry.name] = _Link(str(Path(entry.path).readlink()))
            elif entry.is_dir(follow_symlinks=False):
                below = tree.get(entry.name)
                if not isinstance(below, dict):
                    below = tree[entry.name] = {}
                _overlay(below, Path(entry.path))
            else:
                tree[entry.name] = Path(entry.path)


def _links(tree: dict[str, _Node], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, node in tree.items():
        if isinstance(node, _Link):
            yield prefix + name, node.target
        elif isinstance(node, dict):
            yield from _links(node, f"{prefix}{name}/")


def _place_file(source: Path, path: Path) -> None:
    try:
        path.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NOT_LINKED:
            raise
        shutil.copy2(source, path)  # with its times, which Python's .pyc files depend on


def _write(tree: dict[str, _Node], root: Path) -> None:
    root.mkdir()
    root.chmod(0o755)  # mkdir's own mode is subject to the umask
    for name, node in tree.items():
        if isinstance(node, dict):
            _write(node, root / name)
        elif isinstance(node, _Link):
            (root / name).symlink_to(node.target)
        else:
            _place_file(node, root / name)


def _merge(sources: Sequence[Path], path: Path) -> None:
    """Makes the directory `path`. Raises ServiceError."""
    temporary = unfinished(path)
    try:
        tree: dict[str, _Node] = {}
        for source in sources:
            _overlay(tree, source)
        # Each layer's links were looked at when it was published; together they may lead elsewhere.
        if not links_stay_inside(dict(_links(tree))):
            raise ServiceError(
                "ServiceException", "The layers together have a symbolic link that leads outside."
            )
        _write(tree, temporary)
        temporary.rename(path)
    except OSError as error:
        # The thread of a caller that was cancelled may have been faster.
        if not path.exists():
            raise ServiceError(
                "ServiceException", f"The layers could not be merged: {error.strerror}"
            ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _name(hashes: Sequence[str]) -> str:
    digests = b"".join(base64.b64decode(each, validate=True) for each in hashes)
    return hashlib.sha256(digests).hexdigest()


def _hashes(layers: Iterable[AttachedLayer]) -> tuple[str, ...]:
    return tuple(layer.code_sha256 for layer in layers)


class LayerContents:
    """Merged layers under one directory, which is this process's alone."""

    def __init__(self, root: Path, packages: DeploymentPackages) -> None:
        self._merged = root / "merged"
        self._packages = packages
        self._merging: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._ready: set[str] = set()  # names of directories
        self._merged.mkdir(mode=0o700, parents=True, exist_ok=True)
        clear_after_reboot(self._merged, root / "boot_id")
        for path in self._merged.glob(f"{UNFINISHED_PREFIX}*"):
            shutil.rmtree(path)

    async def root(self, version: FunctionVersion) -> Path | None:
        """What an environment of `version` has under /opt; None when it has no layers.

        It stays there while it counts as used: see `collect_garbage`. Raises ServiceError.
        """
        return await self.prepare(version.layers)

    async def prepare(self, layers: Sequence[AttachedLayer]) -> Path | None:
        """Makes what `root` will answer, once for all callers. Raises ServiceError."""
        hashes = _hashes(layers)
        if not hashes:
            return None
        if len(hashes) == 1:
            return await self._packages.unpack(hashes[0])
        name = _name(hashes)
        path = self._merged / name
        if name not in self._ready:
            # The others wait here and not in threads, of which there are few.
            async with self._merging.setdefault(name, asyncio.Lock()):
                await self._make(path, hashes)
            self._ready.add(name)
        return path

    async def collect_garbage(self, in_use: Iterable[Sequence[AttachedLayer]]) -> None:
        """Removes what was merged for lists of layers that are not `in_use`.

        What an execution environment has, or is about to, is in use too. Raises OSError.
        """
        kept = {_name(hashes) for hashes in map(_hashes, in_use) if len(hashes) > 1}
        for name in await asyncio.to_thread(self._find_unused, kept):
            # Who wants it meanwhile waits here, and then has it made anew.
            async with self._merging.setdefault(name, asyncio.Lock()):
                self._ready.discard(name)
                await asyncio.to_thread(remove_tree, self._merged / name)

    async def _make(self, path: Path, hashes: Sequence[str]) -> None:
        if path.name in self._ready:
            return
        sources = [await self._packages.unpack(each) for each in hashes]
        if not await asyncio.to_thread(path.exists):
            await asyncio.to_thread(_merge, sources, path)

    def _find_unused(self, kept: set[str]) -> list[str]:
        return [
            path.name
            for path in self._merged.iterdir()
            if path.name not in kept and not path.name.startswith(UNFINISHED_PREFIX)
        ]
