"""What a deployment package unpacks to: names from an archive turned into paths that are safe."""

from __future__ import annotations

import stat
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lambent.store.zip_archive import BadArchive, read_content

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambent.store.zip_archive import ArchiveEntry

# Lambda documents none of these limits. They are far above any real package, and keep a small
# archive from costing much memory, many inodes, or a path longer than the kernel takes.
MAX_NODES = 100_000
_MAX_LINKS = 10_000
_MAX_PATH_BYTES = 1024
_MAX_DEPTH = 100
_MAX_COMPONENT_BYTES = 255
_MAX_HOPS = 10  # from link to link


@dataclass(slots=True)
class PackageTree:
    """Relative paths. Directories come before what is in them; no file is below a link."""

    directories: dict[str, None] = field(default_factory=dict)
    files: dict[str, ArchiveEntry] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)  # to targets

    def _check_free(self, path: str) -> None:
        if path in self.files or path in self.links:
            raise BadArchive("two entries with the same name")

    def add_directory(self, components: Sequence[str]) -> None:
        missing = []
        for depth in range(len(components), 0, -1):
            path = "/".join(components[:depth])
            if path in self.directories:
                break
            self._check_free(path)
            missing.append(path)
        self.directories.update(dict.fromkeys(reversed(missing)))
        if len(self.directories) + len(self.files) + len(self.links) > MAX_NODES:
            raise BadArchive("too many files")

    def claim(self, components: Sequence[str]) -> str:
        """The path of a new file or link, whose parents are there."""
        self.add_directory(components[:-1])
        path = "/".join(components)
        self._check_free(path)
        if path in self.directories:
            raise BadArchive("a directory and a file with the same name")
        return path


def _is_refused(character: str) -> bool:
    # A backslash is a separator to some readers and a letter to others.
    return character == "\\" or character < " " or character == "\x7f"


def _components(name: str) -> list[str]:
    """The path's parts below the package's root; none for the root itself."""
    if name.startswith("/") or any(map(_is_refused, name)):
        raise BadArchive("a name that is no relative path")
    components = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in components or len(components) > _MAX_DEPTH or len(name.encode()) > _MAX_PATH_BYTES:
        raise BadArchive("a name that leads outside or too far")
    if any(len(part.encode()) > _MAX_COMPONENT_BYTES for part in components):
        raise BadArchive("a name that is too long")
    return components


def _target(archive: bytes, entry: ArchiveEntry) -> str:
    if not 0 < entry.content_bytes <= _MAX_PATH_BYTES:
        raise BadArchive("a link whose target is no path")
    try:
        target = b"".join(read_content(archive, entry)).decode()
    except UnicodeDecodeError:
        raise BadArchive("a link whose target is not UTF-8") from None
    if target.startswith("/") or any(map(_is_refused, target)):
        raise BadArchive("a link whose target is no relative path")
    return target


def _stays_inside(link: str, links: dict[str, str]) -> bool:
    """Whether the kernel, following `link` and the links on its way, never leaves the root.

    Reading the target's text alone is not enough: `d/..` is not here when `d` is a link.
    """
    here = link.split("/")[:-1]
    ahead = deque(links[link].split("/"))
    hops = 0
    while ahead:
        part = ahead.popleft()
        if part == "..":
            if not here:
                return False
            here.pop()
        elif part not in ("", "."):
            here.append(part)
            target = links.get("/".join(here))
            if target is not None:
                here.pop()
                ahead.extendleft(reversed(target.split("/")))
                hops += 1
        if hops > _MAX_HOPS or len(ahead) > _MAX_PATH_BYTES:
            return False
    return True


def links_stay_inside(links: dict[str, str]) -> bool:
    """Whether none of these symbolic links of one tree, by its path, leads outside."""
    return all(_stays_inside(link, links) for link in links)


def _add(tree: PackageTree, archive: bytes, entry: ArchiveEntry) -> None:
    components = _components(entry.name)
    kind = stat.S_IFMT(entry.mode)
    if entry.name.endswith("/") or kind == stat.S_IFDIR:
        if entry.content_bytes or kind not in (0, stat.S_IFDIR):
            raise BadArchive("a directory that is something else too")
        tree.add_directory(components)
    elif not components:
        raise BadArchive("a file without a name")
    elif kind in (0, stat.S_IFREG):
        tree.files[tree.claim(components)] = entry
    elif kind == stat.S_IFLNK:
        tree.links[tree.claim(components)] = _target(archive, entry)
    else:
        raise BadArchive("a device, a socket or a pipe")


def plan_tree(archive: bytes, entries: list[ArchiveEntry]) -> PackageTree:
    """The files, directories and links to make. Raises BadArchive when one of them is not safe."""
    tree = PackageTree()
    for entry in entries:
        _add(tree, archive, entry)
    if len(tree.links) > _MAX_LINKS:
        raise BadArchive("too many links")
    if not links_stay_inside(tree.links):
        raise BadArchive("a link that leads outside")
    return tree
