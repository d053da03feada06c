"""A sandbox in which a copy of a snapshot waits to go on as an environment's runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lambent.aws.credentials import Credentials
    from lambent.sandbox.sandbox import Command, NetworkSlot, Process, Sandbox, Volume


class RestoredSandbox:
    """See `prepared_sandbox.PreparedSandbox`. `release` is called when nothing of it is left."""

    is_restored = True

    def __init__(
        self,
        sandbox: Sandbox,
        slot: NetworkSlot,
        volume: Volume,
        release: Callable[[], None],
        inherited: Sequence[Credentials],
    ) -> None:
        self.inherited = inherited
        self.sandbox = sandbox
        self.slot = slot
        self.volume = volume
        self._release = release

    async def run(self, command: Command) -> Process:
        """Let it go on; of the command it takes the environment. Raises SandboxStartFailed."""
        return await self.sandbox.run(command)

    async def run_beside(self, command: Command) -> Process:
        """Nothing ever is. Raises SandboxStartFailed."""
        return await self.sandbox.run_beside(command)

    async def close(self) -> None:
        """End everything in it. Its volume stays."""
        try:
            try:
                await self.sandbox.close()
            finally:
                await self.slot.close()
        finally:
            self._release()
