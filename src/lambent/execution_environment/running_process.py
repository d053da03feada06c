"""A process of an environment, with what it prints, from its start to its last words."""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING

from lambent.execution_environment.output.function_output import Frames, FunctionOutput, Lines

if TYPE_CHECKING:
    from lambent.execution_environment.output.environment_log import EnvironmentLog
    from lambent.sandbox.sandbox import Exit, Process


class RunningProcess:
    """A process that is watched: `watch` is the one owner of its pipes."""

    def __init__(
        self, process: Process, lines: Lines, outputs: list[FunctionOutput], log_stream: str
    ) -> None:
        self._process = process
        self._lines = lines
        self._outputs = outputs
        self._log_stream = log_stream
        self._readable = select.poll()
        for output in outputs:
            self._readable.register(output.descriptor, select.POLLIN)
        self.has_ended = asyncio.Event()

    @classmethod
    def runtime(cls, process: Process, log: EnvironmentLog) -> RunningProcess:
        """Its lines and its log frames are the function's."""
        lines = Lines(log.function)
        outputs = [FunctionOutput(process.output, lines, log)]
        if process.telemetry is not None:
            outputs.append(FunctionOutput(process.telemetry, Frames(log.framed), log))
        return cls(process, lines, outputs, log.stream_name)

    @classmethod
    def extension(cls, process: Process, log: EnvironmentLog) -> RunningProcess:
        lines = Lines(log.extension)
        return cls(process, lines, [FunctionOutput(process.output, lines, log)], log.stream_name)

    async def watch(self) -> Exit:
        """Take in what it prints until it has ended; then, how it did."""
        async with asyncio.TaskGroup() as readers:
            for output in self._outputs:
                readers.create_task(output.run(), name=f"output of {self._log_stream}")
            try:
                process_exit = await self._process.wait()
            finally:
                for output in self._outputs:
                    output.stop()
        self.has_ended.set()
        return process_exit

    def drain_output(self) -> None:
        """Take in what was written so far; a line without an end ends here, with its invocation."""
        # One question for all pipes: most functions print nothing most of the time.
        if self._readable.poll(0):
            for output in self._outputs:
                output.drain()
        self._lines.flush()

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()
