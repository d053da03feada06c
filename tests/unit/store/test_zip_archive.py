from __future__ import annotations

import io
import itertools
import random
import struct
import zipfile
import zlib

import pytest

from lambent.store.zip_archive import BadArchive, read_content, read_entries

LIMIT = 1000


def contents(archive):
    return {
        entry.name: b"".join(read_content(archive, entry)) for entry in read_entries(archive, LIMIT)
    }


def patched(archive, signature, offset, layout, value):
    """The archive with one field changed in its first record that begins with `signature`."""
    changed = bytearray(archive)
    struct.pack_into(layout, changed, archive.index(signature) + offset, value)
    return bytes(changed)


CENTRAL, LOCAL, END = b"PK\1\2", b"PK\3\4", b"PK\5\6"


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_contents_come_back(zip_of, compression):
    files = {
        "empty": b"",
        "text": b"hello",
        "zeros": bytes(5_000_000),
        "noise": random.Random(0).randbytes(3_000_000),
        "dir/nested": b"x",
    }
    assert contents(zip_of(*files.items(), compression=compression)) == files


def test_content_comes_in_pieces(zip_of):
    archive = zip_of(("zeros", bytes(50_000_000)))
    (entry,) = read_entries(archive, LIMIT)
    assert max(len(piece) for piece in read_content(archive, entry)) <= 1024 * 1024


def test_modes_and_names_come_back(zip_of):
    archive = zip_of(("bootstrap", b"", 0o100755), ("änderung/日本", b"", 0o100644))
    first, second = read_entries(archive, LIMIT)
    assert (first.name, first.mode) == ("bootstrap", 0o100755)
    assert second.name == "änderung/日本"


def test_a_streamed_archive_is_read(zip_of):
    class Unseekable(io.RawIOBase):
        def __init__(self):
            self.written = bytearray()

        def writable(self):
            return True

        def write(self, data):
            self.written += data
            return len(data)

    stream = Unseekable()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"streamed")
        archive.writestr("b", b"")
    assert contents(bytes(stream.written)) == {"a": b"streamed", "b": b""}


def test_zip64_is_read(zip_of, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    archive = zip_of(("a", b"longer than ten bytes"), ("b", b"short"), ("c", bytes(1000)))
    assert b"PK\6\6" in archive
    assert contents(archive) == {"a": b"longer than ten bytes", "b": b"short", "c": bytes(1000)}


def test_a_program_before_and_a_comment_after_the_archive_are_no_harm(zip_of):
    buffer = io.BytesIO(zip_of(("a", b"x")))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"with PK\5\6 in the comment, as much as looks like an end record"
    assert contents(b"#!/usr/bin/env python3\n" + buffer.getvalue()) == {"a": b"x"}


def test_an_archive_without_entries_is_read():
    assert contents(END + bytes(18)) == {}


@pytest.mark.parametrize("archive", [b"", b"PK", END, b"x" * 100_000, END * 1000])
def test_other_bytes_are_refused(archive):
    with pytest.raises(BadArchive):
        read_entries(archive, LIMIT)


def test_every_truncation_is_refused(zip_of):
    archive = zip_of(("a", b"some content"), ("b", b"x" * 1000))
    for length in range(len(archive)):
        with pytest.raises(BadArchive):
            contents(archive[:length])


def test_bytes_after_the_archive_are_refused(zip_of):
    with pytest.raises(BadArchive, match="follows"):
        read_entries(zip_of(("a", b"x")) + b"\n", LIMIT)


@pytest.mark.parametrize("flag", [0x1, 0x40, 0x2000])
def test_encrypted_entries_are_refused(zip_of, flag):
    with pytest.raises(BadArchive, match="encrypted"):
        read_entries(patched(zip_of(("a", b"x")), CENTRAL, 8, "<H", flag), LIMIT)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(zip_of, compression):
    with pytest.raises(BadArchive, match="method"):
        read_entries(zip_of(("a", b"x"), compression=compression), LIMIT)


@pytest.mark.parametrize("name", [b"a\xffb", b"\xc0\xaf", b"\xed\xa0\x80"])
def test_names_that_are_not_utf_8_are_refused(zip_of, name):
    archive = zip_of(("n" * len(name), b"x")).replace(b"n" * len(name), name)
    with pytest.raises(BadArchive, match="UTF-8"):
        read_entries(archive, LIMIT)


def test_an_entry_with_two_names_is_refused(zip_of):
    archive = zip_of(("good", b"x")).replace(b"good", b"evil", 1)
    with pytest.raises(BadArchive, match="two names"):
        read_entries(archive, LIMIT)


@pytest.mark.parametrize("declared", [0, 99, 101, 100 * 1032])
def test_a_wrong_size_is_refused(zip_of, declared):
    archive = patched(zip_of(("a", b"a" * 100)), CENTRAL, 24, "<L", declared)
    with pytest.raises(BadArchive):
        contents(archive)


def test_a_bomb_is_inflated_no_further_than_it_announced(zip_of):
    archive = patched(zip_of(("a", bytes(200_000_000))), CENTRAL, 24, "<L", 5)
    (entry,) = read_entries(archive, LIMIT)
    seen = bytearray()
    with pytest.raises(BadArchive, match="more bytes"):
        seen.extend(itertools.chain.from_iterable(read_content(archive, entry)))
    assert len(seen) <= 5


def test_a_ratio_that_cannot_be_is_refused_before_inflating(zip_of):
    archive = patched(zip_of(("a", b"x" * 1000)), CENTRAL, 24, "<L", 1_000_000)
    with pytest.raises(BadArchive, match="contradict"):
        read_entries(archive, LIMIT)


def test_a_wrong_checksum_is_refused(zip_of):
    archive = patched(zip_of(("a", b"x")), CENTRAL, 16, "<L", 12345)
    with pytest.raises(BadArchive, match="other bytes"):
        contents(archive)


def test_compressed_bytes_that_go_on_after_their_end_are_refused():
    deflate = zlib.compressobj(wbits=-15)
    compressed = deflate.compress(b"hello") + deflate.flush() + b"hidden"
    local = struct.pack(
        "<4s5H3L2H", LOCAL, 20, 0, 8, 0, 0, zlib.crc32(b"hello"), len(compressed), 5, 1, 0
    )
    body = local + b"a" + compressed
    central = struct.pack(
        "<4s6H3L5H2L",
        *(CENTRAL, 20, 20, 0, 8, 0, 0, zlib.crc32(b"hello"), len(compressed), 5),
        *(1, 0, 0, 0, 0, 0, 0),
    )
    end = struct.pack("<4s4H2LH", END, 0, 0, 1, 1, len(central) + 1, len(body), 0)
    with pytest.raises(BadArchive, match="too late"):
        contents(body + central + b"a" + end)


def test_entries_that_share_bytes_are_refused(zip_of):
    archive = bytearray(zip_of(("a", b"same"), ("a", b"same")))
    second = archive.rindex(CENTRAL)
    struct.pack_into("<L", archive, second + 42, 0)  # where the first entry is, too
    with pytest.raises(BadArchive, match="overlapping"):
        read_entries(bytes(archive), LIMIT)


def test_content_that_reaches_into_the_directory_is_refused(zip_of):
    archive = zip_of(("a", b"x" * 10), compression=zipfile.ZIP_STORED)
    archive = patched(archive, CENTRAL, 20, "<L", 11)
    archive = patched(archive, CENTRAL, 24, "<L", 11)
    with pytest.raises(BadArchive, match="overlapping"):
        read_entries(archive, LIMIT)


def test_more_entries_than_allowed_are_refused(zip_of):
    archive = zip_of(*((str(number), b"") for number in range(11)))
    assert len(read_entries(archive, 11)) == 11
    with pytest.raises(BadArchive, match="too many"):
        read_entries(archive, 10)


@pytest.mark.parametrize(("offset", "value"), [(4, 1), (6, 1), (8, 2), (10, 2)])
def test_a_wrong_end_record_is_refused(zip_of, offset, value):
    with pytest.raises(BadArchive, match="parts"):
        read_entries(patched(zip_of(("a", b"x")), END, offset, "<H", value), LIMIT)


def test_another_number_of_entries_is_refused(zip_of):
    archive = patched(zip_of(("a", b"x")), END, 8, "<L", 0x00020002)
    with pytest.raises(BadArchive, match="number of entries"):
        read_entries(archive, LIMIT)


@pytest.mark.parametrize("offset", [12, 16])
def test_a_directory_outside_the_archive_is_refused(zip_of, offset):
    with pytest.raises(BadArchive):
        read_entries(patched(zip_of(("a", b"x")), END, offset, "<L", 0xFFFFFF), LIMIT)


def test_an_entry_outside_the_archive_is_refused(zip_of):
    with pytest.raises(BadArchive, match="truncated"):
        read_entries(patched(zip_of(("a", b"x")), CENTRAL, 42, "<L", 0xFFFFFF), LIMIT)


@pytest.mark.parametrize("offset", [20, 24, 42])
def test_zip64_numbers_that_are_missing_are_refused(zip_of, offset):
    with pytest.raises(BadArchive, match="zip64"):
        read_entries(patched(zip_of(("a", b"x")), CENTRAL, offset, "<L", 0xFFFFFFFF), LIMIT)


@pytest.mark.parametrize("kept", range(2, 20))
def test_zip64_numbers_that_are_cut_off_are_refused(zip_of, monkeypatch, kept):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    archive = bytearray(zip_of(("a", bytes(1000))))
    central = archive.rindex(CENTRAL)
    extra_bytes = struct.unpack_from("<H", archive, central + 30)[0]
    # The rest of what was the extra field is the entry's comment now.
    struct.pack_into("<2H", archive, central + 30, kept, extra_bytes - kept)
    with pytest.raises(BadArchive, match="zip64"):
        read_entries(bytes(archive), LIMIT)


def test_compressed_bytes_that_make_no_sense_are_refused(zip_of):
    archive = zip_of(("a", bytes(1000)))
    start = archive.index(b"a") + 1
    with pytest.raises(BadArchive, match="invalid block type"):
        contents(archive[:start] + b"\xff" + archive[start + 1 :])


def test_an_entry_on_another_disk_is_refused(zip_of):
    with pytest.raises(BadArchive, match="parts"):
        read_entries(patched(zip_of(("a", b"x")), CENTRAL, 34, "<H", 1), LIMIT)
