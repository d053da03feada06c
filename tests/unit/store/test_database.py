from __future__ import annotations

import asyncio
import resource
import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

from lambent.store.database import Database, DatabaseClosed


def insert(name):
    def job(connection):
        connection.execute(
            text("INSERT INTO functions VALUES ('1', 'us-east-1', :name, 1)"), {"name": name}
        )
        return name

    return job


async def names(database):
    rows = await database.read(
        lambda connection: connection.scalars(text("SELECT name FROM functions ORDER BY 1")).all()
    )
    return list(rows)


class Gate:
    """A job that holds the writer until the test lets it go, so that others queue up behind it."""

    def __init__(self):
        self.entered = threading.Event()
        self.release = threading.Event()

    def __call__(self, connection):
        self.entered.set()
        assert self.release.wait(30)


@pytest.fixture
async def gate(database):
    held = Gate()
    async with asyncio.TaskGroup() as group:
        group.create_task(database.write(held))
        await asyncio.to_thread(held.entered.wait, 30)
        yield held
        held.release.set()


async def submitted(*coroutines):
    """Tasks that have each put their job into the queue."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    await asyncio.sleep(0)
    return tasks


async def test_a_write_returns_its_result_and_a_read_sees_it(database):
    assert await database.write(insert("a")) == "a"
    assert await names(database) == ["a"]


async def test_commits_are_synced_to_the_disk(database):
    async def pragma(name):
        return await database.write(
            lambda connection: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
        )

    assert await pragma("journal_mode") == "wal"
    assert await pragma("synchronous") == 2
    assert await pragma("foreign_keys") == 1


async def test_jobs_that_wait_together_share_one_transaction(database, gate):
    tasks = await submitted(
        *(database.write(lambda connection: connection.get_transaction()) for _ in range(5))
    )
    gate.release.set()
    assert len(set(await asyncio.gather(*tasks))) == 1


async def test_more_jobs_than_a_group_takes_are_all_done(database, gate):
    tasks = await submitted(*(database.write(insert(f"{number:04}")) for number in range(600)))
    gate.release.set()
    await asyncio.gather(*tasks)
    assert len(await names(database)) == 600


async def test_a_failing_job_does_not_spoil_its_group(database, gate):
    def failing(connection):
        insert("half-done")(connection)
        raise LookupError("mine")

    tasks = await submitted(
        database.write(insert("before")), database.write(failing), database.write(insert("after"))
    )
    gate.release.set()
    before, error, after = await asyncio.gather(*tasks, return_exceptions=True)
    assert (before, after) == ("before", "after")
    assert isinstance(error, LookupError)
    assert await names(database) == ["after", "before"]


async def test_a_violated_constraint_is_its_jobs_own_error(database, gate):
    tasks = await submitted(*(database.write(insert(name)) for name in ("a", "a", "b")))
    gate.release.set()
    _, error, _ = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(error, IntegrityError)
    assert await names(database) == ["a", "b"]


async def test_a_job_is_done_although_its_caller_was_cancelled(database, gate):
    seen: list[str] = []
    (task,) = await submitted(database.write(insert("a"), committed=seen.append))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.release.set()
    await database.write(insert("b"))
    assert await names(database) == ["a", "b"]
    assert seen == ["a"]


async def test_what_follows_a_commit_happens_in_order_and_before_the_caller_goes_on(database):
    seen: list[str] = []

    async def write(number):
        await database.write(insert(f"{number:02}"), committed=seen.append)
        assert f"{number:02}" in seen

    await asyncio.gather(*(write(number) for number in range(50)))
    assert seen == sorted(seen)


async def test_nothing_follows_a_job_that_failed(database):
    seen: list[str] = []
    await database.write(insert("a"), committed=seen.append)
    with pytest.raises(IntegrityError):
        await database.write(insert("a"), committed=seen.append)
    assert seen == ["a"]


async def test_a_callback_that_fails_leaves_nobody_unanswered(database, gate):
    reported = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: reported.append(context["exception"])
    )

    def failing(_):
        raise LookupError

    tasks = await submitted(
        database.write(insert("a"), committed=failing), database.write(insert("b"))
    )
    gate.release.set()
    assert await asyncio.gather(*tasks) == ["a", "b"]
    assert [type(error) for error in reported] == [LookupError]


async def test_a_commit_the_disk_refuses_fails_the_whole_group_and_no_later_one(database, gate):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    tasks = await submitted(*(database.write(insert(name)) for name in ("a", "b")))
    # The database's log may not grow from here on: writing to it fails as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        gate.release.set()
        errors = await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [type(error) for error in errors] == [OperationalError, OperationalError]
    assert await names(database) == []
    await database.write(insert("later"))
    assert await names(database) == ["later"]


async def test_a_full_disk_fails_the_whole_group_and_no_later_one(database, gate):
    def limit(connection):
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    # SQLite then undoes the whole transaction and not only the statement.
    tasks = await submitted(
        *(database.write(job) for job in (limit, insert("a"), insert("x" * 100_000), insert("b")))
    )
    gate.release.set()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert ["full" in str(error) for error in errors] == [True] * 4
    assert await names(database) == []
    assert await database.write(insert("later")) == "later"


async def test_a_read_cannot_write(database):
    with pytest.raises(OperationalError, match="readonly"):
        await database.read(insert("a"))
    assert await names(database) == []


async def test_a_read_sees_one_moment(database):
    first, second = threading.Event(), threading.Event()

    def count(connection):
        return connection.scalar(text("SELECT count(*) FROM functions"))

    def count_twice(connection):
        before = count(connection)
        first.set()
        assert second.wait(30)
        return before, count(connection)

    reading = asyncio.ensure_future(database.read(count_twice))
    await asyncio.to_thread(first.wait, 30)
    await database.write(insert("a"))
    second.set()
    assert await reading == (0, 0)
    assert await database.read(count) == 1


async def test_closing_finishes_what_is_queued(tmp_path):
    path = tmp_path / "lambent.sqlite"
    async with Database.open(path) as database:
        tasks = await submitted(*(database.write(insert(f"{number:03}")) for number in range(300)))
    assert all(task.done() for task in tasks)
    async with Database.open(path) as database:
        assert len(await names(database)) == 300


async def test_a_write_to_a_closed_database_is_refused(tmp_path):
    async with Database.open(tmp_path / "lambent.sqlite") as database:
        pass
    with pytest.raises(DatabaseClosed):
        await database.write(insert("a"))


async def test_cancelling_while_closing_still_closes(tmp_path):
    gate = Gate()

    async def use():
        async with Database.open(tmp_path / "lambent.sqlite") as database:
            await submitted(database.write(gate))
            await asyncio.to_thread(gate.entered.wait, 30)

    using = asyncio.ensure_future(use())
    await asyncio.to_thread(gate.entered.wait, 30)
    await asyncio.wait([using], timeout=0.01)
    using.cancel()
    await asyncio.wait([using], timeout=0.01)
    assert not using.done()
    gate.release.set()
    with pytest.raises(asyncio.CancelledError):
        await using
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("database")]


async def test_a_file_that_is_no_database_is_refused_and_no_thread_stays(tmp_path):
    path = tmp_path / "lambent.sqlite"
    path.write_bytes(b"something else " * 1000)
    with pytest.raises(DatabaseError):
        async with Database.open(path):
            pass
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("database")]


async def test_a_path_may_hold_any_character(tmp_path):
    path = tmp_path / "a b%20?c#d&e=f.sqlite"
    async with Database.open(path) as database:
        await database.write(insert("a"))
    assert path.exists()
