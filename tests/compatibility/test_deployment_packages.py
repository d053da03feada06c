"""Deployment packages nobody should send, and what comes of them."""

from __future__ import annotations

import io
import stat
import zipfile

import pytest
from tests.support.functions import zipped
from tests.support.refusals import refusal

MIB = 1024 * 1024
NO_ZIP = (
    400,
    "InvalidParameterValueException",
    "Could not unzip uploaded file. Please check your file, then try to upload again.",
)
EMPTY = (400, "InvalidParameterValueException", "Uploaded file must be a non-empty zip")
TOO_LARGE_UNZIPPED = (
    400,
    "InvalidParameterValueException",
    "Unzipped size must be smaller than 262144000 bytes",
)


def archive(*entries, compression=zipfile.ZIP_STORED):
    """A zip of (name or ZipInfo, content) as they are, checked by nobody."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as writer:
        for name, content in entries:
            writer.writestr(name, content)
    return file.getvalue()


def link(name, target):
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry, target


WRONG = {
    "text": b"this is no zip",
    "cut": zipped({"a.py": "x = 1"})[:-4],
    "parent": archive(("../outside.py", "x = 1")),
    "far parent": archive(("a/../../outside.py", "x = 1")),
    "absolute": archive(("/etc/outside", "x = 1")),
    "link out": archive(link("out", "../../key")),
    "absolute link": archive(link("out", "/etc/passwd")),
    "through a link": archive(link("dir", "../.."), ("dir/x", "x")),
    "file as directory": archive(("a", "x"), ("a/b", "x")),
    "null": archive(("a.py", "x")).replace(b"a.py", b"a\0py"),
    "checksum": archive(("a.py", "secret")).replace(b"secret", b"change"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_archive_that_cannot_be_trusted_is_refused(account, name):
    assert refusal(account.create, Code={"ZipFile": WRONG[name]}) == NO_ZIP
    assert account.client().list_functions()["Functions"] == []
    account.created()
    update = account.client().update_function_code
    assert refusal(update, FunctionName="greet", ZipFile=WRONG[name]) == NO_ZIP


@pytest.mark.parametrize("nothing", [b"", archive()], ids=["no bytes", "no files"])
def test_a_package_of_nothing_is_refused(account, nothing):
    assert refusal(account.create, Code={"ZipFile": nothing}) == EMPTY


def test_a_package_is_required(account):
    refused = refusal(account.create, Code={})
    assert (refused.status, refused.code) == (400, "InvalidParameterValueException")
    assert refused.message == "Please provide a source for function code."


def test_a_bomb_is_refused_before_it_goes_off(account):
    bomb = archive(
        *((f"{number}", bytes(26 * MIB)) for number in range(10)), compression=zipfile.ZIP_DEFLATED
    )
    assert len(bomb) < MIB
    assert refusal(account.create, Code={"ZipFile": bomb}) == TOO_LARGE_UNZIPPED


def test_a_package_of_fifty_megabytes_is_refused(account):
    package = archive(("data", bytes(50 * MIB)))
    assert refusal(account.create, Code={"ZipFile": package}) == (
        413,
        "RequestEntityTooLargeException",
        "Zipped size must be smaller than 52428800 bytes",
    )


def test_a_package_just_below_fifty_megabytes_is_taken(account):
    package = archive(("data", bytes(50 * MIB - 1000)))
    created = account.created(Code={"ZipFile": package})
    assert created["CodeSize"] == len(package)


def test_a_request_of_more_than_aws_reads_is_refused(account):
    assert refusal(account.create, Code={"ZipFile": bytes(53 * MIB)}) == (
        413,
        "RequestEntityTooLargeException",
        "Request must be smaller than 70167211 bytes for the CreateFunction operation",
    )


def test_links_inside_a_package_and_directories_are_taken(account):
    package = archive(("lib/", ""), ("lib/code.py", "x = 1"), link("code.py", "lib/code.py"))
    assert account.created(Code={"ZipFile": package})["State"] == "Active"
