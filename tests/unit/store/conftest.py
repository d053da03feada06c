from __future__ import annotations

import io
import warnings
import zipfile
from functools import partial

import pytest
from tests.support.versions import function_version

from lambent.store.database import Database
from lambent.store.deployment_packages import DeploymentPackages
from lambent.store.seal import Seal


@pytest.fixture
def version_of():
    """Makes a FunctionVersion that differs from a plain one in what is given."""
    return partial(function_version, account_id="000000000000", revision_id="first")


@pytest.fixture
async def database(tmp_path):
    async with Database.open(tmp_path / "lambent.sqlite") as opened:
        yield opened


@pytest.fixture
def seal():
    return Seal(bytes(32))


@pytest.fixture
def root(tmp_path):
    return tmp_path / "packages"


@pytest.fixture
def packages(root):
    return DeploymentPackages(root)


@pytest.fixture(scope="session")
def zip_of():
    """Makes a zip of (name, content) or (name, content, st_mode) entries."""

    def make(*entries, compression=zipfile.ZIP_DEFLATED):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of duplicate names, which are wanted here
            for name, content, *mode in entries:
                info = zipfile.ZipInfo("placeholder", (2020, 2, 3, 4, 5, 6))
                info.filename = info.orig_filename = name  # as it is: the constructor tidies up
                info.external_attr = (mode[0] if mode else 0o100644) << 16
                info.compress_type = compression
                archive.writestr(info, content)
        return buffer.getvalue()

    return make
