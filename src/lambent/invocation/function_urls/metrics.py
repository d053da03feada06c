"""CloudWatch's metrics of function URLs.

https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lambent.domain.arn import LATEST

if TYPE_CHECKING:
    from lambent.domain.function_url import FunctionUrl
    from lambent.telemetry.metrics.recorder import Metrics


def measure(metrics: Metrics, url: FunctionUrl, *, status: int, began: float) -> None:
    """Count a request to `url` that is now answered with `status`, whether or not the function ran.

    `began` is when the request came, in monotonic seconds.
    """
    latency_ms = (time.monotonic() - began) * 1000
    # Unlike an invocation without a qualifier, a URL's resource has $LATEST in its name.
    resource = url.qualifier or LATEST
    metrics.of(url.account_id, url.region, url.name, resource, None).url_answered(
        status, latency_ms
    )
