from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from lambent.cli import doctor_command
from lambent.cli.doctor_command import doctor
from lambent.sandbox import host
from lambent.sandbox.host import Capability

GOOD = Capability(name="memory", state="enforced", detail="limited with cgroups")
SO_SO = Capability(name="network", state="limited", detail="no way out", remedy="install pasta")
BAD = Capability(name="namespaces", state="missing", detail="not allowed", remedy="allow them")


@pytest.fixture
def run(monkeypatch):
    def run_doctor(*arguments, found, essentials):
        steps = []

        def probe():
            steps.append("probe")
            return found

        monkeypatch.setattr(doctor_command, "enter_namespaces", lambda: steps.append("enter"))
        monkeypatch.setattr(host, "probe", probe)
        monkeypatch.setattr(host, "probe_essentials", lambda: essentials)
        result = CliRunner().invoke(doctor, arguments)
        assert steps == ["enter", "probe"]  # as the server does: what it tries is tried there
        return result

    return run_doctor


def test_a_host_that_can_isolate_is_well(run):
    result = run(found=[GOOD, SO_SO], essentials=[GOOD])
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "enforced  memory: limited with cgroups",
        "limited   network: no way out",
        "          fix: install pasta",
    ]


def test_a_host_that_lacks_an_essential_is_not(run):
    result = run(found=[GOOD, BAD], essentials=[BAD])
    assert result.exit_code == 1
    assert "          fix: allow them" in result.output.splitlines()


def test_what_is_missing_and_not_essential_does_no_harm(run):
    assert run(found=[BAD], essentials=[GOOD]).exit_code == 0


def test_programs_get_json(run):
    result = run("--json", found=[SO_SO], essentials=[GOOD])
    assert json.loads(result.output) == [
        {
            "name": "network",
            "state": "limited",
            "detail": "no way out",
            "remedy": "install pasta",
        }
    ]
