"""What operators may name as a service's endpoint: settings ask, and are read by every command."""

from __future__ import annotations

from urllib.parse import urlsplit

AWS_ITSELF = "aws"  # in place of a URL: the service's own endpoint in the caller's region


def is_endpoint(url: str) -> bool:
    """Whether clients take it: botocore refuses host names that DNS has not, as with `_`."""
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0  # raises for what is no port at all
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or parts.username is not None or not has_port:
        return False

    from botocore.utils import is_valid_uri  # takes long to load, and few settings have a URL

    return bool(is_valid_uri(url))
