"""Which tests stay with one process when several share them out."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

# All tests below each of these share servers that have runtimes in stock, or a message broker, which
# take seconds.
_ONE_PROCESS = (
    "tests/compatibility/runtimes/",
    "tests/conformance/",
    "tests/integration/emulator/",
    "tests/integration/execution_environment/",
)


class LoadFileOrDirectoryScheduling(LoadFileScheduling):  # type: ignore[misc]
    """As `--dist loadfile` does it, but these directories stay whole."""

    def _split_scope(self, nodeid: str) -> str:
        for directory in _ONE_PROCESS:
            if nodeid.startswith(directory):
                return directory
        return str(super()._split_scope(nodeid))
