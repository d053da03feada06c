"""What CloudWatch calls metrics that a request gives no labels."""

from __future__ import annotations

from typing import Any


def labels_of(queries: list[dict[str, Any]]) -> dict[str, str]:
    """By query: the metric's name, with what else tells the queries apart.

    As recorded from AWS: the statistic and the period follow when they are not all the same.
    """
    parts = {each["Id"]: _parts(each["MetricStat"]) for each in queries if "MetricStat" in each}
    # Only what stands in the same place can tell two apart.
    differing = [len(set(column)) > 1 for column in zip(*parts.values(), strict=True)]
    return {
        each["Id"]: each.get("Label") or _label(parts.get(each["Id"]), differing) or each["Id"]
        for each in queries
    }


def _parts(metric_stat: dict[str, Any]) -> tuple[str, str, str, str]:
    metric = metric_stat["Metric"]
    dimensions = " ".join(each["Value"] for each in metric.get("Dimensions", ()))
    return dimensions, metric["MetricName"], metric_stat["Stat"], str(metric_stat["Period"])


def _label(parts: tuple[str, str, str, str] | None, differing: list[bool]) -> str:
    if parts is None:
        return ""
    dimensions, name, *others = parts
    of_dimensions, of_name, *of_others = differing
    if of_dimensions and not of_name and dimensions:
        shown = [dimensions]
    else:
        shown = [dimensions, name] if of_dimensions else [name]
    shown += [text for text, differs in zip(others, of_others, strict=True) if differs]
    return " ".join(text for text in shown if text)
