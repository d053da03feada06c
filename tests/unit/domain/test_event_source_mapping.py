from __future__ import annotations

from lambent.domain.event_source_mapping import EventSourceMapping


def test_its_arn_is_of_its_region_and_partition():
    mapping = EventSourceMapping(
        account_id="123456789012",
        region="us-gov-west-1",
        id="0f0e0d0c-0000-4000-8000-000000000000",
        revision_id="1",
        event_source_arn=None,
        function_arn="",
        is_enabled=True,
        settings={},
        last_modified=0.0,
        tags={},
    )
    assert mapping.arn == (
        "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:event-source-mapping:"
        "0f0e0d0c-0000-4000-8000-000000000000"
    )
