"""Which operation a rest-json request is for, from its method, path and query."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable

# An ARN may arrive with its slashes unescaped. Only a template's single label takes that: with
# two such labels, hostile paths would make the regular expression slow.
_LONE_LABEL = r"(arn:.+?|[^/]+)"
_LABEL = r"([^/]+)"
_GREEDY_LABEL = r"(.+)"
# Requests come for the same few paths again and again. Long ones are hardly among them.
_CACHED_PATHS = 1024
_LONGEST_CACHED_PATH = 256
_ANY = "{}"  # stands for the first segment of templates that begin with a label
_LABEL_IN_TEMPLATE = re.compile(r"(\{[^}]+\})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation's place: a method and a URI template, such as `/functions/{Name}?List=ALL`."""

    operation: str
    method: str
    template: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    operation: str
    required_query: dict[str, str | None]  # None: any value will do


@dataclass(frozen=True, slots=True)
class _Template:
    label_groups: tuple[int, ...]
    candidates: list[_Candidate]  # the one that requires most first


@dataclass(frozen=True, slots=True)
class _Group:
    """Every template of one method and first path segment, as one expression.

    Each alternative ends in an empty capture group, so that `lastindex` says which one matched.
    """

    expression: re.Pattern[str]
    templates: dict[int, _Template]


class Router:
    """Finds operations; a look-up costs one dictionary access and one regular expression."""

    def __init__(self, routes: Iterable[Route]) -> None:
        grouped: defaultdict[tuple[str, str], list[Route]] = defaultdict(list)
        for route in routes:
            first = _first_segment(route.template.partition("?")[0])
            grouped[route.method, _ANY if "{" in first else first].append(route)
        self._routes = dict(grouped)
        # Compiled when first asked for: all of them would take half of what it takes to load an API.
        self._groups: dict[tuple[str, str], _Group] = {}
        self._cached = functools.lru_cache(_CACHED_PATHS)(self._find)

    def match(self, method: str, path: str, query: str) -> tuple[str, tuple[str, ...]] | None:
        """The operation and its labels, percent-decoded in template order; None when unknown."""
        if query or len(path) > _LONGEST_CACHED_PATH:
            return self._find(method, path, query)
        return self._cached(method, path, query)

    def _find(self, method: str, path: str, query: str) -> tuple[str, tuple[str, ...]] | None:
        for first in (_first_segment(path), _ANY):
            group = self._group(method, first)
            found = _match(group, path, query) if group is not None else None
            if found is not None:
                return found
        return None

    def _group(self, method: str, first: str) -> _Group | None:
        key = method, first
        if key not in self._groups and key in self._routes:
            self._groups[key] = _compile(self._routes[key])
        return self._groups.get(key)


def _first_segment(path: str) -> str:
    return path[1:].partition("/")[0]


def _match(group: _Group, path: str, query: str) -> tuple[str, tuple[str, ...]] | None:
    match = group.expression.fullmatch(path)
    if match is None or match.lastindex is None:
        return None
    template = group.templates[match.lastindex]
    operation = _choose(template.candidates, query)
    if operation is None:
        return None
    labels = [match[index] for index in template.label_groups]
    return operation, tuple(unquote(label) if "%" in label else label for label in labels)


def _choose(candidates: list[_Candidate], query: str) -> str | None:
    if not candidates[0].required_query:
        return candidates[0].operation
    given = dict(parse_qsl(query, keep_blank_values=True))
    for candidate in candidates:
        required = candidate.required_query.items()
        if all(key in given and value in (None, given[key]) for key, value in required):
            return candidate.operation
    return None


def _compile(routes: list[Route]) -> _Group:
    candidates: defaultdict[str, list[_Candidate]] = defaultdict(list)
    labels: dict[str, int] = {}  # each is one group
    for route in sorted(routes, key=_specificity, reverse=True):
        path, _, query = route.template.partition("?")
        expression = _path_expression(path)
        candidates[expression].append(_Candidate(route.operation, _required_query(query)))
        labels[expression] = len(_LABEL_IN_TEMPLATE.findall(path))
    templates, position = {}, 0
    for expression, choices in candidates.items():
        groups = tuple(range(position + 1, position + labels[expression] + 1))
        position += labels[expression] + 1
        templates[position] = _Template(groups, choices)
    return _Group(re.compile("|".join(f"{text}()" for text in candidates)), templates)


def _specificity(route: Route) -> tuple[int, int]:
    # More fixed text first: `/a/{x}/history` before `/a/{x}`, whose label could hold the rest.
    path, _, query = route.template.partition("?")
    return len(_LABEL_IN_TEMPLATE.sub("", path)), len(query)


def _required_query(query: str) -> dict[str, str | None]:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {key: value if equals else None for key, equals, value in pairs}


def _path_expression(path: str) -> str:
    # Templates lost their trailing slashes over the years; clients of every age are about.
    parts = _LABEL_IN_TEMPLATE.split(path.rstrip("/"))
    labels = parts[1::2]
    plain = _LONE_LABEL if len(labels) == 1 else _LABEL
    patterns = [_GREEDY_LABEL if label.endswith("+}") else plain for label in labels]
    literals = [re.escape(part) for part in parts[::2]]
    pieces = [text for pair in zip(literals, [*patterns, "/?"], strict=True) for text in pair]
    return "".join(pieces)
