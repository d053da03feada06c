from __future__ import annotations

import pytest

from lambent.execution_environment.extensions import (
    extension_command,
    find_extensions,
    find_unexecutable,
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "extensions").mkdir()
    return tmp_path / "extensions"


def test_every_file_of_the_folder_is_an_extension_in_order(folder):
    for name in ("second", "first", ".hidden"):
        (folder / name).touch()
    (folder / "library").mkdir()
    (folder / "library" / "third").touch()
    (folder / "link").symlink_to("library/third")
    assert find_extensions(folder.parent) == [".hidden", "first", "link", "second"]


def test_there_may_be_none(tmp_path):
    assert find_extensions(None) == []
    assert find_extensions(tmp_path) == []
    (tmp_path / "extensions").touch()
    assert find_extensions(tmp_path) == []


def test_a_link_is_not_followed_out_of_the_layer(folder, tmp_path):
    (folder / "link").symlink_to("/nowhere")
    (folder / "text").touch(mode=0o644)
    (folder / "text").chmod(0o644)
    (folder / "program").touch()
    (folder / "program").chmod(0o711)
    names = find_extensions(folder.parent)
    assert find_unexecutable(folder.parent, names) == {"text"}
    assert find_unexecutable(None, []) == set()


def test_an_extension_has_what_is_not_the_runtime_s_own():
    variables = {
        "PATH": "/bin",
        "AWS_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "_HANDLER": "app.handler",
        "_X_AMZN_TRACE_ID": "Root=1",
    }
    command = extension_command("watcher", variables)
    assert command.argv == ("/opt/extensions/watcher",)
    assert command.environment == {"PATH": "/bin", "AWS_REGION": "us-east-1"}
    assert command.working_directory == "/"
    assert command.telemetry_variable == ""
