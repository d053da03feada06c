"""Deployment packages and layers that nobody uses any more: found and removed.

Nobody is asked before something comes into use again, so what goes must have been unused for a
while: what was in use at the last look stays, as does what was stored within the hour.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lambent.domain.function import AttachedLayer, FunctionVersion
    from lambent.store.deployment_packages import DeploymentPackages
    from lambent.store.functions import FunctionStore
    from lambent.store.layer_contents import LayerContents
    from lambent.store.layers import LayerStore

logger = logging.getLogger(__name__)

# Not less than a link to a deployment package lives: it works that long after it was given.
_LOOK_EVERY_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class _InUse:
    packages: set[str]  # their SHA-256
    layers: set[tuple[AttachedLayer, ...]]  # lists of them that functions have

    def __or__(self, other: _InUse) -> _InUse:
        return _InUse(self.packages | other.packages, self.layers | other.layers)


class CodeCollection:
    """`collect` for the start of the server; `run` is for the time after it."""

    def __init__(
        self,
        functions: FunctionStore,
        layers: LayerStore,
        packages: DeploymentPackages,
        layer_contents: LayerContents,
    ) -> None:
        self._functions = functions
        self._layers = layers
        self._packages = packages
        self._layer_contents = layer_contents
        self._lately = _InUse(set(), set())

    async def run(self, running: Callable[[], Iterable[FunctionVersion]]) -> None:
        """Look now and then, until cancelled.

        `running` answers which versions environments run, or are about to, stored or not.
        """
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            try:
                await self.collect(running())
            except OSError as error:
                logger.warning("unused code could not be removed: %s", error)

    async def collect(self, running: Iterable[FunctionVersion] = ()) -> None:
        """Remove what neither these versions nor the stored ones use, and did not at the last look.

        Raises OSError.
        """
        versions = [*running, *self._functions.all_versions()]
        published = self._layers.all_versions()
        # In a thread, because there may be very many of both.
        now = await asyncio.to_thread(
            lambda: _in_use(versions, (version.code_sha256 for version in published))
        )
        in_use, self._lately = now | self._lately, now
        await self._packages.collect_garbage(in_use.packages)
        await self._layer_contents.collect_garbage(in_use.layers)


def _in_use(versions: Iterable[FunctionVersion], layers: Iterable[str]) -> _InUse:
    found = _InUse(set(layers), set())
    for version in versions:
        found.packages.add(version.code_sha256)
        found.layers.add(version.layers)
    attached = chain.from_iterable(found.layers)
    found.packages.update(layer.code_sha256 for layer in attached)
    return found
