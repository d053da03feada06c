from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import logging
import sys

import pytest

from lambent.server import companion as companion_module
from lambent.server.companion import CompanionUnavailable, is_wanted, open_companion
from lambent.server.config import load

ENDPOINT = "http://127.0.0.1:9000"
# Answers what it was told, and ends as companions do: when its input ends.
GOOD = """
import sys
print(sys.stdin.readline(), flush=True)
print("hel" + "lo \\x1b[31m", file=sys.stderr, flush=True)
sys.stdin.read()
"""
BRIEF = "import sys; sys.exit(7)"
STUBBORN = """
import sys, time
print("ready", flush=True)
while True: time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _settings_of_nobody(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(companion_module, "_FIRST_PAUSE_SECONDS", 0)
    monkeypatch.setattr(companion_module, "_END_SECONDS", 0.2)


@pytest.fixture
def children(monkeypatch):
    """Children that run these programs in turn, the last one again and again."""
    started: list[asyncio.subprocess.Process] = []

    def set_programs(*programs):
        async def start(listening):
            program = programs[min(len(started), len(programs) - 1)]
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", program),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            started.append(child)
            return child

        monkeypatch.setattr(companion_module, "_start", start)
        return started

    return set_programs


def settings(**values):
    return load({"companion": "on"} | values, {})


@contextlib.asynccontextmanager
async def opened(**values):
    async with open_companion(settings(**values), ENDPOINT) as companion:
        assert companion is not None
        async with asyncio.timeout(20):
            yield companion


async def test_it_is_ready_when_it_says_so_and_its_log_is_ours(children, caplog):
    started = children(GOOD)
    said = asyncio.Event()

    class Saying(logging.Handler):
        def emit(self, record):
            if "companion: " in record.getMessage():
                said.set()

    logger = logging.getLogger("lambent.server.companion")
    logger.addHandler(heard := Saying())
    try:
        async with opened() as companion:
            await companion.ready()
            await said.wait()
    finally:
        logger.removeHandler(heard)
    assert "companion: hello ?[31m" in caplog.text
    assert [child.returncode for child in started] == [0]


async def test_it_is_told_what_is_secret_on_its_input_only(children, monkeypatch):
    started = children(GOOD)
    told = []

    async def watch(self, output):
        told.append(json.loads(await output.readline()))
        self._is_ready.set()

    monkeypatch.setattr(companion_module.Companion, "_watch_readiness", watch)
    async with opened(account_id="123456789012", region="eu-west-1") as companion:
        await companion.ready()
        [instructions] = told
        assert instructions["listening_descriptor"] > 2
        assert instructions["secret"] == companion.secret
        assert (instructions["endpoint"], instructions["region"]) == (ENDPOINT, "eu-west-1")
        assert instructions["account_id"] == "123456789012"
        assert instructions["callers_secret"] == companion.callers_secret != companion.secret
        assert companion.secret not in repr(companion)
    assert len(started) == 1


async def test_it_is_started_again_at_the_same_url(children, caplog):
    started = children(BRIEF, GOOD)
    async with opened() as companion:
        url = companion.url
        await companion.ready()
        assert companion.url == url
    assert [child.returncode for child in started] == [7, 0]
    assert "ended with status 7" in caplog.text


async def test_one_that_does_not_end_is_killed(children):
    started = children(STUBBORN)
    async with opened() as companion:
        await companion.ready()
    assert [child.returncode for child in started] == [-9]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BlockingIOError("no more processes"), "cannot be started: no more processes"),
        (RuntimeError("a mistake"), "a mistake"),
    ],
)
async def test_whatever_befalls_it_it_is_tried_again(monkeypatch, caplog, error, said):
    tried = asyncio.Event()
    tries = []

    async def start(listening):
        tries.append(1)
        if len(tries) == 3:
            tried.set()
        raise error

    monkeypatch.setattr(companion_module, "_start", start)
    async with opened():
        await tried.wait()
    assert said in caplog.text


async def test_a_line_without_an_end_is_told_in_pieces(caplog):
    reader = asyncio.StreamReader()
    reader.feed_data(b"a" * 10_000 + b"\nlast")
    reader.feed_eof()
    await companion_module._log_lines(reader)
    lines = [record.getMessage().removeprefix("companion: ") for record in caplog.records]
    assert lines == ["a" * companion_module._MAX_LINE, "last"]


async def test_the_child_has_no_settings_credentials_and_containers_of_ours(monkeypatch):
    withheld = ("AWS_PROFILE", "LAMBENT_PORT", "DOCKER_HOST", "MOTO_EVENTS_INVOKE_HTTP")
    for name in withheld:
        monkeypatch.setenv(name, "ours")
    started = []

    async def start(*_command, env, **_options):
        started.append(env)
        raise OSError("seen")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    with companion_module._listening() as listening, pytest.raises(OSError, match="seen"):
        await companion_module._start(listening)
    [environment] = started
    assert not environment.keys() & set(withheld)
    assert environment["PATH"]
    assert environment["MOTO_DISABLE_GLOBAL_CORS"] == "true"


@pytest.mark.parametrize(
    ("values", "has_moto", "expected"),
    [
        ({"companion": "auto"}, True, True),
        ({"companion": "auto"}, False, False),
        ({"companion": "auto", "aws_endpoint_url": "http://127.0.0.1:1"}, True, False),
        ({"companion": "auto", "aws_endpoints": "s3=http://127.0.0.1:1"}, True, True),
        ({"companion": "on"}, True, True),
        ({"companion": "off"}, True, False),
    ],
)
def test_the_settings_decide_whether_there_is_one(monkeypatch, values, has_moto, expected):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if has_moto else None)
    assert is_wanted(load(values, {})) is expected


@pytest.mark.parametrize(
    ("values", "has_moto", "message"),
    [
        ({}, False, "pip install 'lambent\\[aws\\]'"),
        ({"aws_endpoint_url": "http://127.0.0.1:1"}, True, "cannot both be"),
    ],
)
def test_one_that_cannot_be_is_refused(monkeypatch, values, has_moto, message):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if has_moto else None)
    with pytest.raises(CompanionUnavailable, match=message):
        is_wanted(settings(**values))


async def test_there_is_none_when_none_is_wanted():
    async with open_companion(settings(companion="off"), ENDPOINT) as companion:
        assert companion is None


def test_a_companion_that_is_missing_is_told_of_in_one_line(monkeypatch, caplog):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    caplog.set_level("INFO")
    assert not is_wanted(load({"companion": "auto"}, {}))
    [line] = caplog.records
    assert "pip install 'lambent[aws]'" in line.getMessage()
    assert not is_wanted(load({"companion": "off"}, {}))
    assert not is_wanted(load({"aws_endpoint_url": "http://localhost:1"}, {}))
    assert len(caplog.records) == 1
