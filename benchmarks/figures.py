"""What was measured, as medians, 99th percentiles and ratios; nothing here measures anything.

Subjects are compared in rounds that are taken in turn, so that whatever else the machine does
meets all of them. A ratio is taken within each round, and the median of these is told.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Rounds = list[list[float]]  # of each round what was measured in it

_MEDIAN = 0.5
_LATE = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One thing measured of several subjects; the first few are what the others are compared with."""

    title: str
    unit: str
    subjects: Mapping[str, Rounds]
    references: int = 1
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    title: str
    reason: str


def quantile(values: Sequence[float], share: float) -> float:
    """The least of `values` that at least this share of them do not exceed; halves are averaged."""
    if share == _MEDIAN:
        return statistics.median(values)
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]


def typical(rounds: Rounds, share: float) -> float:
    """The median of the rounds' quantiles."""
    return statistics.median(quantile(each, share) for each in rounds)


def ratio(rounds: Rounds, to: Rounds, share: float) -> float | None:
    """The median of the ratios within each round; None when there is nothing to compare with."""
    pairs = [(quantile(a, share), quantile(b, share)) for a, b in zip(rounds, to, strict=True)]
    if any(reference <= 0 for _, reference in pairs):
        return None
    return statistics.median(value / reference for value, reference in pairs)


def take_turns(
    subjects: Mapping[str, Callable[[], float]], count: int, *, unmeasured: int = 1
) -> dict[str, Rounds]:
    """Measure each subject `count` times, all of them in turn, after some turns that do not count."""
    taken: dict[str, Rounds] = {name: [[]] for name in subjects}
    for number in range(unmeasured + count):
        for name, measure in subjects.items():
            value = measure()
            if number >= unmeasured:
                taken[name][0].append(value)
    return taken


def record(result: Figures | Skipped) -> dict[str, object]:
    """For JSON."""
    if isinstance(result, Skipped):
        return {"title": result.title, "skipped": result.reason}
    return {
        "title": result.title,
        "unit": result.unit,
        "subjects": {name: _summary(result, name) for name in result.subjects},
        "notes": list(result.notes),
    }


def _summary(figures: Figures, name: str) -> dict[str, object]:
    rounds = figures.subjects[name]
    counts: dict[str, object] = {"rounds": len(rounds), "values": sum(map(len, rounds))}
    return counts | {
        key: {"value": typical(rounds, share), "ratios": _ratios(figures, name, share)}
        for key, share in _shares(rounds).items()
    }


def _ratios(figures: Figures, name: str, share: float) -> dict[str, float | None]:
    """To each of the subjects before it that others are compared with."""
    names = list(figures.subjects)
    references = names[: min(names.index(name), figures.references)]
    subjects = figures.subjects
    return {each: ratio(subjects[name], subjects[each], share) for each in references}


def _shares(rounds: Rounds) -> dict[str, float]:
    """The quantiles to tell: of a single value in each round the median only."""
    has_many = any(len(each) > 1 for each in rounds)
    return {"p50": _MEDIAN, "p99": _LATE} if has_many else {"p50": _MEDIAN}


def text(result: Figures | Skipped) -> str:
    """For people: a line for each subject."""
    if isinstance(result, Skipped):
        return f"{result.title}\n  skipped: {result.reason}\n"
    lines = [result.title]
    lines += [_line(result, name) for name in result.subjects]
    lines += [f"  ({note})" for note in result.notes]
    return "\n".join(lines) + "\n"


def _line(figures: Figures, name: str) -> str:
    rounds, parts = figures.subjects[name], []
    for key, share in _shares(rounds).items():
        part = f"{key} {_number(typical(rounds, share)):>8} {figures.unit}"
        ratios = _ratios(figures, name, share).values()
        parts.append(f"{part} {' '.join(map(_times, ratios)):{7 * figures.references}}")
    return f"  {name:30} {'   '.join(parts)}".rstrip()


def _times(value: float | None) -> str:
    return "" if value is None else f"x{value:.2f}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
