from __future__ import annotations

import io
import stat
import zipfile
from typing import TYPE_CHECKING

from benchmarks.functions import Function

from lambent.execution_environment.runtimes.runtime import Runtime

if TYPE_CHECKING:
    from pathlib import Path

RUNTIME = Runtime(identifier="provided.al2023", family="provided", release="", operating_system="")
FUNCTION = Function(
    name="f", title="f", runtime=RUNTIME, handler="none", files={"bootstrap": b"#!/bin/sh\n"}
)


def test_the_package_has_its_files_and_they_can_be_executed() -> None:
    with zipfile.ZipFile(io.BytesIO(FUNCTION.archive())) as archive:
        [entry] = archive.infolist()
        assert (entry.filename, archive.read(entry)) == ("bootstrap", b"#!/bin/sh\n")
        assert stat.S_IMODE(entry.external_attr >> 16) == 0o755


def test_laid_out_the_files_can_be_read_and_executed_by_anybody(tmp_path: Path) -> None:
    FUNCTION.lay_out(tmp_path)
    assert tmp_path.joinpath("bootstrap").read_bytes() == b"#!/bin/sh\n"
    assert stat.S_IMODE(tmp_path.joinpath("bootstrap").stat().st_mode) == 0o755
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
