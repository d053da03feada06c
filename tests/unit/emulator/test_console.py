from __future__ import annotations

import asyncio
import os

from lambent.emulator.console import Console


def opened(descriptor, **options):
    console = Console(descriptor, **{"prints_reports": False, **options})
    stream = console.open_stream(account_id="", region="", group="", stream="")
    return console, stream


async def test_what_is_printed_is_written_before_the_end(tmp_path):
    with (tmp_path / "out").open("wb") as out:
        console, stream = opened(out.fileno())
        with console.open():
            stream.append(0, "one\n")
            stream.append(0, "a frame without its end of line")
    assert (tmp_path / "out").read_text() == "one\na frame without its end of line\n"


async def test_reports_are_shown_where_they_are_wanted_and_failures_always():
    events = ("platform.start", "platform.report", "platform.fault", "platform.initStart")
    _, quiet = opened(1)
    assert [event for event in events if quiet.wants(event)] == ["platform.fault"]
    _, loud = opened(1, prints_reports=True)
    assert [event for event in events if loud.wants(event)] == list(events[:3])


async def test_who_prints_more_than_is_read_waits():
    reader, writer = os.pipe()
    console, stream = opened(writer)
    with console.open():
        line = "x" * 65_535 + "\n"
        count = 0
        while not stream.is_congested():
            stream.append(0, line)
            count += 1
        waiting = asyncio.create_task(stream.wait_writable())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        read = 0
        while read < count * len(line):
            read += len(await asyncio.to_thread(os.read, reader, 1 << 20))
        await waiting
        assert not stream.is_congested()
    os.close(reader)
    os.close(writer)


async def test_an_output_that_nobody_reads_any_more_ends_nothing():
    reader, writer = os.pipe()
    os.close(reader)
    console, stream = opened(writer)
    with console.open():
        stream.append(0, "lost\n")
        stream.append(0, "lost, too\n")
    os.close(writer)
