from __future__ import annotations

from datetime import date, timedelta

import botocore.session
import pytest

from lambent.domain.runtime_catalogue import CATALOGUE

DAY = timedelta(days=1)


def test_every_identifier_of_the_model_is_known():
    model = botocore.session.get_session().get_service_model("lambda")
    identifiers = set(model.shape_for("Runtime").metadata["enum"])
    # A value for tests of the service's own, not a runtime.
    assert identifiers - {"custom"} <= set(CATALOGUE)


@pytest.mark.parametrize(
    ("identifier", "family", "release", "name"),
    [
        ("python3.12", "python", "3.12", "Python 3.12"),
        ("nodejs22.x", "nodejs", "22", "Node.js 22"),
        ("java8.al2", "java", "8", "Java 8"),
        ("dotnetcore3.1", "dotnetcore", "3.1", ".NET Core 3.1"),
        ("dotnet8", "dotnet", "8", ".NET 8"),
        ("provided.al2023", "provided", "al2023", "OS-only Runtime (Amazon Linux 2023)"),
    ],
)
def test_an_identifier_is_a_release_of_a_language(identifier, family, release, name):
    found = CATALOGUE[identifier]
    assert (found.family, found.release, found.name) == (family, release, name)


def test_a_stage_begins_with_its_day():
    node = CATALOGUE["nodejs22.x"]
    assert [node.stage(day) for day in (date(2027, 4, 29), date(2027, 4, 30))] == [
        "supported",
        "deprecated",
    ]
    assert not node.is_create_blocked(date(2027, 6, 1) - DAY)
    assert node.stage(date(2027, 6, 1)) == "create blocked"
    assert not node.is_update_blocked(date(2027, 7, 1) - DAY)
    assert node.stage(date(2027, 7, 1)) == "update blocked"


def test_one_without_dates_is_supported():
    assert CATALOGUE["python3.15"].stage(date(2100, 1, 1)) == "supported"


def test_updates_are_never_blocked_before_creation():
    for each in CATALOGUE.values():
        if each.create_blocked and each.update_blocked:
            assert each.create_blocked <= each.update_blocked


def test_arm_came_with_amazon_linux_2():
    assert CATALOGUE["python3.8"].architectures == ("x86_64", "arm64")
    assert CATALOGUE["go1.x"].architectures == ("x86_64",)
