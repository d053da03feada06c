from __future__ import annotations

import platform

import pytest

from lambent.execution_environment.runtimes.architectures import emulated_architectures

HANDLER = "{state}\ninterpreter {interpreter}\nflags: {flags}\noffset 0\nmagic 7f454c46\n"


@pytest.fixture(autouse=True)
def host(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


def write(directory, name="qemu-aarch64", state="enabled", interpreter="/opt/qemu", flags="F"):
    text = HANDLER.format(state=state, interpreter=interpreter, flags=flags)
    (directory / name).write_text(text)


def test_a_host_without_emulators_runs_its_own_only(tmp_path):
    assert emulated_architectures(tmp_path) == frozenset()
    assert emulated_architectures(tmp_path / "missing") == frozenset()


@pytest.mark.parametrize("handler", [{"flags": "POCF"}, {"interpreter": "/usr/bin/q", "flags": ""}])
def test_an_emulator_that_sandboxes_can_use_counts(tmp_path, handler):
    write(tmp_path, **handler)
    assert emulated_architectures(tmp_path) == {"arm64"}


@pytest.mark.parametrize("handler", [{"flags": "OC"}, {"state": "disabled"}])
def test_one_that_they_cannot_does_not(tmp_path, handler):
    write(tmp_path, **handler)
    assert emulated_architectures(tmp_path) == frozenset()


def test_an_emulator_of_the_host_itself_is_none(tmp_path):
    write(tmp_path, "qemu-x86_64")
    assert emulated_architectures(tmp_path) == frozenset()
