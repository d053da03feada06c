"""Metrics of functions, as CloudWatch's clients and Prometheus read them."""

from __future__ import annotations

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from tests.support.functions import WHOLE_CPU, deploy
from tests.support.neighbours import running_neighbours
from tests.support.refusals import refusal
from tests.support.server import running_server

CODE = """
import time

def handler(event, context):
    time.sleep(event.get("seconds", 0))
    if event.get("fails"):
        raise ValueError("as asked")
"""
# And the media types they go by.
PROTOCOLS = {
    "smithy-rpc-v2-cbor": "application/cbor",
    "json": "application/x-amz-json-1.0",
    "query": "application/x-www-form-urlencoded",
}


def around_now():
    now = datetime.now(UTC)
    return {"StartTime": now - timedelta(minutes=30), "EndTime": now + timedelta(minutes=30)}


def dimensions(name, **more):
    wanted = {"FunctionName": name, **more}
    return [{"Name": each, "Value": value} for each, value in wanted.items()]


def query(identifier, metric, name, stat="Sum", **more):
    return {
        "Id": identifier,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Lambda",
                "MetricName": metric,
                "Dimensions": dimensions(name),
            },
            "Period": 3600,
            "Stat": stat,
        },
        **more,
    }


def cloudwatch(server, protocol="json", spoken=None):
    spoken = [] if spoken is None else spoken
    client = boto3.client(
        "cloudwatch",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    # As clients of other ages do: botocore takes the best that it knows of.
    client.meta.service_model.__dict__["resolved_protocol"] = protocol
    client._serializer = create_serializer(protocol)
    client._response_parser = create_parser(protocol)
    client.meta.events.register(
        "before-send.cloudwatch.*",
        lambda request, **_: spoken.append(request.headers["Content-Type"]),
    )
    return client


def total(client, metric, name, stat="Sum", **more):
    """Over all periods; None: there are none."""
    answer = client.get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=metric,
        Dimensions=dimensions(name, **more),
        Period=3600,
        Statistics=[stat],
        **around_now(),
    )
    assert answer["Label"] == metric
    values = [each[stat] for each in answer["Datapoints"]]
    if not values:
        return None
    return max(values) if stat == "Maximum" else sum(values)


@pytest.fixture
def invoked(function):
    """Invoked three times, one of them in vain."""
    deployed = function(CODE, **WHOLE_CPU)
    deployed.call()
    deployed.call()
    deployed.fail({"fails": True})
    return deployed


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_answers_the_same(server, invoked, protocol):
    spoken: list[bytes] = []
    client = cloudwatch(server, protocol, spoken)
    assert total(client, "Invocations", invoked.name) == 3
    assert PROTOCOLS[protocol] in spoken[0].decode()
    answer = client.get_metric_data(
        MetricDataQueries=[
            query("n", "Invocations", invoked.name),
            query("slow", "Duration", invoked.name, "p99"),
            {"Id": "rate", "Expression": "100 * e / n", "Label": "errors in percent"},
            query("e", "Errors", invoked.name, ReturnData=False),
        ],
        **around_now(),
    )
    [invocations, slow, rate] = answer["MetricDataResults"]
    assert (invocations["Id"], invocations["Label"]) == ("n", "Invocations Sum")
    assert sum(invocations["Values"]) == 3
    assert slow["Values"][0] > 0
    assert (rate["Label"], rate["StatusCode"]) == ("errors in percent", "Complete")
    assert sum(rate["Values"]) > 0
    listed = client.list_metrics(Namespace="AWS/Lambda", Dimensions=dimensions(invoked.name))
    assert {"Invocations", "Duration"} <= {each["MetricName"] for each in listed["Metrics"]}
    with pytest.raises(ClientError) as caught:
        client.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="Errors",
            Period=60,
            Statistics=["Sum"],
            StartTime=datetime.now(UTC),
            EndTime=datetime.now(UTC) - timedelta(hours=1),
        )
    error = caught.value.response["Error"]
    assert error["Code"] == "InvalidParameterValue"
    assert error["Message"] == "The parameter StartTime must be less than the parameter EndTime."


def test_errors_and_durations_are_counted(server, invoked):
    client = cloudwatch(server)
    assert total(client, "Errors", invoked.name) == 1
    assert total(client, "Duration", invoked.name, "SampleCount") == 3
    assert total(client, "Throttles", invoked.name) == 0
    assert total(client, "ConcurrentExecutions", invoked.name, "Maximum") == 1
    assert total(client, "Invocations", "no-such-function") is None


def test_versions_and_aliases_have_their_own(server, function):
    deployed = function(CODE, **WHOLE_CPU)
    deployed.client.publish_version(FunctionName=deployed.name)
    deployed.client.create_alias(FunctionName=deployed.name, Name="live", FunctionVersion="1")
    deployed.client.get_waiter("function_active_v2").wait(
        FunctionName=deployed.name, Qualifier="1", WaiterConfig={"Delay": 0.02, "MaxAttempts": 1000}
    )
    deployed.call()
    deployed.call(Qualifier="1")
    deployed.call(Qualifier="live")
    client, name = cloudwatch(server), deployed.name
    live = f"{name}:live"
    assert total(client, "Invocations", name) == 3
    assert total(client, "Invocations", name, Resource=name) == 1
    assert total(client, "Invocations", name, Resource=live) == 1
    assert total(client, "Invocations", name, Resource=live, ExecutedVersion="1") == 1
    assert total(client, "Invocations", name, Resource=live, ExecutedVersion="2") is None


def test_what_is_refused_is_counted_as_throttled(server, function):
    deployed = function(CODE, **WHOLE_CPU)
    deployed.client.put_function_concurrency(
        FunctionName=deployed.name, ReservedConcurrentExecutions=0
    )
    with pytest.raises(ClientError, match="Rate Exceeded"):
        deployed.invoke()
    client = cloudwatch(server)
    assert total(client, "Throttles", deployed.name) == 1
    assert total(client, "Invocations", deployed.name) is None


def test_what_is_at_work_at_one_time_is_measured(server, function):
    deployed = function(CODE, **WHOLE_CPU)
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _: deployed.call({"seconds": 1}), range(3)))
    assert total(cloudwatch(server), "ConcurrentExecutions", deployed.name, "Maximum") == 3


def test_metrics_outlive_the_server(tmp_path):
    data = tmp_path / "data"
    with running_server(data) as server:
        deployed = deploy(server, CODE, **WHOLE_CPU)
        deployed.call()
        assert server.stop() == 0
    with running_server(data) as server:
        server.client().invoke(FunctionName=deployed.name, Payload="{}")
        assert total(cloudwatch(server), "Invocations", deployed.name) == 2


def test_the_aws_cli_reads_them(terminal, invoked):
    window = around_now()
    answered = terminal.run(f"""
aws cloudwatch get-metric-statistics --namespace AWS/Lambda --metric-name Invocations \
  --dimensions Name=FunctionName,Value={invoked.name} --period 3600 \
  --statistics Sum Maximum --start-time {window["StartTime"]:%Y-%m-%dT%H:%M:%SZ} \
  --end-time {window["EndTime"]:%Y-%m-%dT%H:%M:%SZ} --output json
""")
    points = json.loads(answered)["Datapoints"]
    assert sum(each["Sum"] for each in points) == 3
    assert points[0]["Unit"] == "Count"
    listed = json.loads(
        terminal.run(
            "aws cloudwatch list-metrics --namespace AWS/Lambda --metric-name Errors "
            f"--dimensions Name=Resource,Value={invoked.name} --output json"
        )
    )
    assert listed["Metrics"] == [
        {
            "Namespace": "AWS/Lambda",
            "MetricName": "Errors",
            "Dimensions": dimensions(invoked.name, Resource=invoked.name),
        }
    ]


def test_pages_hold_as_many_datapoints_as_asked_for(server, invoked):
    client = cloudwatch(server)
    wanted = [query("a", "Invocations", invoked.name), query("b", "Errors", invoked.name)]
    pages = client.get_paginator("get_metric_data").paginate(
        MetricDataQueries=wanted, MaxDatapoints=1, **around_now()
    )
    results = [each for page in pages for each in page["MetricDataResults"]]
    assert all(len(each["Values"]) <= 1 for each in results)
    assert sum(sum(each["Values"]) for each in results if each["Id"] == "a") == 3
    with pytest.raises(ClientError, match="NextToken"):
        client.get_metric_data(MetricDataQueries=wanted, NextToken="other", **around_now())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_other_metrics_need_a_neighbour(server, protocol):
    client = cloudwatch(server, protocol)
    refused = refusal(client.list_metrics, Namespace="Mine")
    assert refused.code == "ValidationError"
    assert "aws_endpoint_url" in refused.message
    data = [{"MetricName": "m", "Value": 1.0}]
    refused = refusal(client.put_metric_data, Namespace="Mine", MetricData=data)
    assert refused.code == "ValidationError"
    assert "aws_endpoint_url" in refused.message


def test_a_neighbour_has_the_other_metrics(tmp_path):
    with (
        running_neighbours() as neighbours,
        running_server(tmp_path / "data", "--aws-endpoint-url", neighbours.url) as server,
    ):
        client = cloudwatch(server)
        client.put_metric_data(Namespace="Mine", MetricData=[{"MetricName": "m", "Value": 1.0}])
        listed = client.list_metrics(Namespace="Mine")["Metrics"]
        assert [each["MetricName"] for each in listed] == ["m"]
        assert client.list_metrics(Namespace="AWS/Lambda")["Metrics"] == []


def test_prometheus_reads_counters_and_histograms(server, invoked):
    def page():
        with urllib.request.urlopen(f"{server.url}/metrics") as answer:
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            return answer.read().decode()

    lines = page().splitlines()
    labels = (
        f'account="000000000000",region="us-east-1",function="{invoked.name}",'
        f'resource="{invoked.name}",executed_version=""'
    )
    assert f"lambent_invocations_total{{{labels}}} 3" in lines
    assert f"lambent_errors_total{{{labels}}} 1" in lines
    assert f'lambent_duration_seconds_bucket{{{labels},le="+Inf"}} 3' in lines
    assert f"lambent_duration_seconds_count{{{labels}}} 3" in lines
    assert "# TYPE lambent_duration_seconds histogram" in page()
    assert "# TYPE lambent_queued_events gauge" in page()
