"""Isolation by namespaces: what a server holds in common for all its sandboxes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lambent.sandbox import (
    bubblewrap,
    late_mounts,
    privileges,
    root_files,
    seccomp,
    servers,
    system_calls,
    template,
    volume_copies,
    volumes,
)
from lambent.sandbox.bubblewrap_body import BubblewrapBody, Design
from lambent.sandbox.control_groups import freezer
from lambent.sandbox.control_groups.groups import (
    ControlGroups,
    open_control_groups,
    remove_left_behind,
)
from lambent.sandbox.fork_server import ForkServer
from lambent.sandbox.launcher import Launcher
from lambent.sandbox.network.shared import SharedNetwork, host_thread, open_shared_network
from lambent.sandbox.network.slots import SlotPool, make_slot
from lambent.sandbox.network.uplink import NAME_SERVER
from lambent.sandbox.restored_body import RestoredBody
from lambent.sandbox.sandbox import Body, Limits, Mount, NetworkSlot, Volume
from lambent.sandbox.users import UserIds

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from lambent.sandbox.sandbox import Command
    from lambent.sandbox.template import Template

_log = logging.getLogger(__name__)

# Each start is some milliseconds of waiting for other processes.
_THREADS = 8
# Each waits for seconds, at worst.
_PATIENT_THREADS = 64
_SLOTS_IN_STOCK = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Common:
    directory: Path
    executor: Executor  # its threads live in a network namespace that leads nowhere
    patient: Executor  # more of these, for what a function's processes can hold up
    surroundings: bubblewrap.Surroundings
    groups: ControlGroups
    users: UserIds | None  # None where we have only one user id to give
    network: SharedNetwork
    door_port: int  # in each slot; 0: any
    has_volumes_on_disk: bool
    template_filter: Path | None  # of sandboxes whose processes may be copied
    undo: ExitStack


class Namespaces:
    """See `isolation.Kind`."""

    def __init__(self, common: _Common) -> None:
        self._common = common
        self._numbers = itertools.count()
        self._launchers: dict[int, Launcher] = {}  # by the descriptor of their network namespace
        self.slots = SlotPool(self._make_slot, common.executor, _SLOTS_IN_STOCK)
        self.executor = common.executor
        self.patient = common.patient

    async def take_slot(self) -> NetworkSlot:
        return await self.slots.take()

    def make_volume(self, size_bytes: int, like: Volume | None = None) -> Volume:
        users = self._common.users if like is None else None
        number = next(self._numbers)
        place = self._common.directory / "places" / str(number)
        image = self._common.directory / "volumes" / f"{number}.ext4"
        place.mkdir()
        user_id = users.take() if users else like.user_id if like else None

        def remove() -> None:
            volumes.unmount(place / "files", image)
            root_files.remove_accounts(place)
            place.rmdir()
            if users and user_id is not None:
                users.release(user_id)

        async def remove_in_thread() -> None:
            await asyncio.get_running_loop().run_in_executor(self.patient, remove)

        try:
            self._mount(place / "files", image, size_bytes, user_id)
            root_files.write_accounts(place, *_ids_inside(user_id))
            if like is not None:
                volume_copies.copy_files(like.path, place / "files")
        except BaseException:
            remove()
            raise
        return Volume(
            path=place / "files", user_id=user_id, accounts=place, remove=remove_in_thread
        )

    def build(
        self,
        mounts: Sequence[Mount],
        limits: Limits,
        volume: Volume,
        slot: NetworkSlot,
        *,
        may_be_copied: bool,
        may_have_company: bool,
    ) -> Body:
        if slot.namespace is None:
            raise ValueError("this network slot is of another kind of isolation")
        launcher = None if may_be_copied else self._launchers.pop(slot.namespace, None)
        if launcher is None:
            # The second sandbox in one slot waits for a new launcher, as does one with a filter of
            # its own: that comes with the launcher.
            launcher = self._launcher(slot.namespace, may_be_copied=may_be_copied)
        design = Design(
            surroundings=self._surroundings(may_be_copied=may_be_copied),
            group=launcher.group,
            mounts=tuple(mounts),
            limits=limits,
            volume=volume,
            # Copies live as long as their sandbox, not as long as their template.
            may_have_company=may_have_company or may_be_copied,
        )
        try:
            launcher.group.limit(limits)
            return BubblewrapBody(design, launcher.launch(*_construction(design)))
        except BaseException:
            _discard(launcher)
            raise

    def fork_server(self, command: Command, mounts: Sequence[Mount]) -> ForkServer:
        return ForkServer(self._common.surroundings, command, mounts)

    def _make_slot(self) -> NetworkSlot:
        common, home = self._common, self._common.surroundings.home_network
        slot = make_slot(home, common.network.router, common.door_port)
        namespace = slot.namespace
        if namespace is None:
            return slot

        def release() -> None:
            launcher = self._launchers.pop(namespace, None)
            if launcher is not None:
                _discard(launcher)
            slot.release()

        try:
            self._launchers[namespace] = self._launcher(namespace)
        except BaseException:
            slot.release()
            raise
        return replace(self._with_threads_of_ours(slot), release=release)

    def find_snapshot_problem(self) -> str:
        if not self._common.groups.directories:
            return "there are no control groups, without which nobody could end all of a copy"
        if self._common.template_filter is None:
            return "there is no system call filter for this machine"
        return late_mounts.find_problem()

    def listen_for_template(self, slot: NetworkSlot) -> socket.socket:
        assert slot.namespace is not None
        home = self._common.surroundings.home_network
        with system_calls.inside_network(slot.namespace, return_to=home):
            return template.listen()

    def restore(self, source: Template, volume: Volume, limits: Limits) -> tuple[Body, NetworkSlot]:
        common = self._common
        group = common.groups.create(str(next(self._numbers)))
        try:
            restored = RestoredBody(source, volume, limits, group)
        except BaseException:
            group.remove()
            raise
        try:
            home, network = common.surroundings.home_network, restored.open_network()
            slot = make_slot(home, common.network.router, common.door_port, network)
        except BaseException:
            restored.kill()
            restored.remove()
            raise
        return restored, self._with_threads_of_ours(slot)

    def _mount(self, files: Path, image: Path, size_bytes: int, user_id: int | None) -> None:
        if user_id is None or not self._common.has_volumes_on_disk:
            volumes.mount_in_memory(files, size_bytes)
        else:
            templates = self._common.directory / "templates"
            volumes.mount_on_disk(files, image, templates, size_bytes)
        if user_id is not None:
            os.chown(files, user_id, user_id)
        files.chmod(0o700)

    def _surroundings(self, *, may_be_copied: bool) -> bubblewrap.Surroundings:
        surroundings = self._common.surroundings
        if may_be_copied:
            return replace(surroundings, filter=self._common.template_filter)
        return surroundings

    def _with_threads_of_ours(self, slot: NetworkSlot) -> NetworkSlot:
        # Its caller's thread could, as an ordinary user's, not return to the host's network.
        return replace(slot, connector=lambda: self.executor.submit(slot.open_socket).result())

    def _launcher(self, namespace: int, *, may_be_copied: bool = False) -> Launcher:
        group = self._common.groups.create(str(next(self._numbers)))
        surroundings = self._surroundings(may_be_copied=may_be_copied)
        place = system_calls.inside_network(namespace, return_to=surroundings.home_network)
        try:
            return Launcher(surroundings, group, place)
        except BaseException:
            group.remove()
            raise


@asynccontextmanager
async def open_namespaces(state_directory: Path, door_port: int) -> AsyncIterator[Namespaces]:
    """Everything up, and on leaving everything down. `isolation.Isolation.open` checks first."""
    async with AsyncExitStack() as stack:
        common = await asyncio.to_thread(_open_common, state_directory, door_port)
        stack.push_async_callback(asyncio.to_thread, common.undo.close)
        namespaces = Namespaces(common)
        refilling = asyncio.create_task(namespaces.slots.run(), name="network slots")
        stack.push_async_callback(_cancelled, refilling)
        yield namespaces


def _open_common(state_directory: Path, door_port: int) -> _Common:
    programs = bubblewrap.find_programs()
    if programs is None:
        raise FileNotFoundError("bwrap and setpriv are needed")
    with ExitStack() as stack:
        # Processes 1 of sandboxes outlive their bwrap a little: so they come to us and not to an
        # init that may be slow to bury them, or absent in a container.
        stack.enter_context(system_calls.adopting_orphans())
        home = _in_thread(system_calls.new_network_namespace)
        stack.callback(os.close, home)
        executor = _threads(stack, home, _THREADS)
        patient = _threads(stack, home, _PATIENT_THREADS)
        directory = stack.enter_context(servers.own_directory(state_directory))
        volumes.mount_places(directory / "places")
        mounts = _mounts(stack)
        users = UserIds() if privileges.has_root_powers() else None
        if users:
            stack.callback(users.close)
        groups = open_control_groups(servers.own_name())
        stack.callback(groups.close)
        stack.enter_context(freezer.thawed_after_us(groups.directories.get(freezer.NAME)))
        remove_left_behind(groups)
        shared = executor.submit(
            open_shared_network,
            directory,
            home=home,
            host=stack.enter_context(host_thread()),
        ).result()
        stack.callback(shared.close)
        if shared.problem:
            _log.warning(
                "functions cannot reach the outside: %s (`lambent doctor` says more)",
                shared.problem,
            )
        if groups.missing:
            _log.warning(
                "limits that are not held: %s (`lambent doctor` says more)",
                ", ".join(groups.missing),
            )
        name_server = NAME_SERVER if shared.uplink else None
        root_files.write_etc(directory / "etc", name_server=name_server)
        return _Common(
            directory=directory,
            executor=executor,
            patient=patient,
            surroundings=bubblewrap.Surroundings(
                programs=programs,
                etc=directory / "etc",
                filter=_write_filter(directory / "filter"),
                home_network=home,
                mounts=mounts,
            ),
            template_filter=_write_filter(directory / "template-filter", may_be_copied=True),
            groups=groups,
            users=users,
            network=shared,
            door_port=door_port,
            has_volumes_on_disk=not volumes.find_problem(),
            undo=stack.pop_all(),
        )


def _mounts(stack: ExitStack) -> tuple[int, int] | None:
    """Our mount namespace, and a copy of it that stays without volumes."""
    if late_mounts.find_problem():
        return None
    ours = system_calls.open_own_mount_namespace()
    stack.callback(os.close, ours)
    others = _in_thread(system_calls.new_mount_namespace)
    stack.callback(os.close, others)
    return ours, others


def _in_thread(make: Callable[[], int]) -> int:
    """What is made by a thread that does not come back from where it is made.

    Who unshares as an ordinary user can never return to the host's network.
    """
    made: Future[int] = Future()
    maker = threading.Thread(target=lambda: made.set_result(make()), name="new namespace")
    maker.start()
    maker.join()
    return made.result(timeout=0)


def _threads(stack: ExitStack, home: int, count: int) -> Executor:
    """Threads that live as long as the stack: sandboxes die with the thread that started them."""
    executor = ThreadPoolExecutor(count, "sandbox", initializer=_settle, initargs=(home,))
    return stack.enter_context(executor)


def _settle(home: int) -> None:
    system_calls.enter_network(home)
    system_calls.part_from_other_threads()


def _write_filter(file: Path, *, may_be_copied: bool = False) -> Path | None:
    if not seccomp.is_supported():
        return None
    file.write_bytes(seccomp.build_filter(may_be_copied=may_be_copied))
    return file


def _construction(design: Design) -> tuple[list[str], Limits, bubblewrap.Entry]:
    """What to launch for a new sandbox."""
    surroundings, volume = design.surroundings, design.volume
    if design.may_have_company:
        arguments = bubblewrap.held_arguments(surroundings, design.mounts, volume)
        entry = bubblewrap.holder_entry(surroundings.programs)
    else:
        arguments = bubblewrap.sandbox_arguments(surroundings, design.mounts, volume)
        entry = bubblewrap.shell_entry(surroundings.programs, volume.user_id)
    return arguments, design.limits, entry


def _ids_inside(user_id: int | None) -> tuple[int, int]:
    if user_id is None:
        return bubblewrap.USER_ID, bubblewrap.GROUP_ID
    return user_id, user_id


def _discard(launcher: Launcher) -> None:
    launcher.discard()
    launcher.group.remove()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
