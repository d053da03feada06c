"""A real browser without a window: Chromium of this machine's packages, driven by Playwright."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Chromium:
    """The program, and what starts and steers it."""

    program: str
    playwright: Playwright

    def start(self, home: Path | None = None) -> Browser:
        """A browser, to be closed; in a `home` it has the authorities that were imported there."""
        environment: dict[str, str | float | bool] = dict(os.environ)
        if home is not None:
            environment["HOME"] = str(home)
        return self.playwright.chromium.launch(
            executable_path=self.program,
            # Pages come from this machine, whatever proxy its environment names.
            args=["--no-proxy-server"],
            env=environment,
        )


@contextlib.contextmanager
def headless_chromium() -> Iterator[Chromium]:
    """What starts browsers; the test is skipped on a machine without one.

    One at a time, and no test with an event loop of its own while it lasts: Playwright runs one.
    """
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with sync_playwright() as playwright:
        yield Chromium(program, playwright)


def import_authority(certificate: Path, home: Path) -> None:
    """What somebody does in a browser's settings, so that it trusts an authority."""
    program = shutil.which("certutil")
    if program is None:
        pytest.skip("certutil is not installed: apt-get install libnss3-tools")
    store = home / ".pki/nssdb"
    store.mkdir(parents=True)
    database = [program, "-d", f"sql:{store}"]
    subprocess.run([*database, "-N", "--empty-password"], check=True)
    imported = ["-A", "-n", "authority", "-t", "C,,", "-i", str(certificate)]
    subprocess.run([*database, *imported], check=True)
