"""What a target of a rule is given: the event, a part of it, or a text of the rule's own.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
Where that leaves open how something is written, it is as recorded from AWS.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jsonpath_ng.ext.parser import parse as parse_path

if TYPE_CHECKING:
    from collections.abc import Mapping

_PIECE = re.compile(r'\\.|"|<([\w.\-]+)>', re.DOTALL)
_PLACEHOLDER = re.compile(r"<([\w.\-]+)>")
_PREDEFINED = frozenset(
    {
        "aws.events.rule-arn",
        "aws.events.rule-name",
        "aws.events.event",
        "aws.events.event.json",
        "aws.events.event.ingestion-time",
    }
)
_WAYS = ("Input", "InputPath", "InputTransformer")
# In the order AWS writes them.
_MEMBERS = (
    "version",
    "id",
    "detail-type",
    "source",
    "account",
    "time",
    "region",
    "resources",
    "detail",
    "replay-name",
)


class NoInput(Exception):
    """Raised when a transformer makes no JSON of an event, which then reaches no target."""


def envelope(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event as AWS writes it, of moto's, whose times are numbers."""
    written = {name: event[name] for name in _MEMBERS if name in event}
    written["time"] = _written_time(event.get("time"))
    return written


def input_for(target: Mapping[str, Any], event: Mapping[str, Any], rule_arn: str) -> str:
    """JSON for one target; `event` is an envelope. Raises NoInput."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return _json(_at(target["InputPath"], event))
    if "InputTransformer" in target:
        return _transformed(target["InputTransformer"], event, rule_arn)
    return _json(event)


def complaint(target: Mapping[str, Any]) -> str | None:
    """In AWS's words what is wrong with how a target wants its input; None: nothing."""
    if sum(way in target for way in _WAYS) > 1:
        return (
            "Only one of Input, InputPath, or InputTransformer must be provided "
            f"for target {target['Id']}."
        )
    transformer = target.get("InputTransformer", {})
    known = _PREDEFINED | transformer.get("InputPathsMap", {}).keys()
    for name in _PLACEHOLDER.findall(transformer.get("InputTemplate", "")):
        if name not in known:
            return f"InputTemplate for target {target['Id']} contains invalid placeholder {name}."
    return None


def _transformed(transformer: Mapping[str, Any], event: Mapping[str, Any], rule_arn: str) -> str:
    paths = transformer.get("InputPathsMap", {})
    values = {name: _at(path, event, missing="") for name, path in paths.items()}
    template = transformer["InputTemplate"]
    is_text = template.lstrip().startswith('"')
    filled = _fill(template, _predefined(event, rule_arn) | values, is_text=is_text)
    if not is_text:
        try:
            json.loads(filled)
        except ValueError:
            raise NoInput(f"the input transformer makes no JSON of it: {filled[:200]}") from None
    return filled


def _fill(template: str, values: Mapping[str, Any], *, is_text: bool) -> str:
    pieces = []
    is_quoted = False
    position = 0
    for match in _PIECE.finditer(template):
        pieces.append(template[position : match.start()])
        position = match.end()
        if match[1] in values:
            pieces.append(_written(values[match[1]], is_quoted=is_quoted, is_text=is_text))
        else:
            pieces.append(match[0])
            is_quoted ^= match[0] == '"'
    return "".join([*pieces, template[position:]])


def _written(value: Any, *, is_quoted: bool, is_text: bool) -> str:
    """A value inside quotation marks or outside; structures lose their own in a text."""
    if not is_quoted:
        return _json(value)
    if isinstance(value, str):
        return _json(value)[1:-1]
    return _json(value).replace('"', "") if is_text else _json(value)


def _predefined(event: Mapping[str, Any], rule_arn: str) -> dict[str, Any]:
    flat = {name: value for name, value in event.items() if name != "detail"}
    flat["detailType"] = flat.pop("detail-type", "")
    return {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rpartition("/")[2],
        "aws.events.event": flat,
        "aws.events.event.json": event,
        "aws.events.event.ingestion-time": _written_time(None),
    }


def _at(path: str, event: Mapping[str, Any], missing: Any = None) -> Any:
    # A member's name may have a hyphen, as detail-type has, which the library wants in quotes.
    quoted = re.sub(r"\.([\w]+(?:-[\w]+)+)", r".'\1'", path)
    found = parse_path(quoted).find(event)
    return found[0].value if found else missing


def _written_time(time: Any) -> str:
    if isinstance(time, str) and time:
        return time
    moment = datetime.fromtimestamp(float(time), UTC) if time else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
