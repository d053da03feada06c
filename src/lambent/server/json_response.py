"""Answers of Lambent's own, which are of no API of AWS's."""

from __future__ import annotations

import json

from lambent.protocol.http import HttpResponse


def json_response(status: int, document: dict[str, object]) -> HttpResponse:
    return HttpResponse(
        status=status,
        headers=[("content-type", "application/json")],
        body=json.dumps(document).encode(),
    )
