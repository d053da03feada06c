from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lambent.execution_environment.runtimes.entrypoint import InvalidEntrypoint, find_bootstrap

if TYPE_CHECKING:
    from pathlib import Path


def bootstrap(root: Path, content: bytes = b"#!/bin/sh\n", mode: int = 0o755) -> Path:
    root.mkdir(exist_ok=True)
    file = root / "bootstrap"
    file.write_bytes(content)
    file.chmod(mode)
    return root


def test_the_packages_bootstrap_comes_before_the_layers(tmp_path):
    (tmp_path / "task").mkdir()
    layers = bootstrap(tmp_path / "opt", b"\x7fELF\x02")
    assert find_bootstrap(tmp_path / "task", layers) == "/opt/bootstrap"
    assert find_bootstrap(bootstrap(tmp_path / "task"), layers) == "/var/task/bootstrap"


def test_no_bootstrap_is_an_invalid_entrypoint_in_lambdas_words(tmp_path):
    message = r"^Couldn't find valid bootstrap\(s\): \[/var/task/bootstrap /opt/bootstrap\]$"
    with pytest.raises(InvalidEntrypoint, match=message):
        find_bootstrap(tmp_path, None)
    (tmp_path / "bootstrap").mkdir()
    with pytest.raises(InvalidEntrypoint, match=message):
        find_bootstrap(tmp_path, tmp_path / "missing")


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (b"#!/bin/sh\n", 0o644, "fork/exec /var/task/bootstrap: permission denied"),
        (b"echo hello\n", 0o755, "fork/exec /var/task/bootstrap: exec format error"),
        (b"", 0o755, "fork/exec /var/task/bootstrap: exec format error"),
    ],
)
def test_a_bootstrap_that_cannot_start_is_an_invalid_entrypoint(tmp_path, content, mode, message):
    with pytest.raises(InvalidEntrypoint, match=f"^{message}$"):
        find_bootstrap(bootstrap(tmp_path / "task", content, mode), None)


def test_a_link_out_of_the_package_is_not_followed(tmp_path):
    root = tmp_path / "task"
    root.mkdir()
    (root / "bootstrap").symlink_to("/bin/sh")
    with pytest.raises(InvalidEntrypoint, match="Couldn't find"):
        find_bootstrap(root, None)
    bootstrap(tmp_path / "task/bin")
    (root / "bootstrap").unlink()
    (root / "bootstrap").symlink_to("bin/bootstrap")
    assert find_bootstrap(root, None) == "/var/task/bootstrap"
