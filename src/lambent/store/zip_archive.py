"""Reads zip archives that nobody vouches for.

The format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT. Of its many freedoms only
those are taken that every reader takes alike; an archive that two readers could understand
differently is refused. Nothing is inflated before everything the archive says of itself adds up.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_END = Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\5\6"
_END64 = Struct("<4sQ2H2L4Q")
_END64_SIGNATURE = b"PK\6\6"
_LOCATOR64 = Struct("<4sLQL")
_LOCATOR64_SIGNATURE = b"PK\6\7"
_CENTRAL = Struct("<4s6H3L5H2L")
_CENTRAL_SIGNATURE = b"PK\1\2"
_LOCAL = Struct("<4s5H3L2H")
_LOCAL_SIGNATURE = b"PK\3\4"
_EXTRA = Struct("<2H")
_EXTRA64 = 1
_UINT64 = Struct("<Q")
_MAX16 = 0xFFFF
_MAX32 = 0xFFFFFFFF

_ENCRYPTED = 0x1 | 0x40 | 0x2000  # traditional, strong, and with a masked directory
_STORED = 0
_DEFLATED = 8
# 258 bytes from two bits: https://zlib.net/zlib_tech.html
_MAX_RATIO = 1032

_INPUT_BYTES = 64 * 1024
_OUTPUT_BYTES = 1024 * 1024


class BadArchive(Exception):
    """Raised when bytes are no zip archive, or one that cannot be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveEntry:
    name: str  # as in the archive: not yet a safe path
    mode: int  # st_mode of the system it was made on; 0 when that had none
    modified: tuple[int, int]  # MS-DOS date and time
    method: int
    crc: int
    compressed_bytes: int
    content_bytes: int
    start: int  # of the compressed bytes
    header_start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Directory:
    start: int
    end: int
    entries: int  # modulo 2**16 if the archive is no zip64
    shift: int  # how far the archive begins after the file: a zip may follow a program


def _unpack(layout: Struct, archive: bytes, start: int, signature: bytes) -> tuple[int, ...]:
    """The fields after the signature."""
    if start < 0 or start + layout.size > len(archive):
        raise BadArchive("truncated")
    found, *fields = layout.unpack_from(archive, start)
    if found != signature:
        raise BadArchive(f"no {signature!r} at {start}")
    return tuple(fields)


def _find_end(archive: bytes) -> int:
    """Where the end record is, whose comment must end with the archive."""
    oldest = max(0, len(archive) - _END.size - _MAX16)
    start = archive.rfind(_END_SIGNATURE, oldest)
    while start >= 0:
        if start + _END.size <= len(archive):
            comment_bytes = _END.unpack_from(archive, start)[-1]
            if start + _END.size + comment_bytes == len(archive):
                return start
        start = archive.rfind(_END_SIGNATURE, oldest, start + len(_END_SIGNATURE) - 1)
    raise BadArchive("no end record, or something follows it")


def _directory(archive: bytes) -> _Directory:
    end = _find_end(archive)
    disk, first_disk, here, entries, size, offset, _ = _unpack(_END, archive, end, _END_SIGNATURE)
    locator = end - _LOCATOR64.size
    if locator >= 0 and archive.startswith(_LOCATOR64_SIGNATURE, locator):
        end = locator - _END64.size
        _, _, _, disk, first_disk, here, entries, size, offset = _unpack(
            _END64, archive, end, _END64_SIGNATURE
        )
    if disk or first_disk or here != entries:
        raise BadArchive("in several parts")
    start = end - size
    if start < offset:
        raise BadArchive("truncated")
    return _Directory(start=start, end=end, entries=entries, shift=start - offset)


def _extra64(extra: bytes) -> Iterator[int]:
    """The 64-bit numbers that did not fit where they belong."""
    start = 0
    while start + _EXTRA.size <= len(extra):
        kind, size = _EXTRA.unpack_from(extra, start)
        start += _EXTRA.size
        if kind == _EXTRA64:
            numbers = extra[start : start + size]
            whole = len(numbers) // _UINT64.size * _UINT64.size
            yield from (number for (number,) in _UINT64.iter_unpack(numbers[:whole]))
            return
        start += size


def _widened(values: tuple[int, int, int], extra: bytes) -> list[int]:
    if _MAX32 not in values:
        return list(values)
    wide = _extra64(extra)
    widened = [next(wide, -1) if value == _MAX32 else value for value in values]
    if -1 in widened:
        raise BadArchive("zip64 numbers missing")
    return widened


def _check(entry: ArchiveEntry, flags: int) -> None:
    if flags & _ENCRYPTED:
        raise BadArchive("encrypted")
    if entry.method == _STORED:
        is_possible = entry.compressed_bytes == entry.content_bytes
    elif entry.method == _DEFLATED:
        is_possible = entry.content_bytes <= entry.compressed_bytes * _MAX_RATIO
    else:
        raise BadArchive(f"compression method {entry.method}")
    if not is_possible:
        raise BadArchive("sizes that contradict each other")


def _start_of_content(archive: bytes, header_start: int, name: bytes) -> int:
    *_, name_bytes, extra_bytes = _unpack(_LOCAL, archive, header_start, _LOCAL_SIGNATURE)
    name_start = header_start + _LOCAL.size
    if archive[name_start : name_start + name_bytes] != name:
        raise BadArchive("an entry with two names")
    return name_start + name_bytes + extra_bytes


def _read_entry(archive: bytes, at: int, shift: int) -> tuple[ArchiveEntry, int]:
    """The entry described at `at`, and where the next description begins."""
    fields = _unpack(_CENTRAL, archive, at, _CENTRAL_SIGNATURE)
    _, _, flags, method, time, date, crc, *sizes = fields[:9]
    name_bytes, extra_bytes, comment_bytes, disk, _, attributes, offset = fields[9:]
    name_start = at + _CENTRAL.size
    extra_start = name_start + name_bytes
    end = extra_start + extra_bytes + comment_bytes
    name = archive[name_start:extra_start]
    compressed_bytes, content_bytes = sizes
    # In the order in which the extra field has them.
    content_bytes, compressed_bytes, offset = _widened(
        (content_bytes, compressed_bytes, offset),
        archive[extra_start : extra_start + extra_bytes],
    )
    if disk:
        raise BadArchive("in several parts")
    try:
        text = name.decode()
    except UnicodeDecodeError:
        raise BadArchive("a name that is not UTF-8") from None
    header_start = offset + shift
    entry = ArchiveEntry(
        name=text,
        mode=attributes >> 16,
        modified=(date, time),
        method=method,
        crc=crc,
        compressed_bytes=compressed_bytes,
        content_bytes=content_bytes,
        start=_start_of_content(archive, header_start, name),
        header_start=header_start,
    )
    _check(entry, flags)
    return entry, end


def _check_overlaps(entries: list[ArchiveEntry], end: int) -> None:
    """Shared bytes would let a small archive hold any number of large files."""
    for entry in sorted(entries, key=lambda entry: entry.header_start, reverse=True):
        if entry.start + entry.compressed_bytes > end:
            raise BadArchive("overlapping entries")
        end = entry.header_start


def read_entries(archive: bytes, max_entries: int) -> list[ArchiveEntry]:
    """What the archive says it holds, none of it inflated. Raises BadArchive."""
    directory = _directory(archive)
    entries: list[ArchiveEntry] = []
    at = directory.start
    while at < directory.end:
        if len(entries) == max_entries:
            raise BadArchive("too many entries")
        entry, at = _read_entry(archive, at, directory.shift)
        entries.append(entry)
    if at != directory.end or (len(entries) ^ directory.entries) & _MAX16:
        raise BadArchive("another number of entries than announced")
    _check_overlaps(entries, directory.start)
    return entries


def _inflate(compressed: memoryview) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    for start in range(0, len(compressed), _INPUT_BYTES):
        pending = bytes(compressed[start : start + _INPUT_BYTES])
        while pending and not inflater.eof:
            yield inflater.decompress(pending, _OUTPUT_BYTES)
            pending = inflater.unconsumed_tail
    yield inflater.flush()
    if not inflater.eof or inflater.unused_data:
        raise BadArchive("compressed bytes that end too early or too late")


def _raw_content(archive: bytes, entry: ArchiveEntry) -> Iterator[bytes]:
    stored = memoryview(archive)[entry.start : entry.start + entry.compressed_bytes]
    if entry.method == _DEFLATED:
        yield from _inflate(stored)
    else:
        for start in range(0, len(stored), _OUTPUT_BYTES):
            yield bytes(stored[start : start + _OUTPUT_BYTES])


def read_content(archive: bytes, entry: ArchiveEntry) -> Iterator[bytes]:
    """The entry's bytes in pieces of at most 1 MiB, never more in all than it announced.

    Raises BadArchive, when it is exhausted at the latest.
    """
    size = crc = 0
    try:
        for piece in _raw_content(archive, entry):
            size += len(piece)
            if size > entry.content_bytes:
                raise BadArchive("more bytes than announced")
            crc = zlib.crc32(piece, crc)
            yield piece
    except zlib.error as error:
        raise BadArchive(str(error)) from error
    if size != entry.content_bytes or crc != entry.crc:
        raise BadArchive("other bytes than announced")
