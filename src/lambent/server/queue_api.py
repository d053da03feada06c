"""The queue of asynchronous invocations over HTTP, for the operator: `lambent queue` is a client.

GET  /_lambent/queue?function=&state=&after=&limit=   counts, and a page of what there is
GET  /_lambent/queue/ID                               one of them, with its payload
POST /_lambent/queue/redrive                          {"ids": [...]}, {"function": ...} or
POST /_lambent/queue/purge                            {"all": true}; "state" with each
                                                      and why some of the ids were not changed
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from lambent.domain.errors import ServiceError
from lambent.invocation.asynchronous.queue_view import DELIVERY_STATES, EVENT_STATES, Meant
from lambent.server.json_response import json_response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambent.invocation.asynchronous.queue_view import Changed, QueueState, QueueView
    from lambent.protocol.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)

# Ours: no operation of AWS's has such a path.
PATH = "/_lambent/queue"

_MOST_BODY_BYTES = 64 * 1024
_MOST_LISTED = 1000
_MOST_IDS = 1000
_STATES: dict[str, QueueState] = {state: state for state in (*EVENT_STATES, *DELIVERY_STATES)}
_ACTIONS = ("redrive", "purge")
_MEMBERS = frozenset({"ids", "function", "state", "all"})


class _Refused(Exception):
    """Raised with the status and the sentence of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class QueueApi:
    """Answers requests whose path `serves`."""

    view: QueueView

    @staticmethod
    def serves(path: str) -> bool:
        return path == PATH or path.startswith(f"{PATH}/")

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            document = await self._answer(request)
        except _Refused as refused:
            return json_response(refused.status, {"Message": refused.message})
        except ServiceError as error:
            return json_response(404, {"Message": error.message})
        except Exception:  # a boundary, as of a full disk: nothing of it is the client's fault
            logger.exception("%s %s failed", request.method, request.path)
            return json_response(500, {"Message": "This failed; the server's log says why."})
        # A record may have megabytes.
        return await asyncio.to_thread(json_response, 200, document)

    async def _answer(self, request: HttpRequest) -> dict[str, object]:
        rest = request.path.removeprefix(PATH).strip("/")
        if rest in _ACTIONS:
            meant = _meant(_document(request))
            changes = self.view.redrive if rest == "redrive" else self.view.purge
            return _changed(await changes(meant))
        if request.method not in ("GET", "HEAD"):
            raise _Refused(405, f"POST is for {PATH}/redrive and {PATH}/purge; use GET here.")
        if rest:
            return await self.view.show(unquote(rest))
        return await self._list(dict(parse_qsl(request.query)))

    async def _list(self, query: dict[str, str]) -> dict[str, object]:
        _refuse_unknown(query, ("function", "state", "after", "limit"))
        meant = Meant(**_function(query.get("function")), state=_state(query.get("state")))
        limit = query.get("limit", "100")
        if not (limit.isascii() and limit.isdigit() and 0 < int(limit[:5]) <= _MOST_LISTED):
            raise _Refused(400, f"limit must be from 1 to {_MOST_LISTED}.")
        try:
            page = await self.view.page(meant, after=query.get("after"), most=int(limit))
        except ValueError:
            raise _Refused(400, "after must be the `next` of another answer.") from None
        return {
            "counts": [
                {
                    "account_id": account_id,
                    "region": region,
                    "function": name,
                    "state": state,
                    "count": count,
                }
                for ((account_id, region, name), state), count in sorted(
                    (await self.view.counts()).items()
                )
                if meant.name in (None, name)
                and meant.account_id in (None, account_id)
                and meant.region in (None, region)
                and meant.state in (None, state)
            ],
            "items": page.items,
            "next": page.next,
        }


def _document(request: HttpRequest) -> dict[str, object]:
    """The body of what changes something. Raises _Refused."""
    if request.method != "POST":
        raise _Refused(405, "This changes the queue: use POST.")
    # No page of another site can send this one without asking first, whatever its browser tells.
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise _Refused(415, "Send JSON, with the header Content-Type: application/json.")
    if request.is_too_large or len(request.body) > _MOST_BODY_BYTES:
        raise _Refused(413, f"The body may have {_MOST_BODY_BYTES} bytes.")
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError):
        raise _Refused(400, "The body is not JSON.") from None
    if not isinstance(document, dict):
        raise _Refused(400, 'The body must be an object, such as {"function": "greet"}.')
    return document


def _meant(document: dict[str, object]) -> Meant:
    """Raises _Refused unless it says which ones: nobody changes everything by leaving a word out."""
    _refuse_unknown(document, _MEMBERS)
    ids, is_all = document.get("ids"), document.get("all")
    if is_all not in (None, True):
        raise _Refused(400, "all must be true, or not be there.")
    if sum(document.get(name) is not None for name in ("ids", "function", "all")) != 1:
        raise _Refused(400, 'Say which ones: one of "ids", "function" and "all".')
    return Meant(
        **_function(document.get("function")),
        state=_state(document.get("state")),
        ids=None if ids is None else _ids(ids),
    )


def _refuse_unknown(given: Iterable[str], known: Iterable[str]) -> None:
    unknown = set(given) - set(known)
    if unknown:
        raise _Refused(400, f"{', '.join(sorted(unknown))}: not known. It may be {sorted(known)}.")


def _function(name: object) -> dict[str, str]:
    """A function of this name in any account and region, or the one with this ARN."""
    if name is None:
        return {}
    if not isinstance(name, str) or not name:
        raise _Refused(400, "function must be the name or the ARN of a function.")
    parts = name.split(":")
    if len(parts) == 1:
        return {"name": name}
    if len(parts) != 7 or parts[2] != "lambda" or parts[5] != "function":
        raise _Refused(400, f"{name} is neither the name nor the ARN of a function.")
    return {"region": parts[3], "account_id": parts[4], "name": parts[6]}


def _state(name: object) -> QueueState | None:
    if name is None:
        return None
    if not isinstance(name, str) or name not in _STATES:
        raise _Refused(400, f"state must be one of {', '.join(_STATES)}.")
    return _STATES[name]


def _ids(ids: object) -> list[str]:
    if not isinstance(ids, list) or not all(isinstance(each, str) and each for each in ids):
        raise _Refused(400, 'ids must be a list of texts, such as ["12", "d3"].')
    if not 0 < len(ids) <= _MOST_IDS:
        raise _Refused(400, f"ids must be from 1 to {_MOST_IDS}.")
    return ids


def _changed(changed: Changed) -> dict[str, object]:
    return {
        "events": changed.events,
        "deliveries": changed.deliveries,
        "not_changed": dict(changed.not_changed),
    }
