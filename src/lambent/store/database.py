"""SQLite behind one writer thread and a few reader threads.

A commit costs one fsync, whatever is in it. So the writer takes every job that waits, runs them in
one transaction, and commits once for all of them (group commit).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar, cast

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DatabaseError

from lambent.store.migration import migrate

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

T = TypeVar("T")

_READERS = 4
# Bounds how long the first job of a group waits for the last one.
_MAX_GROUP_JOBS = 256
_WAL_BYTES = 64 * 1024 * 1024
_BUSY_TIMEOUT = "busy_timeout = 5000"  # milliseconds; `sqlite3 file` on the side must not fail us


class DatabaseClosed(Exception):
    """Raised when a write comes after the database began to close."""


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    run: Callable[[Connection], object]
    committed: Callable[[object], None] | None
    reply: asyncio.Future[object]


@dataclass(frozen=True, slots=True)
class _Outcome:
    job: _Job
    result: object = None
    error: Exception | None = None


def _keep_private(path: Path) -> None:
    """Make the file, if it is not there, and let nobody else read it: it has functions' settings.

    SQLite gives the files it makes beside it the same mode.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    for each in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
        with contextlib.suppress(FileNotFoundError):
            each.chmod(0o600)  # an earlier release left it to the umask


def _engine(path: Path, begin: str, pragmas: tuple[str, ...], connections: int) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=connections,
        hide_parameters=True,  # errors are logged, and what callers sent is not for logs
    )

    # The driver would begin transactions on its own terms: not before SELECT, SAVEPOINT or DDL.
    # https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#pysqlite-serializable
    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _writing_engine(path: Path) -> Engine:
    pragmas = (
        _BUSY_TIMEOUT,
        "journal_mode = WAL",
        "synchronous = FULL",  # in WAL mode anything less loses commits when the power fails
        "foreign_keys = ON",
        # What a burst has made of the file beside the database is given back once it is written.
        f"journal_size_limit = {_WAL_BYTES}",
    )
    return _engine(path, "BEGIN IMMEDIATE", pragmas, connections=1)


def _reading_engine(path: Path) -> Engine:
    return _engine(path, "BEGIN", (_BUSY_TIMEOUT, "query_only = ON"), connections=_READERS)


def _run_job(connection: Connection, job: _Job) -> _Outcome:
    savepoint = connection.begin_nested()
    try:
        result = job.run(connection)
    except Exception as error:  # noqa: BLE001 (a boundary: what a job raises is for its caller)
        try:
            savepoint.rollback()
        except DatabaseError:
            # SQLite has undone the whole transaction, as it does on a full disk: the jobs before
            # this one are undone too, and all of the group must hear why.
            raise error from None
        return _Outcome(job, error=error)
    savepoint.commit()
    return _Outcome(job, result)


def _run_group(engine: Engine, jobs: list[_Job]) -> list[_Outcome]:
    """Runs the jobs in one transaction, which is durable when this returns."""
    with engine.connect() as connection:
        try:
            with connection.begin():
                return [_run_job(connection, job) for job in jobs]
        except BaseException:
            # What state a failed commit leaves the connection in is not worth reasoning about.
            connection.invalidate()
            raise


def _answer(outcome: _Outcome) -> None:
    """Runs in the event loop, where the caller may have been cancelled meanwhile."""
    job = outcome.job
    if not job.reply.done():
        if outcome.error is None:
            job.reply.set_result(outcome.result)
        else:
            job.reply.set_exception(outcome.error)
    # Before the caller goes on: setting a result only schedules it.
    if outcome.error is None and job.committed is not None:
        job.committed(outcome.result)


async def _finish(work: asyncio.Future[None]) -> None:
    """Waits for `work` to the end even if cancelled meanwhile, and only then is cancelled."""
    cancelled = False
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    work.result()


@dataclass(frozen=True, slots=True)
class Write:
    """A write that another one is to be in one transaction with: see `Database.write`."""

    job: Callable[[Connection], None]
    committed: Callable[[], None]


def together(writes: Sequence[Write]) -> Write:
    """All of these writes as one."""

    def job(connection: Connection) -> None:
        for each in writes:
            each.job(connection)

    def committed() -> None:
        for each in writes:
            each.committed()

    return Write(job, committed)


class Database:
    """Everything durable except deployment packages. Made by `Database.open`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()  # None: close
        self._is_closing = False
        # A daemon, because a program that dies without closing must not hang on its exit.
        self._writer = threading.Thread(target=self._write_groups, name="database", daemon=True)
        self._reading_engine = _reading_engine(path)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="database reader")

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Database]:
        """The SQLite database at `path`, made or migrated first if need be.

        When the block ends, what was queued is finished. Raises DatabaseTooNew, or SQLAlchemy's
        DatabaseError when the file cannot be used.
        """
        await asyncio.to_thread(_keep_private, path)
        database = cls(path)
        database._writer.start()
        try:
            await database.write(migrate)
            yield database
        finally:
            database._is_closing = True
            await _finish(database._loop.run_in_executor(None, database._stop_threads))

    async def write(
        self, job: Callable[[Connection], T], *, committed: Callable[[T], None] | None = None
    ) -> T:
        """Runs `job` in the writer thread; what it wrote is durable when this returns.

        What `job` raises comes out here and undoes only this job. Once here, a job runs even if the
        caller is cancelled; so whoever mirrors the database in memory does it in `committed`, which
        is called in the event loop, in the order of the commits, before the caller goes on.
        """
        if self._is_closing:
            raise DatabaseClosed
        reply: asyncio.Future[object] = self._loop.create_future()
        self._jobs.put(_Job(job, cast("Callable[[object], None] | None", committed), reply))
        return cast("T", await reply)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Runs `query` in a reader thread, on one consistent snapshot that cannot be written to."""
        return await self._loop.run_in_executor(self._readers, self._read, query)

    def _read(self, query: Callable[[Connection], T]) -> T:
        with self._reading_engine.connect() as connection:
            return query(connection)

    def _write_groups(self) -> None:
        engine = _writing_engine(self._path)
        while jobs := self._next_group():
            try:
                outcomes = _run_group(engine, jobs)
            except Exception as error:  # noqa: BLE001 (a boundary: the writer outlives any failure)
                outcomes = [_Outcome(job, error=error) for job in jobs]
            self._loop.call_soon_threadsafe(self._answer_all, outcomes)
        engine.dispose()

    def _next_group(self) -> list[_Job]:
        """All jobs that wait, at least one; none at the end."""
        group: list[_Job] = []
        job = self._jobs.get()
        try:
            while job is not None:
                group.append(job)
                if len(group) == _MAX_GROUP_JOBS:
                    return group
                job = self._jobs.get_nowait()
        except Empty:
            return group
        if group:
            self._jobs.put(None)  # for the next round
        return group

    def _answer_all(self, outcomes: list[_Outcome]) -> None:
        # One callback each, so that one which fails does not leave the others unanswered.
        for outcome in outcomes:
            self._loop.call_soon(_answer, outcome)

    def _stop_threads(self) -> None:
        self._jobs.put(None)
        self._writer.join()
        self._readers.shutdown()
        self._reading_engine.dispose()
