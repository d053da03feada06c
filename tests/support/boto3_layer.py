"""boto3 for functions of tests, from the one the tests have: a layer with a few services only."""

from __future__ import annotations

import functools
import importlib.metadata
import io
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DISTRIBUTIONS = (
    "boto3",
    "botocore",
    "s3transfer",
    "jmespath",
    "python-dateutil",
    "six",
    "urllib3",
)
_SERVICES = frozenset(
    {"cloudwatch", "cloudformation", "dynamodb", "iam", "lambda", "logs", "s3", "sns", "sqs", "sts"}
)


def publish_boto3(client: Any) -> str:
    """The layer's ARN."""
    published = client.publish_layer_version(LayerName="boto3", Content={"ZipFile": _archive()})
    return str(published["LayerVersionArn"])


@functools.cache
def _archive() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as files:
        for name, source in _files():
            files.write(source, f"python/{name}")
    return archive.getvalue()


def _files() -> Iterator[tuple[str, Path]]:
    for distribution in _DISTRIBUTIONS:
        for file in importlib.metadata.files(distribution) or []:
            if file.suffix in (".py", ".json", ".gz", ".pem") and _is_wanted(file.parts):
                yield str(file), file.locate()  # type: ignore[misc]  # a Path on disk


def _is_wanted(parts: tuple[str, ...]) -> bool:
    is_of_service = parts[:2] == ("botocore", "data") and len(parts) > 3
    return parts[0] != ".." and (not is_of_service or parts[2] in _SERVICES)
