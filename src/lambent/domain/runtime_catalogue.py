"""Every runtime identifier of AWS Lambda: its name, its operating system, and its dates.

The dates are AWS's own: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html. They
move (the blocks of 2025 and 2026 were all put off to 2027); a new one is a new line here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Stage = Literal["supported", "deprecated", "create blocked", "update blocked"]

X86_64, ARM64 = "x86_64", "arm64"
_AL1, _AL2, _AL2023 = "Amazon Linux", "Amazon Linux 2", "Amazon Linux 2023"

_LANGUAGES = {
    "dotnet": ".NET",
    "dotnetcore": ".NET Core",
    "go": "Go",
    "java": "Java",
    "nodejs": "Node.js",
    "provided": "OS-only Runtime",
    "python": "Python",
    "ruby": "Ruby",
}

# Identifier, release of its language, operating system; then deprecated, create and update blocked
# from. "" where AWS gives no date.
_ROWS = (
    ("nodejs26.x", "26", _AL2023, "", "", ""),
    ("nodejs24.x", "24", _AL2023, "2028-04-30", "2028-06-01", "2028-07-01"),
    ("nodejs22.x", "22", _AL2023, "2027-04-30", "2027-06-01", "2027-07-01"),
    ("nodejs20.x", "20", _AL2023, "2026-04-30", "2027-02-01", "2027-03-03"),
    ("nodejs18.x", "18", _AL2, "2025-09-01", "2027-02-01", "2027-03-03"),
    ("nodejs16.x", "16", _AL2, "2024-06-12", "2027-02-01", "2027-03-03"),
    ("nodejs14.x", "14", _AL2, "2023-12-04", "2024-01-09", "2027-03-03"),
    ("nodejs12.x", "12", _AL2, "2023-03-31", "2023-03-31", "2023-04-30"),
    ("nodejs10.x", "10", _AL2, "2021-07-30", "2021-07-30", "2022-02-14"),
    ("nodejs8.10", "8.10", _AL1, "2020-03-06", "2020-02-04", "2020-03-06"),
    ("nodejs6.10", "6.10", _AL1, "2019-08-12", "2019-07-12", "2019-08-12"),
    ("nodejs4.3-edge", "4.3", _AL1, "2020-03-05", "2019-03-31", "2019-04-30"),
    ("nodejs4.3", "4.3", _AL1, "2020-03-05", "2020-02-03", "2020-03-05"),
    ("nodejs", "0.10", _AL1, "2016-08-30", "2016-09-30", "2016-10-31"),
    ("python3.15", "3.15", _AL2023, "", "", ""),
    ("python3.14", "3.14", _AL2023, "2029-06-30", "2029-07-31", "2029-08-31"),
    ("python3.13", "3.13", _AL2023, "2029-06-30", "2029-07-31", "2029-08-31"),
    ("python3.12", "3.12", _AL2023, "2028-10-31", "2028-11-30", "2029-01-10"),
    ("python3.11", "3.11", _AL2, "2027-06-30", "2027-07-31", "2027-08-31"),
    ("python3.10", "3.10", _AL2, "2026-10-31", "2027-02-01", "2027-03-03"),
    ("python3.9", "3.9", _AL2, "2025-12-15", "2027-02-01", "2027-03-03"),
    ("python3.8", "3.8", _AL2, "2024-10-14", "2027-02-01", "2027-03-03"),
    ("python3.7", "3.7", _AL1, "2023-12-04", "2024-01-09", "2027-03-03"),
    ("python3.6", "3.6", _AL1, "2022-07-18", "2022-07-18", "2022-08-29"),
    ("python2.7", "2.7", _AL1, "2021-07-15", "2021-07-15", "2022-05-30"),
    ("java25", "25", _AL2023, "2029-06-30", "2029-07-31", "2029-08-31"),
    ("java21", "21", _AL2023, "2029-06-30", "2029-07-31", "2029-08-31"),
    ("java17.al2023", "17", _AL2023, "", "", ""),
    ("java17", "17", _AL2, "2027-06-30", "2027-07-31", "2027-08-31"),
    ("java11.al2023", "11", _AL2023, "", "", ""),
    ("java11", "11", _AL2, "2027-06-30", "2027-07-31", "2027-08-31"),
    ("java8.al2023", "8", _AL2023, "", "", ""),
    ("java8.al2", "8", _AL2, "2027-06-30", "2027-07-31", "2027-08-31"),
    ("java8", "8", _AL1, "2024-01-08", "2024-02-08", "2027-03-03"),
    ("dotnet10", "10", _AL2023, "2028-11-14", "2028-12-14", "2029-01-15"),
    ("dotnet8", "8", _AL2023, "2026-11-10", "2027-02-01", "2027-03-03"),
    ("dotnet6", "6", _AL2, "2024-12-20", "2027-02-01", "2027-03-03"),
    ("dotnetcore3.1", "3.1", _AL2, "2023-04-03", "2023-04-03", "2023-05-03"),
    ("dotnetcore2.1", "2.1", _AL1, "2022-01-05", "2022-01-05", "2022-04-13"),
    ("dotnetcore2.0", "2.0", _AL1, "2019-05-30", "2019-04-30", "2019-05-30"),
    ("dotnetcore1.0", "1.0", _AL1, "2019-06-27", "2019-06-30", "2019-07-30"),
    ("ruby4.0", "4.0", _AL2023, "2029-03-31", "2029-04-30", "2029-05-31"),
    ("ruby3.4", "3.4", _AL2023, "2028-03-31", "2028-04-30", "2028-05-31"),
    ("ruby3.3", "3.3", _AL2023, "2027-03-31", "2027-04-30", "2027-05-31"),
    ("ruby3.2", "3.2", _AL2, "2026-03-31", "2027-02-01", "2027-03-03"),
    ("ruby2.7", "2.7", _AL2, "2023-12-07", "2024-01-09", "2027-03-03"),
    ("ruby2.5", "2.5", _AL1, "2021-07-30", "2021-07-30", "2022-03-31"),
    ("go1.x", "1.x", _AL1, "2024-01-08", "2024-02-08", "2027-03-03"),
    ("provided.al2023", "al2023", _AL2023, "2029-06-30", "2029-07-31", "2029-08-31"),
    ("provided.al2", "al2", _AL2, "2026-07-31", "2027-02-01", "2027-03-03"),
    ("provided", "", _AL1, "2024-01-08", "2024-02-08", "2027-03-03"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeDescriptor:
    """What AWS says of one runtime identifier. A block begins with its date, in UTC."""

    identifier: str  # python3.12
    family: str  # python
    release: str  # 3.12
    name: str  # Python 3.12
    operating_system: str
    deprecated: date | None
    create_blocked: date | None
    update_blocked: date | None
    architectures: tuple[str, ...]

    def is_create_blocked(self, today: date) -> bool:
        """Whether functions can no longer be created with it."""
        return self.create_blocked is not None and today >= self.create_blocked

    def is_update_blocked(self, today: date) -> bool:
        """Whether functions that have it can no longer be updated, or be given it."""
        return self.update_blocked is not None and today >= self.update_blocked

    def stage(self, today: date) -> Stage:
        if self.is_update_blocked(today):
            return "update blocked"
        if self.is_create_blocked(today):
            return "create blocked"
        if self.deprecated is not None and today >= self.deprecated:
            return "deprecated"
        return "supported"


def _descriptor(row: tuple[str, str, str, str, str, str]) -> RuntimeDescriptor:
    identifier, release, operating_system, *dates = row
    family = max((name for name in _LANGUAGES if identifier.startswith(name)), key=len)
    deprecated, create_blocked, update_blocked = (
        date.fromisoformat(text) if text else None for text in dates
    )
    # arm64 came when AWS moved to Amazon Linux 2, and not to the runtimes about to end by then.
    has_arm = operating_system != _AL1 and identifier != "nodejs10.x"
    return RuntimeDescriptor(
        identifier=identifier,
        family=family,
        release=release,
        name=_name(family, release, operating_system),
        operating_system=operating_system,
        deprecated=deprecated,
        create_blocked=create_blocked,
        update_blocked=update_blocked,
        architectures=(X86_64, ARM64) if has_arm else (X86_64,),
    )


def _name(family: str, release: str, operating_system: str) -> str:
    if family == "provided":
        return f"{_LANGUAGES[family]} ({operating_system})"
    return f"{_LANGUAGES[family]} {release}"


CATALOGUE: Mapping[str, RuntimeDescriptor] = {row[0]: _descriptor(row) for row in _ROWS}
