"""Layers published with boto3, and functions that have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.support.functions import WHOLE_CPU, Deployed, deploy
from tests.support.packages import zipped_directory
from tests.support.programs import require_runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.server import RunningServer


@pytest.fixture
def layer(server: RunningServer) -> Iterator[Callable[..., str]]:
    """Publishes what is in a directory as a layer; gives the version's ARN."""
    client = server.client()
    published: list[Any] = []

    def publish(name: str, root: Path) -> str:
        answer = client.publish_layer_version(
            LayerName=name, Content={"ZipFile": zipped_directory(root)}
        )
        published.append(answer)
        return str(answer["LayerVersionArn"])

    yield publish
    for each in published:
        client.delete_layer_version(LayerName=each["LayerArn"], VersionNumber=each["Version"])


@pytest.fixture
def extended(server: RunningServer) -> Iterator[Callable[..., Deployed]]:
    """Makes functions with layers; what a test has not deleted is deleted after it."""
    made: list[Deployed] = []

    def make(runtime: str, files: dict[str, str], *layers: str, **settings: Any) -> Deployed:
        require_runtime(runtime)
        options = {"handler": "main.handler", "Timeout": 20, **WHOLE_CPU, **settings}
        made.append(deploy(server, files, runtime=runtime, Layers=list(layers), **options))
        return made[-1]

    yield make
    for deployed in made:
        missing = deployed.client.exceptions.ResourceNotFoundException
        try:
            deployed.client.delete_function(FunctionName=deployed.name)
        except missing:
            continue
