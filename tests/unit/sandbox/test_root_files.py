from __future__ import annotations

import pytest

from lambent.sandbox import root_files


@pytest.fixture
def host_etc(tmp_path):
    etc = tmp_path / "host"
    (etc / "ssl/certs").mkdir(parents=True)
    (etc / "ssl/private").mkdir()
    (etc / "ssl/certs/ca.pem").write_text("certificate")
    (etc / "ssl/certs/link.pem").symlink_to("/usr/share/ca.pem")
    (etc / "ssl/private/host.key").write_text("secret")
    (etc / "ssl/server.key").write_text("secret")
    (etc / "ld.so.preload").write_text("/evil.so")
    (etc / "shadow").write_text("secret")
    (etc / "ld.so.cache").write_text("cache")
    return etc


def test_certificates_come_along_and_secrets_do_not(tmp_path, host_etc):
    etc = tmp_path / "etc"
    root_files.write_etc(etc, name_server="169.254.2.3", host=host_etc)
    texts = [path.read_text() for path in etc.rglob("*") if path.is_file()]
    assert (etc / "ssl/certs/ca.pem").read_text() == "certificate"
    assert (etc / "ssl/certs/link.pem").is_symlink()
    assert "secret" not in texts
    assert not (etc / "ld.so.preload").exists()
    assert (etc / "resolv.conf").read_text() == "nameserver 169.254.2.3\n"


def test_without_a_way_out_there_is_no_name_server(tmp_path, host_etc):
    root_files.write_etc(tmp_path / "etc", name_server=None, host=host_etc)
    assert (tmp_path / "etc/resolv.conf").read_text() == ""


def test_accounts_name_the_sandboxs_user(tmp_path):
    root_files.write_accounts(tmp_path, 12, 34)
    assert "sandbox:x:12:34:" in (tmp_path / "passwd").read_text()
    assert "sandbox:x:34:" in (tmp_path / "group").read_text()


def test_links_stay_links_on_a_host_with_a_merged_usr(tmp_path):
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "lib").mkdir()
    arguments = list(root_files.program_arguments(tmp_path))
    assert arguments == [
        *("--ro-bind", f"{tmp_path}/usr", "/usr"),
        *("--symlink", "usr/bin", "/bin"),
        *("--ro-bind", f"{tmp_path}/lib", "/lib"),
    ]


@pytest.fixture
def host_with(tmp_path):
    """A host with a merged /usr and these programs, whose sh is a link to one of them."""

    def make(sh, *programs):
        (tmp_path / "usr/bin").mkdir(parents=True)
        (tmp_path / "bin").symlink_to("usr/bin")
        for program in programs:
            (tmp_path / "bin" / program).touch()
        (tmp_path / "bin/sh").symlink_to(sh)
        return tmp_path

    return make


def test_where_sh_is_dash_it_is_bash_inside_but_for_entering(host_with):
    root = host_with("dash", "dash", "bash")
    assert list(root_files.shell_arguments(root)) == [
        *("--dir", "/run"),
        *("--ro-bind", f"{root}/bin/sh", "/run/sh"),
        *("--ro-bind", f"{root}/bin/bash", "/usr/bin/dash"),
    ]


@pytest.mark.parametrize(
    ("sh", "programs"),
    [
        ("bash", ["bash", "dash"]),
        ("busybox", ["busybox", "bash"]),  # all its other names would become bash too
        ("dash", ["dash"]),
    ],
)
def test_elsewhere_sh_stays_what_it_is(host_with, sh, programs):
    root = host_with(sh, *programs)
    assert list(root_files.shell_arguments(root)) == [
        *("--dir", "/run"),
        *("--ro-bind", f"{root}/bin/sh", "/run/sh"),
    ]


def test_there_is_no_shared_memory_file_system():
    assert not [word for word in root_files.device_arguments() if "shm" in word or "pts" in word]
