"""The X-Ray trace header.

https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
"""

from __future__ import annotations

import os
import re
import time

_FIELD = re.compile(r"[A-Za-z]{1,16}=[A-Za-z0-9:|\-]{1,256}")
_ROOT = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}", re.ASCII)


def continue_trace(header: str | None) -> str:
    """The trace an invocation belongs to: the caller's, where it named one properly, or a new one."""
    fields = _parse(header) if header else {}
    root = fields.get("Root", "")
    if not _ROOT.fullmatch(root):
        return f"Root={_new_root()};Parent={os.urandom(8).hex()};Sampled=0"
    parent = fields.get("Parent") or os.urandom(8).hex()
    lineage = f";Lineage={fields['Lineage']}" if "Lineage" in fields else ""
    return f"Root={root};Parent={parent};Sampled={fields.get('Sampled', '0')}{lineage}"


def _parse(header: str) -> dict[str, str]:
    parts = [part.strip() for part in header[:1024].split(";")]
    return dict(part.split("=", 1) for part in parts if _FIELD.fullmatch(part))


def _new_root() -> str:
    return f"1-{int(time.time()):08x}-{os.urandom(12).hex()}"
