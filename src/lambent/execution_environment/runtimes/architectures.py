"""Which foreign architectures this host's kernel runs through an emulator: binfmt_misc."""

from __future__ import annotations

import platform
from pathlib import Path

from lambent.domain.runtime_catalogue import ARM64, X86_64

_HANDLERS = Path("/proc/sys/fs/binfmt_misc")
_MACHINES = {"aarch64": ARM64, "x86_64": X86_64}


def emulated_architectures(handlers: Path = _HANDLERS) -> frozenset[str]:
    """The architectures, in Lambda's words, beside the host's own.

    A handler counts when sandboxes can use it: its emulator was opened when it was registered
    (flag F), or is under /usr, which every sandbox has.
    """
    found = set()
    for machine, architecture in _MACHINES.items():
        if machine != platform.machine() and any(
            _is_usable(file) for file in handlers.glob(f"*{machine}*")
        ):
            found.add(architecture)
    return frozenset(found)


def _is_usable(handler: Path) -> bool:
    try:
        lines = handler.read_text().splitlines()
    except OSError:
        return False
    said = dict(line.partition(" ")[::2] for line in lines)
    is_everywhere = "F" in said.get("flags:", "") or said.get("interpreter", "").startswith("/usr/")
    return "enabled" in said and is_everywhere
