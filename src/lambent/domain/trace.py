"""The X-Ray trace header, and the lineage in it: which functions a chain of events went through.

https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader

AWS documents that it counts in this header, not how. What functions on AWS are handed looks like
`Lineage=1:fe460cdd:0`, formerly `Lineage=a87bd80c:1|68fd508a:5`: a function's digest, and how often
the chain came back to it. Ours is `Lineage=<invocations so far>:<digest>:<count>|...`, the function
that is invoked last, so that a chain of one function has the form AWS's has now.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from functools import lru_cache

from lambent.domain.identifiers import random_digits

_FIELD = re.compile(r"[A-Za-z]{1,16}=[A-Za-z0-9:|\-]{1,512}")
_ROOT = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}", re.ASCII)

_LINEAGE = re.compile(
    r"(?:(?P<invocations>[0-9]{1,5}):)?(?P<functions>[0-9a-f]{8}:[0-9]{1,5}(?:\|[0-9a-f]{8}:[0-9]{1,5})*)",
    re.ASCII,
)
# The header stays far below what HTTP servers take: a loop through more functions than this is not
# found, and loops that are made by mistake have one or two.
_MOST_FUNCTIONS = 32
# As far as OpenTelemetry's readers of the header believe a count.
_MOST_INVOCATIONS = 32_767
_MOST_RETURNS = 255

_ROOT_IN_HEADER = re.compile(r"Root=(1-[0-9a-f]{8}-[0-9a-f]{24})(?:;|$)", re.ASCII)


@dataclass(frozen=True, slots=True)
class SampledTrace:
    """The trace of an invocation that X-Ray is to keep, as logs and telemetry tell it."""

    header: str
    root: str
    segment_id: str  # of the invocation's own segment


def sampled_trace(header: str) -> SampledTrace | None:
    """The trace a header names, with a new segment in it; None when it is not sampled."""
    # Nearly no invocation is: this comes first, and costs next to nothing.
    if "Sampled=1" not in header:
        return None
    root = _ROOT_IN_HEADER.search(header)
    return SampledTrace(header, root[1], random_digits(16)) if root else None


def continue_trace(header: str | None, function_arn: str) -> str:
    """The trace an invocation of a function (its ARN without qualifier) belongs to.

    That is the caller's, where it named one properly, or a new one. The function is counted in its
    lineage: call this once for an event, however often it is then tried.
    """
    if not header:
        return _new_trace(function_arn)
    fields = _parse(header)
    root = fields.get("Root", "")
    if not _ROOT.fullmatch(root):
        return _new_trace(function_arn)
    parent = fields.get("Parent") or random_digits(16)
    lineage = _lengthened(fields.get("Lineage", ""), function_arn)
    return f"Root={root};Parent={parent};Sampled={fields.get('Sampled', '0')};Lineage={lineage}"


def times_returned(header: str) -> int:
    """How often a chain came back to the function that `continue_trace` counted in its header.

    0 when the function is in it for the first time, or for a header that nothing was counted in.
    """
    _, _, count = header.rpartition(":")
    return int(count) if count.isascii() and count.isdigit() else 0


def _new_trace(function_arn: str) -> str:
    # What nearly every invocation gets: nothing is parsed for it, and all is drawn at once.
    digits = random_digits(24 + 16)
    return (
        f"Root=1-{int(time.time()):08x}-{digits[:24]};Parent={digits[24:]};Sampled=0;"
        f"Lineage=1:{_digest(function_arn)}:0"
    )


def _lengthened(lineage: str, function_arn: str) -> str:
    this = _digest(function_arn)
    invocations, counts = _read_lineage(lineage)
    returned = min(counts.pop(this, -1) + 1, _MOST_RETURNS)
    if len(counts) >= _MOST_FUNCTIONS:
        # The least often met, of these the one longest ago: a long way into a loop is forgotten,
        # the loop is not.
        del counts[min(counts, key=counts.__getitem__)]
    counts[this] = returned
    functions = "|".join(f"{digest}:{count}" for digest, count in counts.items())
    return f"{min(invocations + 1, _MOST_INVOCATIONS)}:{functions}"


def _read_lineage(lineage: str) -> tuple[int, dict[str, int]]:
    read = _LINEAGE.fullmatch(lineage)
    if read is None:
        return 0, {}
    pairs = (function.split(":") for function in read["functions"].split("|"))
    counts = {digest: min(int(count), _MOST_RETURNS) for digest, count in pairs}
    return int(read["invocations"] or len(counts)), counts


@lru_cache(maxsize=4096)
def _digest(function_arn: str) -> str:
    return hashlib.sha256(function_arn.encode()).hexdigest()[:8]


def _parse(header: str) -> dict[str, str]:
    # botocore sends the header a function was given on with its bars percent-encoded.
    plain = header[:2048].replace("%7C", "|").replace("%7c", "|")
    parts = [part.strip() for part in plain.split(";")]
    return dict(part.split("=", 1) for part in parts if _FIELD.fullmatch(part))
