"""Layers through the life of a server: what is shared, what survives, what is left."""

from __future__ import annotations

import os

from tests.support.functions import deploy, zipped
from tests.support.server import running_server

# What there is under /opt, and which file it really is.
LOOK = """
import os

def handler(event, context):
    look = os.stat("/opt/a")
    return [sorted(os.listdir("/opt")), look.st_dev, look.st_ino]
"""


def publish(server, name, files):
    answer = server.client().publish_layer_version(
        LayerName=name, Content={"ZipFile": zipped(files)}
    )
    return answer["LayerVersionArn"]


def merged(server):
    return sorted(path.name for path in (server.data_dir / "layers/merged").iterdir())


def test_layers_are_there_once_for_all_and_after_a_crash(tmp_path):
    with running_server(tmp_path / "data") as server:
        layers = [publish(server, name, {name: name}) for name in "ab"]
        functions = [deploy(server, LOOK, FunctionName=name, Layers=layers) for name in ("x", "y")]
        first, second = [function.call() for function in functions]
        assert first == second
        assert first[0] == ["a", "b"]
        (directory,) = merged(server)
        source = (server.data_dir / "layers/merged" / directory / "a").stat()
        assert first[1:] == [source.st_dev, source.st_ino]
        for name in "ab":
            server.client().delete_layer_version(LayerName=name, VersionNumber=1)
        server.kill()
    with running_server(tmp_path / "data") as server:
        assert server.client().list_layers()["Layers"] == []
        invoked = server.client().invoke(FunctionName="x")
        assert invoked["Payload"].read().decode().startswith('[["a", "b"]')
        assert merged(server) == [directory]
        for name in ("x", "y"):
            server.client().delete_function(FunctionName=name)
        server.kill()
    for archive in (tmp_path / "data/code/zips").iterdir():
        os.utime(archive, (0, 0))  # what came just now would stay
    with running_server(tmp_path / "data") as server:
        assert merged(server) == []
        assert list((server.data_dir / "code/zips").iterdir()) == []
        assert list((server.data_dir / "code/unpacked").iterdir()) == []
        assert (
            server.client().publish_layer_version(
                LayerName="a", Content={"ZipFile": zipped({"a": "a"})}
            )["Version"]
            == 2
        )
