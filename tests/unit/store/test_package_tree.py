from __future__ import annotations

import pytest

from lambent.store.package_tree import MAX_NODES, plan_tree
from lambent.store.zip_archive import BadArchive, read_entries

LINK = 0o120777


@pytest.fixture
def plan(zip_of):
    def plan(*entries):
        archive = zip_of(*entries)
        return plan_tree(archive, read_entries(archive, MAX_NODES))

    return plan


def test_directories_come_before_what_is_in_them(plan):
    tree = plan(("a/b/c/file", b""), ("a/other", b""), ("z/", b"", 0o040755), ("top", b""))
    assert list(tree.directories) == ["a", "a/b", "a/b/c", "z"]
    assert list(tree.files) == ["a/b/c/file", "a/other", "top"]


def test_dots_and_doubled_slashes_mean_nothing(plan):
    tree = plan(("./", b"", 0o040755), ("./a//b", b""), ("c/./d", b""))
    assert list(tree.files) == ["a/b", "c/d"]


def test_a_directory_may_be_named_before_and_after_its_files(plan):
    tree = plan(("a/", b"", 0o040755), ("a/x", b""), ("a/", b"", 0o040755), ("b", b"", 0o040755))
    assert list(tree.directories) == ["a", "b"]


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "//a",
        "..",
        "../a",
        "a/../../b",
        "a/..",
        "a/../b",
        "..\\a",
        "C:\\a",
        "a\0b",
        "a\nb",
        "a\x7fb",
        "",
        ".",
        "x" * 256,
        "é" * 128,
        "/".join("x" * 101),
        "/".join(["x" * 200] * 6),
    ],
)
def test_names_that_are_no_path_inside_are_refused(plan, name):
    with pytest.raises(BadArchive):
        plan((name, b""))


@pytest.mark.parametrize("name", ["x" * 255, "/".join("x" * 100), "...", "..a", " ", "a:b", "~"])
def test_unusual_names_are_kept(plan, name):
    assert list(plan((name, b"")).files) == [name]


@pytest.mark.parametrize(
    "entries",
    [
        [("a", b""), ("a", b"")],
        [("a", b""), ("./a", b"")],
        [("a", b""), ("a/b", b"")],
        [("a/b", b""), ("a", b"")],
        [("a", b""), ("a/", b"", 0o040755)],
        [("a/", b"", 0o040755), ("a", b"")],
        [("a", b"b", LINK), ("a", b"")],
        [("a", b""), ("a", b"b", LINK)],
        [("a", b"b", LINK), ("a/file", b"")],
        [("b/", b"", 0o040755), ("a", b"b", LINK), ("a/", b"", 0o040755)],
        [("a", b"b", LINK), ("a", b"c", LINK)],
    ],
)
def test_two_entries_in_one_place_are_refused(plan, entries):
    with pytest.raises(BadArchive):
        plan(*entries)


@pytest.mark.parametrize("kind", [0o010644, 0o020644, 0o060644, 0o140644])
def test_devices_pipes_and_sockets_are_refused(plan, kind):
    with pytest.raises(BadArchive, match="device"):
        plan(("a", b"", kind))


@pytest.mark.parametrize("entry", [("a/", b"content", 0o040755), ("a/", b"", LINK), ("a/", b"")])
def test_a_directory_that_is_a_file_too_is_refused(plan, entry):
    with pytest.raises(BadArchive, match="something else"):
        plan(entry)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("a", "b"),
        ("a", "dir/./file"),
        ("dir/a", "../b"),
        ("dir/sub/a", "../../b"),
        ("a", "."),
        ("dir/a", ".."),
        ("a", "is/not/there"),
        ("dir/a", "../dir/../dir/file"),
    ],
)
def test_links_that_stay_inside_are_kept(plan, link, target):
    assert plan((link, target.encode(), LINK)).links == {link: target}


@pytest.mark.parametrize(
    "links",
    [
        {"a": "/etc/passwd"},
        {"a": "/"},
        {"a": ".."},
        {"a": "../x"},
        {"dir/a": "../../x"},
        {"a": "dir/../../x"},
        {"x/y/d": "../..", "e": "x/y/d/../file"},  # inside only for who reads but does not follow
        {"d": "dir", "e": "d/../../x"},
        {"dir/sub/up": "..", "e": "dir/sub/up/../../x"},
        {"a": "a"},
        {"a": "b", "b": "a"},
        {"a": "a/a"},
        {"a": ""},
        {"a": "b\0c"},
        {"a": "b\\c"},
        {"a": "x" * 1025},
        {f"{number}": f"{number + 1}" for number in range(12)},
    ],
)
def test_links_that_lead_outside_or_nowhere_are_refused(plan, links):
    with pytest.raises(BadArchive, match="link"):
        plan(*((link, target.encode(), LINK) for link, target in links.items()))


def test_links_may_lead_over_links(plan):
    links = {"node_modules/a": ".store/a", "node_modules/.store/a": "../../src", "b": "src/../c"}
    tree = plan(*((link, target.encode(), LINK) for link, target in links.items()))
    assert tree.links == links


def test_a_target_that_is_not_utf_8_is_refused(plan):
    with pytest.raises(BadArchive, match="UTF-8"):
        plan(("a", b"\xff", LINK))


def test_more_directories_than_allowed_are_refused(plan):
    deep = [(f"{number}/" + "d/" * 98 + "f", b"") for number in range(MAX_NODES // 99 + 1)]
    with pytest.raises(BadArchive, match="too many files"):
        plan(*deep)


def test_more_links_than_allowed_are_refused(plan):
    with pytest.raises(BadArchive, match="too many links"):
        plan(*((str(number), b"x", LINK) for number in range(10_001)))
