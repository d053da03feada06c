"""Why a runtime or an extension is gone, in the words Lambda uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambent.sandbox.sandbox import Exit

# As Go, in which AWS's supervisor is written, names them.
_SIGNALS = {
    1: "hangup",
    2: "interrupt",
    3: "quit",
    4: "illegal instruction",
    5: "trace/breakpoint trap",
    6: "aborted",
    7: "bus error",
    8: "floating point exception",
    9: "killed",
    11: "segmentation fault",
    13: "broken pipe",
    14: "alarm clock",
    15: "terminated",
}


def exit_reason(process_exit: Exit) -> str:
    """Of a runtime: `Runtime exited with error: exit status 1`, and its like."""
    cause = _cause(process_exit)
    if cause is None:
        return "Runtime exited without providing a reason"
    return f"Runtime exited with error: {cause}"


def extension_exit_reason(process_exit: Exit) -> str:
    """Of an external extension: `exit status 1`, and its like."""
    return _cause(process_exit) or "exit code 0"


def _cause(process_exit: Exit) -> str | None:
    """None for a process that ended as if all were well."""
    if process_exit.is_out_of_memory:
        return "signal: killed"
    if process_exit.signal is not None:
        return f"signal: {_SIGNALS.get(process_exit.signal, process_exit.signal)}"
    return f"exit status {process_exit.code}" if process_exit.code else None
