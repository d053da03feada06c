"""The three ways an AWS API writes an instant.

https://smithy.io/2.0/spec/protocol-traits.html#timestampformat-trait
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

UNIX = "unixTimestamp"
ISO = "iso8601"
HTTP_DATE = "rfc822"


def parse_timestamp(value: str | float) -> datetime:
    """The instant that a number of seconds, an ISO 8601 text or an HTTP date means.

    Clients disagree with the model about the format more often than about the instant, so every
    format is understood everywhere, as botocore does. Raises ValueError.
    """
    try:
        return _parse(value)
    except (OverflowError, OSError, TypeError, ValueError) as error:
        raise ValueError(f"not an instant: {value!r}") from error


def _parse(value: str | float) -> datetime:
    if not isinstance(value, str):
        return datetime.fromtimestamp(value, UTC)
    if value[:1].isalpha():
        moment = parsedate_to_datetime(value)
    elif len(value) > 4 and value[4] == "-":
        moment = datetime.fromisoformat(value)
    else:
        return datetime.fromtimestamp(float(value), UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def format_timestamp(moment: datetime, style: str) -> str | float:
    """`moment` in a model's timestamp format: seconds for UNIX, otherwise a text."""
    if style == UNIX:
        seconds = round(moment.timestamp(), 3)
        return int(seconds) if seconds.is_integer() else seconds
    moment = moment.astimezone(UTC)
    if style == HTTP_DATE:
        return format_datetime(moment, usegmt=True)
    spec = "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=spec).replace("+00:00", "Z")
