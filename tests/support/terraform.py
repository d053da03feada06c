"""Terraform with AWS's provider from a local mirror: nothing is downloaded."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.server import RunningServer

# Where Terraform itself looks for plugins, and where people put mirrors of them.
_MIRRORS = (
    Path("~/.terraform.d/plugins").expanduser(),
    Path("/usr/local/share/terraform/plugins"),
    Path("/usr/share/terraform/plugins"),
    *Path("/opt").glob("*"),
)
_PROVIDER = "registry.terraform.io/hashicorp/aws"
_MIRROR_CONFIGURATION = (
    'provider_installation {{\n  filesystem_mirror {{\n    path = "{}"\n  }}\n}}\n'
)
# The endpoint is all that makes it ours; the rest keeps the provider from asking STS and the
# metadata service of EC2, as everybody does who points it at something that is not AWS.
_PROVIDER_CONFIGURATION = """
terraform {{
  required_providers {{
    aws = {{ source = "hashicorp/aws" }}
  }}
}}

provider "aws" {{
  region                      = "us-east-1"
  access_key                  = "{account}"
  secret_key                  = "any"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints {{
    lambda = "{url}"
    logs   = "{url}"
  }}
}}
"""


def _command_line_configuration(directory: Path) -> Path:
    """A configuration that finds the provider; skips the test when this machine has none."""
    own = os.environ.get("TF_CLI_CONFIG_FILE")
    if own and Path(own).exists():
        return Path(own)
    for mirror in _MIRRORS:
        if (mirror / _PROVIDER).is_dir():
            configuration = directory / "terraform.rc"
            configuration.write_text(_MIRROR_CONFIGURATION.format(mirror))
            return configuration
    pytest.skip("no mirror of Terraform's AWS provider is on this machine")


@dataclass(frozen=True)
class Workspace:
    """A directory of somebody's Terraform files."""

    directory: Path
    terraform: str
    configuration: Path

    @classmethod
    def make(cls, directory: Path, server: RunningServer, account: str) -> Workspace:
        terraform = shutil.which("terraform")
        if terraform is None:
            pytest.skip("Terraform is not installed")
        provider = _PROVIDER_CONFIGURATION.format(url=server.url, account=account)
        (directory / "provider.tf").write_text(provider)
        return cls(directory, terraform, _command_line_configuration(directory))

    def run(self, *arguments: str) -> str:
        """What the command prints; it must succeed."""
        finished = subprocess.run(
            [self.terraform, arguments[0], "-no-color", *arguments[1:]],
            cwd=self.directory,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.directory),  # nobody's ~/.aws or ~/.terraformrc
                "TF_CLI_CONFIG_FILE": str(self.configuration),
                "TF_IN_AUTOMATION": "1",
                "CHECKPOINT_DISABLE": "1",
                "GOGC": "400",  # a third less time to load the provider's schema
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert finished.returncode == 0, finished.stdout
        return finished.stdout

    def apply(self) -> str:
        return self.run("apply", "-auto-approve", "-input=false")
