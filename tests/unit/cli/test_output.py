from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from lambent.cli import output
from lambent.cli.output import print_json, print_table


def test_json_is_indented_and_takes_what_answers_hold(capsys):
    print_json({"at": datetime(2026, 1, 31, tzinfo=UTC), "list": [1]})
    text = capsys.readouterr().out
    assert json.loads(text) == {"at": "2026-01-31 00:00:00+00:00", "list": [1]}
    assert text.startswith("{\n  ")


def test_columns_are_as_wide_as_they_need_to_be(capsys):
    print_table(["NAME", "STATE"], [("python3.12", "ready"), ("a", "")])
    assert capsys.readouterr().out.splitlines() == [
        "NAME        STATE",
        "python3.12  ready",
        "a",
    ]


def test_a_table_may_have_no_rows(capsys):
    print_table(["NAME"], [])
    assert capsys.readouterr().out == "NAME\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0.9, "0s"),
        (59, "59s"),
        (60, "1m00s"),
        (3599, "59m59s"),
        (3600, "1h00m"),
        (86399, "23h59m"),
        (86400 * 4 + 3 * 3600, "4d03h"),
    ],
)
def test_ages_have_two_units(seconds, text):
    assert output.duration(seconds) == text
