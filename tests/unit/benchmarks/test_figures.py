from __future__ import annotations

from functools import partial

from benchmarks.figures import Figures, Skipped, quantile, ratio, record, take_turns, text, typical


def test_a_median_is_between_two_values_and_a_99th_percentile_is_one_of_them() -> None:
    assert quantile([4, 1, 3, 2], 0.5) == 2.5
    assert quantile(list(range(1, 101)), 0.99) == 99
    assert quantile(list(range(1, 201)), 0.99) == 198
    assert quantile([1, 2, 3], 0.99) == 3
    assert quantile([7], 0.99) == 7


def test_what_is_typical_is_the_median_of_the_rounds() -> None:
    assert typical([[1, 1], [5, 5], [3, 3]], 0.5) == 3


def test_a_ratio_is_taken_within_each_round() -> None:
    # In the second round the machine was ten times slower, for both.
    assert ratio([[2], [20], [2]], [[1], [10], [1]], 0.5) == 2


def test_there_is_no_ratio_to_nothing() -> None:
    assert ratio([[1]], [[0]], 0.5) is None
    assert ratio([[1], [1]], [[2], [-1]], 0.5) is None


def test_subjects_take_turns_and_some_turns_do_not_count() -> None:
    turns: list[str] = []

    def measured(name: str) -> float:
        turns.append(name)
        return len(turns)

    taken = take_turns({name: partial(measured, name) for name in "ab"}, 2)
    assert turns == ["a", "b", "a", "b", "a", "b"]
    assert taken == {"a": [[3, 5]], "b": [[4, 6]]}


FIGURES = Figures(
    title="start",
    unit="ms",
    subjects={"plain": [[10, 20, 30]], "runc": [[40, 40, 40]], "lambent": [[5, 10, 60]]},
    references=2,
    notes=("on a Tuesday",),
)


def test_every_subject_is_compared_with_the_references_before_it() -> None:
    assert record(FIGURES) == {
        "title": "start",
        "unit": "ms",
        "subjects": {
            "plain": {
                "rounds": 1,
                "values": 3,
                "p50": {"value": 20, "ratios": {}},
                "p99": {"value": 30, "ratios": {}},
            },
            "runc": {
                "rounds": 1,
                "values": 3,
                "p50": {"value": 40, "ratios": {"plain": 2}},
                "p99": {"value": 40, "ratios": {"plain": 40 / 30}},
            },
            "lambent": {
                "rounds": 1,
                "values": 3,
                "p50": {"value": 10, "ratios": {"plain": 0.5, "runc": 0.25}},
                "p99": {"value": 60, "ratios": {"plain": 2, "runc": 1.5}},
            },
        },
        "notes": ["on a Tuesday"],
    }


def test_a_line_for_each_subject() -> None:
    lines = [" ".join(line.split()) for line in text(FIGURES).splitlines()]
    assert lines == [
        "start",
        "plain p50 20.0 ms p99 30.0 ms",
        "runc p50 40.0 ms x2.00 p99 40.0 ms x1.33",
        "lambent p50 10.0 ms x0.50 x0.25 p99 60.0 ms x2.00 x1.50",
        "(on a Tuesday)",
    ]


def test_of_one_value_in_each_round_there_is_only_a_median() -> None:
    figures = Figures(title="rate", unit="/s", subjects={"bare": [[5000]], "ours": [[2500]]})
    assert " ".join(text(figures).split()) == "rate bare p50 5,000 /s ours p50 2,500 /s x0.50"


def test_a_reason_stands_where_nothing_was_measured() -> None:
    skipped = Skipped(title="start", reason="not there yet")
    assert text(skipped) == "start\n  skipped: not there yet\n"
    assert record(skipped) == {"title": "start", "skipped": "not there yet"}
