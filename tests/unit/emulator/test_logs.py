from __future__ import annotations

import json
import logging
import sys

import pytest

from lambent.emulator.logs import JsonLines, PlainLines, log_to_stderr


@pytest.fixture
def _own_logging(monkeypatch):
    """What a test sets up ends with it."""
    root, ours = logging.getLogger(), logging.getLogger("lambent")
    kept = root.handlers[:], root.level, ours.level
    root.handlers = []
    yield
    root.handlers = kept[0]
    root.setLevel(kept[1])
    ours.setLevel(kept[2])


def record(message: str, *arguments: object, failure: BaseException | None = None):
    information = (type(failure), failure, None) if failure else None
    made = logging.LogRecord(
        "lambent.emulator.x", logging.INFO, "x.py", 12, message, arguments, information
    )
    made.created = 1_769_860_800.281
    return made


def test_a_plain_line_has_time_level_and_program():
    line = PlainLines().format(record("listening on %s", "http://x"))

    assert line == "2026-01-31T12:00:00.281Z [INFO] (lambent) listening on http://x"


def test_what_others_chose_begins_no_line_and_controls_no_terminal():
    line = PlainLines().format(record("a reply to %s", "q\n2026 [ERROR] \x1b[31m\x85\u2028\tä"))

    assert line.endswith(r"a reply to q\n2026 [ERROR] \x1b[31m\x85\u2028\tä")


def test_no_line_of_a_traceback_looks_like_one_of_the_log():
    failure = ValueError("bad\n2026-01-31 [ERROR] (lambent) forged\x1b[31m")
    first, *others = PlainLines().format(record("failed", failure=failure)).splitlines()

    assert first.endswith("failed")
    assert others == ["  ValueError: bad", r"  2026-01-31 [ERROR] (lambent) forged\x1b[31m"]


def test_a_json_line_has_what_collectors_look_for():
    line = JsonLines().format(record('said "%s"\nand more', "this"))

    assert "\n" not in line
    assert json.loads(line) == {
        "level": "info",
        "@timestamp": "2026-01-31T12:00:00.281Z",
        "caller": "lambent.emulator.x:12",
        "message": 'said "this"\nand more',
        "app": "lambent",
    }


def test_a_failure_is_still_one_json_line():
    line = JsonLines().format(record("failed", failure=ValueError("bad")))

    assert "\n" not in line
    assert "ValueError: bad" in json.loads(line)["stacktrace"]


@pytest.mark.usefixtures("_own_logging")
def test_libraries_only_tell_of_what_goes_wrong(capsys):
    log_to_stderr("DEBUG", is_structured=False)
    logging.getLogger("library").info("chatter")
    logging.getLogger("library").warning("trouble")
    logging.getLogger("lambent.emulator").debug("ours")
    sys.stderr.flush()

    told = capsys.readouterr().err
    assert "chatter" not in told
    assert "trouble" in told
    assert "ours" in told
