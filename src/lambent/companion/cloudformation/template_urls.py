"""Templates in S3, by whatever URL names an object of the companion's."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from moto.cloudformation.exceptions import ValidationError
from moto.s3.exceptions import S3ClientError
from moto.s3.models import s3_backends


def template_at(template_url: str, account_id: str, partition: str) -> str:
    """The text of a template. Raises ValidationError.

    moto takes the host for a bucket's unless it is AWS's; here it may be the server's own address.
    """
    bucket, key = bucket_and_key(template_url)
    try:
        found = s3_backends[account_id][partition].get_object(bucket, key)
    except S3ClientError as refused:
        raise ValidationError(message=f"S3 error: {refused}") from None
    if found is None:
        raise ValidationError(message="S3 error: The specified key does not exist.")
    return str(found.value.decode(errors="replace"))


def bucket_and_key(template_url: str) -> tuple[str, str]:
    """Of a URL in the path's form, or in that of a bucket's own host."""
    parts = urlsplit(template_url)
    host, path = parts.hostname or "", unquote(parts.path).lstrip("/")
    bucket, found, _ = host.partition(".s3")
    if found:
        return bucket, path
    bucket, _, key = path.partition("/")
    return bucket, key
