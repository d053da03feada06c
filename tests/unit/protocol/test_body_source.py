from __future__ import annotations

import asyncio
import io

import pytest

from lambent.protocol.body_source import BodyCutShort, BodyStream, FileSource, send_pieces


class Pieces:
    """A source of what the test says."""

    def __init__(self, *pieces, length=None):
        self.length = length
        self._pieces = list(pieces)

    async def read(self):
        return self._pieces.pop(0) if self._pieces else b""

    def close(self):
        pass


class Paces:
    """A stream, and how often its sender was told to think of its pace."""

    def __init__(self, length=None):
        self.count = 0
        self.stream = BodyStream(length, self.told)

    def told(self):
        self.count += 1


async def sent(source, *, is_chunked=False, most=100):
    written = []

    async def write(piece):
        written.append(piece)
        return len(written) <= most

    is_whole = await send_pieces(source, write, is_chunked=is_chunked)
    return is_whole, b"".join(written)


async def test_what_is_fed_is_read_in_order_to_its_end():
    stream = Paces().stream
    stream.feed(b"a")
    stream.feed(b"b")
    assert await stream.read() == b"ab"
    reading = asyncio.create_task(stream.read())
    await asyncio.sleep(0)
    stream.feed(b"c")
    assert await reading == b"c"
    stream.feed(b"d")
    stream.end({})
    assert [await stream.read(), await stream.read(), await stream.read()] == [b"d", b"", b""]


async def test_a_reader_that_waits_is_told_of_the_end():
    stream = Paces().stream
    reading = asyncio.create_task(stream.read())
    await asyncio.sleep(0)
    stream.end({})
    assert await reading == b""


async def test_a_sender_is_paced_by_its_reader():
    paces = Paces()
    for _ in range(4):
        paces.stream.feed(bytes(100_000))
    assert (paces.stream.is_full, paces.count) == (True, 1)
    await paces.stream.read()
    assert (paces.stream.is_full, paces.count) == (False, 2)


async def test_a_body_that_is_cut_short_never_looks_whole():
    stream = Paces().stream
    stream.feed(b"half")
    stream.cut_short()
    assert await stream.read() == b"half"
    with pytest.raises(BodyCutShort):
        await stream.read()


async def test_who_goes_after_the_end_cuts_nothing_short():
    stream = Paces().stream
    stream.end({})
    stream.cut_short()
    assert await stream.read() == b""


async def test_what_nobody_wants_is_not_kept():
    paces = Paces()
    paces.stream.feed(bytes(300_000))
    paces.stream.close()
    assert not paces.stream.is_full
    for _ in range(4):
        paces.stream.feed(bytes(100_000))
    assert not paces.stream.is_full


async def test_a_file_is_sent_from_its_beginning_and_closed():
    file = io.BytesIO(b"content")
    file.seek(3)
    source = await FileSource.measure(file)
    assert source.length == 7
    assert await sent(source) == (True, b"content")
    source.close()
    assert file.closed


async def test_a_file_that_cannot_be_measured_is_closed():
    class Broken(io.BytesIO):
        def seek(self, *arguments):
            raise OSError("disk")

    file = Broken()
    with pytest.raises(OSError, match="disk"):
        await FileSource.measure(file)
    assert file.closed


async def test_chunks_have_their_lengths_and_an_end():
    assert await sent(Pieces(b"a" * 16, b"b"), is_chunked=True) == (
        True,
        b"10\r\n" + b"a" * 16 + b"\r\n1\r\nb\r\n0\r\n\r\n",
    )


@pytest.mark.parametrize("pieces", [(b"abc",), (b"abc", b"defg")], ids=["too little", "too much"])
async def test_what_is_not_as_long_as_was_said_is_not_whole(pieces):
    is_whole, written = await sent(Pieces(*pieces, length=5))
    assert not is_whole
    assert written == b"abc"


async def test_nothing_is_read_for_nobody():
    source = Pieces(b"a", b"b", b"c")
    assert await sent(source, most=0) == (False, b"a")
    assert await source.read() == b"b"
