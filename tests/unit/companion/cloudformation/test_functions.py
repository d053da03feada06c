from __future__ import annotations

import io
import zipfile

import pytest

from lambent.companion.cloudformation.functions import inline_archive
from lambent.companion.cloudformation.resource_type import ChangeRefused


@pytest.mark.parametrize(
    ("runtime", "name"), [("python3.12", "index.py"), ("nodejs22.x", "index.js")]
)
def test_code_in_a_template_becomes_a_file_index(runtime, name):
    archive = inline_archive("code", runtime)
    with zipfile.ZipFile(io.BytesIO(archive)) as written:
        assert {each: written.read(each) for each in written.namelist()} == {name: b"code"}
    assert inline_archive("code", runtime) == archive


def test_code_in_a_template_is_for_two_languages_alone():
    with pytest.raises(ChangeRefused, match=r"not with 'java21'"):
        inline_archive("code", "java21")
