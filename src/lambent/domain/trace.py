"""The X-Ray trace header.

https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from lambent.domain.identifiers import random_digits

_FIELD = re.compile(r"[A-Za-z]{1,16}=[A-Za-z0-9:|\-]{1,256}")
_ROOT = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}", re.ASCII)

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


def continue_trace(header: str | None) -> str:
    """The trace an invocation belongs to: the caller's, where it named one properly, or a new one."""
    if not header:
        return f"Root={_new_root()};Parent={random_digits(16)};Sampled=0"
    fields = _parse(header)
    root = fields.get("Root", "")
    if not _ROOT.fullmatch(root):
        return f"Root={_new_root()};Parent={random_digits(16)};Sampled=0"
    parent = fields.get("Parent") or random_digits(16)
    lineage = f";Lineage={fields['Lineage']}" if "Lineage" in fields else ""
    return f"Root={root};Parent={parent};Sampled={fields.get('Sampled', '0')}{lineage}"


def _parse(header: str) -> dict[str, str]:
    parts = [part.strip() for part in header[:1024].split(";")]
    return dict(part.split("=", 1) for part in parts if _FIELD.fullmatch(part))


def _new_root() -> str:
    return f"1-{int(time.time()):08x}-{random_digits(24)}"
