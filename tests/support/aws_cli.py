"""A shell in which `aws` is the AWS CLI, version 2, and talks to a server of ours."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.server import RunningServer

# The only thing a tutorial's reader changes: where `aws` finds Lambda.
_PROLOGUE = """\
set -euo pipefail
aws() { "$AWS_CLI" --endpoint-url "$ENDPOINT" "$@"; }
"""


@functools.cache
def find_aws_cli() -> str | None:
    """Version 2, wherever it is: another one may come first on the path."""
    for candidate in (shutil.which("aws"), "/usr/bin/aws", "/usr/local/bin/aws"):
        if candidate and Path(candidate).exists():
            said = subprocess.run([candidate, "--version"], capture_output=True, text=True)
            if said.stdout.startswith("aws-cli/2"):
                return candidate
    return None


@dataclass(frozen=True)
class Terminal:
    """Somebody's shell, in a directory of their own."""

    server: RunningServer
    directory: Path

    def run(self, commands: str) -> str:
        """What the commands print on standard output; they must all succeed."""
        cli = find_aws_cli()
        if cli is None:
            pytest.skip("the AWS CLI, version 2, is not installed")
        finished = subprocess.run(
            ["bash", "-c", _PROLOGUE + commands],
            cwd=self.directory,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.directory),  # nobody's ~/.aws
                "AWS_CLI": cli,
                "ENDPOINT": self.server.url,
                "AWS_ACCESS_KEY_ID": "any",
                "AWS_SECRET_ACCESS_KEY": "any",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_PAGER": "",
            },
            capture_output=True,
            text=True,
        )
        assert finished.returncode == 0, f"{commands}\n{finished.stdout}{finished.stderr}"
        return finished.stdout
