"""What the documents say of the code is so, as far as a program can tell."""

from __future__ import annotations

import importlib.util
import itertools
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from lambent.control_plane.operations import NOT_AVAILABLE, OPERATIONS as CONTROL_PLANE_OPERATIONS
from lambent.control_plane.stored_only import STORED_ONLY
from lambent.execution_environment.lifecycle import (
    ENVIRONMENT_TRANSITIONS,
    EXTENSION_TRANSITIONS,
    RUNTIME_TRANSITIONS,
)
from lambent.invocation.invoke import OPERATIONS as INVOCATION_OPERATIONS
from lambent.server.settings import SETTINGS
from lambent.telemetry.logs_api import OPERATIONS as LOGS_OPERATIONS
from lambent.telemetry.subscriptions.operations import OPERATIONS as SUBSCRIPTION_OPERATIONS

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "lambent"
REFERENCE = ROOT / "docs" / "reference"
DOCUMENTS = sorted(itertools.chain(ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md")))
TOUR = (ROOT / "docs" / "tour.md").read_text()
SPECIFICATION = (ROOT / "SPECIFICATION.md").read_text()

_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_STEP = re.compile(r"^\d+\. `(?P<file>[^`]+)`: (?P<names>`[^`]+`(?:, `[^`]+`)*)\. ", re.MULTILINE)


def _generator() -> Any:
    location = ROOT / "scripts" / "generate-docs.py"
    specification = importlib.util.spec_from_file_location("generate_docs", location)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


GENERATOR = _generator()


def _name(document: Path) -> str:
    return str(document.relative_to(ROOT))


def _headings(text: str) -> set[str]:
    return {line.lstrip("# ") for line in text.splitlines() if line.startswith("#")}


def _anchor(heading: str) -> str:
    """As GitHub and mkdocs make one of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _links(document: Path) -> list[str]:
    return _LINK.findall(_CODE.sub("", document.read_text()))


@pytest.mark.parametrize(("path", "text"), GENERATOR.pages().items(), ids=lambda value: "")
def test_generated_pages_are_what_the_code_says(path: Path, text: str) -> None:
    assert path.read_text() == text, "run scripts/generate-docs.py"


def test_generated_pages_are_the_same_on_every_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected = GENERATOR.pages()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "elsewhere"))
    assert GENERATOR.pages() == expected


def test_every_setting_has_a_heading() -> None:
    headings = _headings((REFERENCE / "settings.md").read_text())
    assert {setting.name for setting in SETTINGS} <= headings


def test_every_command_has_a_heading() -> None:
    headings = _headings((REFERENCE / "cli.md").read_text())
    names = {name for name, _ in GENERATOR.commands()}
    assert names <= headings
    assert {"lambent serve", "lambent runtime install"} <= names


@pytest.mark.parametrize(
    "operations",
    [
        CONTROL_PLANE_OPERATIONS,
        INVOCATION_OPERATIONS,
        NOT_AVAILABLE,
        LOGS_OPERATIONS,
        SUBSCRIPTION_OPERATIONS,
    ],
)
def test_every_operation_has_a_row(operations: dict[str, object]) -> None:
    rows = re.findall(r"^\| \[?(\w+)", (REFERENCE / "operations.md").read_text(), re.MULTILINE)
    assert operations.keys() <= set(rows)


def test_every_refusal_says_why_in_the_table() -> None:
    text = (REFERENCE / "operations.md").read_text()
    for name in NOT_AVAILABLE:
        assert re.search(rf"^\| \[{name}\]\S+ \| refused \| \S.+ \|$", text, re.MULTILINE), name


def test_everything_stored_for_a_later_release_says_what_it_lacks() -> None:
    text = (REFERENCE / "operations.md").read_text()
    for name in STORED_ONLY.keys() & CONTROL_PLANE_OPERATIONS.keys():
        row = rf"^\| \[{name}\]\S+ \| stored for a later release \| \S.+ \|$"
        assert re.search(row, text, re.MULTILINE), name
    for name in STORED_ONLY.keys() - CONTROL_PLANE_OPERATIONS.keys() - NOT_AVAILABLE.keys():
        assert re.search(rf"^\| `{name}` \| \S.+ \|$", text, re.MULTILINE), name


def test_the_newest_version_in_the_changelog_is_the_packages() -> None:
    versions = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert versions[:2] == ["Unreleased", project["version"]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    for link in _links(document):
        target, _, anchor = link.partition("#")
        if ":" in target:  # on the web
            continue
        file = (document.parent / target).resolve() if target else document
        assert file.exists(), link
        if anchor:
            anchors = {_anchor(heading) for heading in _headings(file.read_text())}
            assert anchor in anchors, link


def test_every_page_is_in_the_site() -> None:
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    listed = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text()))
    assert pages == listed


def test_every_step_of_the_tour_names_a_file_and_functions() -> None:
    steps = re.findall(r"^\d+\. ", TOUR, re.MULTILINE)
    assert len(steps) == len(_STEP.findall(TOUR))
    assert len(steps) > 30


@pytest.mark.parametrize(("file", "names"), _STEP.findall(TOUR))
def test_what_the_tour_names_is_there(file: str, names: str) -> None:
    text = (SOURCE / file).read_text()
    for name in re.findall(r"`([^`]+)`", names):
        for part in name.split("."):
            assert re.search(
                rf"^\s*(?:async )?(?:def|class) {part}\b|^{part}\b.* = ", text, re.MULTILINE
            ), f"{file} has no {name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_every_source_file_a_document_names_is_there(document: Path) -> None:
    for path in re.findall(r"`([\w./-]+/[\w-]+\.(?:py|mjs|md|sh))`", document.read_text()):
        places = [ROOT / path, SOURCE / path, ROOT / "docs" / path]
        assert any(place.exists() for place in places), path


@pytest.mark.parametrize(
    ("origin", "event", "target"),
    [
        (origin, event, target)
        for transitions in (ENVIRONMENT_TRANSITIONS, RUNTIME_TRANSITIONS, EXTENSION_TRANSITIONS)
        for (origin, event), target in transitions.items()
    ],
)
def test_every_transition_is_in_the_design(origin: str, event: str, target: str) -> None:
    assert f"| {origin} | {event} | {target} |" in (ROOT / "docs" / "design.md").read_text()


def test_the_design_shows_no_transition_that_is_not_there() -> None:
    rows = re.findall(r"^\| [A-Za-z] \| ", (ROOT / "docs" / "design.md").read_text(), re.MULTILINE)
    tables = (ENVIRONMENT_TRANSITIONS, RUNTIME_TRANSITIONS, EXTENSION_TRANSITIONS)
    assert len(rows) == sum(len(table) for table in tables)


def test_every_dependency_has_its_reason_in_the_design() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    wanted += itertools.chain.from_iterable(project["optional-dependencies"].values())
    names = {re.split(r"[<>=\[ ]", text)[0] for text in wanted}
    _, _, section = (ROOT / "docs" / "design.md").read_text().partition("\n## Dependencies\n")
    section, _, _ = section.partition("\n## ")
    assert names == set(re.findall(r"^\| ([\w-]+) \|", section, re.MULTILINE)) - {"package"}


def test_every_test_the_specification_names_is_there() -> None:
    files = set(re.findall(r"`((?:tests|benchmarks)/[^`]*)`", SPECIFICATION))
    assert files
    assert [file for file in sorted(files) if not (ROOT / file).exists()] == []


def test_every_promise_names_what_holds_it() -> None:
    rows = re.findall(r"^\| .* \|$", SPECIFICATION, re.MULTILINE)
    promises = [row for row in rows if not row.startswith(("| ---", "| promise"))]
    assert len(promises) > 30
    assert [row for row in promises if "`tests/" not in row and "`benchmarks/" not in row] == []
