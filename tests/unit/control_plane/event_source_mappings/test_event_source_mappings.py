from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from lambent.domain.errors import ServiceError

ACCOUNT = "arn:aws:lambda:eu-central-1:123456789012"
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:jobs"
STREAM = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks"
ABSENT = "00000000-0000-4000-8000-000000000000"


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value


async def mapped(api, **request):
    return await api(
        "CreateEventSourceMapping",
        **{"FunctionName": "echo", "EventSourceArn": QUEUE, **request},
    )


async def test_a_queue_is_answered_with_its_defaults(api):
    await api.create()
    created = await mapped(api)
    identifier = created["UUID"]
    answer = {
        "UUID": identifier,
        "EventSourceMappingArn": f"{ACCOUNT}:event-source-mapping:{identifier}",
        "EventSourceArn": QUEUE,
        "FunctionArn": f"{ACCOUNT}:function:echo",
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
        "LastProcessingResult": None,
        "LastModified": datetime(2026, 1, 31, 12, tzinfo=UTC),
    }
    assert created == answer
    found = await api("GetEventSourceMapping", UUID=identifier)
    assert found == {**answer, "State": "Enabled"}


async def test_a_stream_is_answered_with_its_defaults(api):
    await api.create()
    moment = datetime(2026, 1, 31, 11, 30, tzinfo=UTC)
    created = await mapped(
        api,
        EventSourceArn=STREAM,
        StartingPosition="AT_TIMESTAMP",
        StartingPositionTimestamp=moment,
    )
    identifier = created["UUID"]
    assert created == {
        "UUID": identifier,
        "EventSourceMappingArn": f"{ACCOUNT}:event-source-mapping:{identifier}",
        "EventSourceArn": STREAM,
        "FunctionArn": f"{ACCOUNT}:function:echo",
        "BatchSize": 100,
        "BisectBatchOnFunctionError": False,
        "DestinationConfig": {"OnFailure": {}},
        "FunctionResponseTypes": [],
        "MaximumBatchingWindowInSeconds": 0,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "ParallelizationFactor": 1,
        "StartingPosition": "AT_TIMESTAMP",
        "StartingPositionTimestamp": moment,
        "TumblingWindowInSeconds": 0,
        "State": "Creating",
        "StateTransitionReason": "User action",
        "LastProcessingResult": "No records processed",
        "LastModified": datetime(2026, 1, 31, 12, tzinfo=UTC),
    }


async def test_the_log_says_that_nothing_is_polled(api, caplog):
    await api.create()
    with caplog.at_level(logging.WARNING):
        arn = (await mapped(api))["EventSourceMappingArn"]
    assert arn in caplog.text
    assert "Event sources are not polled yet" in caplog.text


async def test_states_follow_what_is_wanted(api):
    await api.create()
    created = await mapped(api, Enabled=False)
    one = {"UUID": created["UUID"]}

    async def changed(**request):
        during = (await api("UpdateEventSourceMapping", **one, **request))["State"]
        return during, (await api("GetEventSourceMapping", **one))["State"]

    assert created["State"] == "Disabled"
    assert await changed(Enabled=True) == ("Enabling", "Enabled")
    assert await changed(BatchSize=5) == ("Updating", "Enabled")
    assert await changed(Enabled=False, BatchSize=6) == ("Disabling", "Disabled")
    assert (await api("DeleteEventSourceMapping", **one))["State"] == "Deleting"
    assert (await refused(api("GetEventSourceMapping", **one))).code == "ResourceNotFoundException"


async def test_an_update_changes_what_it_names(api):
    await api.create()
    await api.create("other")
    created = await mapped(api, ScalingConfig={"MaximumConcurrency": 5})
    api.clock.advance(seconds=1)
    updated = await api(
        "UpdateEventSourceMapping",
        UUID=created["UUID"],
        FunctionName="other",
        BatchSize=100,
        MaximumBatchingWindowInSeconds=5,
        ScalingConfig={},
    )
    del created["ScalingConfig"]
    assert updated == {
        **created,
        "FunctionArn": f"{ACCOUNT}:function:other",
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 5,
        "State": "Updating",
        "LastModified": datetime(2026, 1, 31, 12, 0, 1, tzinfo=UTC),
    }


async def test_an_update_of_nothing_changes_nothing(api):
    await api.create()
    created = await mapped(api)
    api.clock.advance(seconds=1)
    same = await api("UpdateEventSourceMapping", UUID=created["UUID"], BatchSize=10, Enabled=True)
    assert same == {**created, "State": "Updating"}


async def test_a_refused_update_changes_nothing(api):
    await api.create()
    created = await mapped(api)
    await refused(api("UpdateEventSourceMapping", UUID=created["UUID"], BatchSize=100))
    await refused(api("UpdateEventSourceMapping", UUID=created["UUID"], FunctionName="nobody"))
    found = await api("GetEventSourceMapping", UUID=created["UUID"])
    assert found == {**created, "State": "Enabled"}


@pytest.mark.parametrize(
    "operation",
    ["GetEventSourceMapping", "UpdateEventSourceMapping", "DeleteEventSourceMapping"],
)
async def test_one_that_is_not_there_is_not_found(api, operation):
    await api.create()
    created = await mapped(api)
    for caller, identifier in (
        (api, ABSENT),
        (api.of(region="us-east-1"), created["UUID"]),
        (api.of(account_id="000000000000"), created["UUID"]),
    ):
        error = await refused(caller(operation, UUID=identifier))
        assert error.code == "ResourceNotFoundException"
        assert error.message == "The resource you requested does not exist."


@pytest.mark.parametrize("qualifier", ["$LATEST", "1", "live"])
async def test_the_qualifier_stays_as_it_was_given(api, qualifier):
    await api.create(Publish=True)
    await api("CreateAlias", FunctionName="echo", Name="live", FunctionVersion="1")
    created = await mapped(api, FunctionName=f"echo:{qualifier}")
    assert created["FunctionArn"] == f"{ACCOUNT}:function:echo:{qualifier}"


@pytest.mark.parametrize(
    "name",
    [
        "nobody",
        "echo:7",
        "echo:nobody",
        "arn:aws:lambda:eu-central-1:000000000000:function:echo",
    ],
)
async def test_the_function_must_be_the_callers_own(api, name):
    await api.create()
    await api.of(account_id="000000000000").create()
    error = await refused(mapped(api, FunctionName=name))
    assert error.code == "InvalidParameterValueException"
    assert error.message == "Function does not exist"


async def test_no_batch_is_of_a_tenant(api):
    await api.create(TenancyConfig={"TenantIsolationMode": "PER_TENANT"})
    error = await refused(mapped(api))
    assert error.message == (
        "Event source mapping is not supported for functions with tenant isolation mode."
    )


async def test_the_settings_are_looked_at_before_the_function(api):
    error = await refused(mapped(api, FunctionName="nobody", ParallelizationFactor=2))
    assert error.message != "Function does not exist"


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "Unrecognized event source."),
        (
            {"EventSourceArn": "arn:aws:events:eu-central-1:123456789012:rule/mine"},
            "Unrecognized event source. Unsupported source arn : "
            "arn:aws:events:eu-central-1:123456789012:rule/mine",
        ),
        (
            {"EventSourceArn": "arn:aws:sqs:us-east-1:123456789012:jobs"},
            "The event source is not in this region ('eu-central-1'): "
            "arn:aws:sqs:us-east-1:123456789012:jobs",
        ),
    ],
)
async def test_what_is_no_source_here_is_refused(api, request_, message):
    await api.create()
    error = await refused(api("CreateEventSourceMapping", FunctionName="echo", **request_))
    assert error.code == "InvalidParameterValueException"
    assert error.message == message


async def test_a_mapping_outlives_its_function(api):
    await api.create()
    created = await mapped(api)
    await api("DeleteFunction", FunctionName="echo")
    found = await api("GetEventSourceMapping", UUID=created["UUID"])
    assert found == {**created, "State": "Enabled"}
    # It can still be changed, and taken away.
    await api("UpdateEventSourceMapping", UUID=created["UUID"], Enabled=False)
    await api("DeleteEventSourceMapping", UUID=created["UUID"])


async def test_mappings_are_listed_by_source_and_function(api):
    for name in ("echo", "other"):
        await api.create(name, Publish=True)
    queue = (await mapped(api))["UUID"]
    version = (await mapped(api, FunctionName="echo:1"))["UUID"]
    other = (await mapped(api, FunctionName="other:$LATEST"))["UUID"]
    stream = (await mapped(api, EventSourceArn=STREAM, StartingPosition="LATEST"))["UUID"]

    async def listed(**request):
        answer = await api("ListEventSourceMappings", **request)
        return {mapping["UUID"] for mapping in answer["EventSourceMappings"]}

    assert await listed() == {queue, version, other, stream}
    assert await listed(EventSourceArn=QUEUE) == {queue, version, other}
    assert await listed(FunctionName="echo") == {queue, stream}
    assert await listed(FunctionName="echo:1") == {version}
    assert await listed(FunctionName="other") == {other}
    assert await listed(FunctionName=f"{ACCOUNT}:function:echo", EventSourceArn=STREAM) == {stream}
    assert await listed(FunctionName="nobody") == set()
    assert await listed(EventSourceArn=f"{QUEUE}-absent") == set()


async def test_pages_go_on_after_their_marker(api):
    await api.create()
    created = {(await mapped(api, EventSourceArn=f"{QUEUE}{n}"))["UUID"] for n in range(5)}
    found, marker = [], None
    while True:
        request: dict[str, str] = {"Marker": marker} if marker else {}
        page = await api("ListEventSourceMappings", MaxItems=2, **request)
        found += [mapping["UUID"] for mapping in page["EventSourceMappings"]]
        marker = page["NextMarker"]
        if marker is None:
            break
    assert set(found) == created
    assert len(found) == 5


async def test_a_page_has_100_mappings_at_most(api):
    await api.create()
    for number in range(101):
        await mapped(api, EventSourceArn=f"{QUEUE}{number}")
    page = await api("ListEventSourceMappings", MaxItems=10_000)
    assert len(page["EventSourceMappings"]) == 100
    assert page["NextMarker"]


async def test_all_of_it_outlives_a_restart(opened_api, tmp_path):
    moment = datetime(2026, 1, 31, 11, 30, tzinfo=UTC)
    async with opened_api(tmp_path) as api:
        await api.create()
        created = await mapped(
            api,
            EventSourceArn=STREAM,
            StartingPosition="AT_TIMESTAMP",
            StartingPositionTimestamp=moment,
            FilterCriteria={"Filters": [{"Pattern": '{"data": {"n": [1]}}'}]},
            Tags={"a": "1"},
        )
    async with opened_api(tmp_path) as api:
        found = await api("GetEventSourceMapping", UUID=created["UUID"])
        assert found == {**created, "State": "Enabled"}
        tags = await api("ListTags", Resource=created["EventSourceMappingArn"])
        assert tags == {"Tags": {"a": "1"}}
