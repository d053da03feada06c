"""Every setting of the server: its name, what it may be, its default, and what it means.

`config.py` says where their values come from.
"""

from __future__ import annotations

import os
from pathlib import Path

from lambent.domain.quotas import (
    ACCOUNT_CONCURRENCY,
    CODE_STORAGE_BYTES,
    MIB,
    SCALING_ENVIRONMENTS,
    STREAM_BYTES_PER_SECOND,
    STREAMED_RESPONSE_BYTES,
    UNCAPPED_STREAM_BYTES,
)
from lambent.server.host_memory import host_memory_bytes
from lambent.server.loopback import loopback_addresses
from lambent.server.setting import (
    Setting,
    access_keys,
    access_points,
    certificate,
    endpoint,
    endpoints,
    factor,
    file_path,
    hosts,
    interpreters,
    matching,
    members_of_vpcs,
    one_of,
    optional_file,
    seconds,
    switch,
    whole_number,
)


def data_home() -> Path:
    """Where this user's programs keep data: the XDG base directory specification."""
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "lambent"


def _default_memory_mib() -> int:
    """What leaves enough for the server itself, its companions and the kernel's caches."""
    return max(128, host_memory_bytes() * 8 // 10 // MIB)


SETTINGS = (
    Setting(
        "host",
        hosts,
        loopback_addresses,
        "Addresses to listen on, with commas between them; the first is the one that is shown. "
        "`0.0.0.0,::` are all of this machine's. Whoever reaches one may run code here: leave it "
        "on loopback unless the network is yours.",
    ),
    Setting(
        "port",
        whole_number(0, 65535),
        lambda: 9000,
        "Port to listen on, the same at every address; 0 takes a free one.",
    ),
    Setting(
        "tls_certificate",
        certificate,
        lambda: "",
        "PEM file with a certificate, and those between it and its authority, to listen with for "
        "HTTPS, too. `development`: one for this machine, by an authority that is made for you. "
        "Empty: plain HTTP only.",
    ),
    Setting(
        "tls_key",
        optional_file,
        lambda: "",
        "PEM file with that certificate's key. Empty: it is in the same file.",
    ),
    Setting(
        "tls_port",
        whole_number(0, 65535),
        lambda: 9443,
        "Port for HTTPS, when there is a certificate; 0 takes a free one.",
    ),
    Setting(
        "data_dir",
        file_path,
        lambda: data_home() / "data",
        "Directory of everything the server keeps: database, deployment packages, key.",
    ),
    Setting(
        "runtimes_dir",
        file_path,
        lambda: data_home() / "runtimes",
        "Directory `lambent runtime install` puts runtimes into; servers may share it.",
    ),
    Setting(
        "interpreters",
        interpreters,
        dict,
        "Interpreters you choose yourself, whatever their release: a table of the file, or "
        "`ruby3.2=/usr/bin/ruby,java8.al2=/opt/jdk8/bin/java`.",
    ),
    Setting(
        "blocked_runtimes",
        one_of("refuse", "allow"),
        lambda: "refuse",
        "Whether functions can still be created and updated with runtimes AWS has blocked by now; "
        "invoked they can always be.",
    ),
    Setting(
        "region",
        matching(r"[a-z]{2,4}(-[a-z]{2,10}){1,2}-\d", "a region such as us-east-1"),
        lambda: "us-east-1",
        "Region of requests that name none.",
    ),
    Setting(
        "account_id",
        matching(r"\d{12}", "12 digits"),
        lambda: "000000000000",
        "Account of requests whose access key is not itself an account number.",
    ),
    Setting(
        "isolation",
        one_of("namespaces", "process"),
        lambda: "namespaces",
        "How functions are kept apart: `namespaces` (sandboxes), or `process`, which protects "
        "nothing and is for hosts that allow no sandbox.",
    ),
    Setting(
        "memory_mib",
        whole_number(128, 100_000_000),
        _default_memory_mib,
        "Memory, in MiB, that all execution environments together may take. One at work counts "
        "with its whole MemorySize, one that is frozen with what it has. When nothing idle is left "
        "to make room, calls are throttled.",
    ),
    Setting(
        "max_environments",
        whole_number(1, 100_000),
        lambda: 1000,
        "Execution environments of all functions together; when they are all busy, calls are "
        "throttled.",
    ),
    Setting(
        "idle_seconds",
        seconds,
        lambda: 600.0,
        "Seconds after which an idle execution environment is closed.",
    ),
    Setting(
        "freeze_after_seconds",
        seconds,
        lambda: 0.5,
        "Seconds after which nothing runs in an idle execution environment any more, until its "
        "next invocation. AWS freezes at once; a moment's grace spares busy ones the trouble.",
    ),
    Setting(
        "fast_starts",
        switch,
        lambda: True,
        "Whether to keep a few sandboxes of the runtimes in use ready, with the interpreter "
        "already running, so that cold starts take 10 ms instead of 50; `false` saves their memory.",
    ),
    Setting(
        "concurrency",
        whole_number(1, 100_000),
        lambda: ACCOUNT_CONCURRENCY,
        "Invocations an account may have at work in one region at one time.",
    ),
    Setting(
        "scaling_rate",
        whole_number(1, 1_000_000),
        lambda: SCALING_ENVIRONMENTS,
        "Execution environments one function may have started in ten seconds; one more is "
        "throttled.",
    ),
    Setting(
        "code_storage_mib",
        whole_number(1, 1_000_000),
        lambda: CODE_STORAGE_BYTES // MIB,
        "Deployment packages, in MiB and zipped, that an account may have in one region: of every "
        "version of its functions and layers.",
    ),
    Setting(
        "companion",
        one_of("on", "off", "auto"),
        lambda: "auto",
        "Whether the server starts neighbouring AWS services of its own (S3, SQS, SNS, DynamoDB, "
        "STS...: moto, a child process; what they hold is in memory). `auto`: when moto is "
        "installed and aws_endpoint_url is empty.",
    ),
    Setting(
        "aws_endpoint_url",
        endpoint,
        lambda: "",
        "Where neighbouring AWS services are instead of the companion: a URL, or `aws` for AWS's "
        "own. Empty, and without the companion: nowhere, and what needs them is refused.",
    ),
    Setting(
        "aws_endpoints",
        endpoints,
        dict,
        "The same for single services: a table of the file, or `s3=http://127.0.0.1:9001,kms=aws`.",
    ),
    Setting(
        "aws_profile",
        matching(r"[A-Za-z0-9_.@+=/ -]{0,128}", "a profile's name"),
        lambda: "",
        "Profile of the shared credentials file to call neighbouring services with. Empty: AWS's "
        "usual variables and files; where these have none, the account's number as access key.",
    ),
    Setting(
        "access_keys",
        access_keys,
        dict,
        "Access keys that may sign requests to function URLs with AuthType AWS_IAM, with the secret "
        "of each: a table of the file, or `AKIAIOSFODNN7EXAMPLE=secret` in the variable (a command "
        "line is no place for secrets). A key of 12 digits is of that account. Empty: any may, and "
        "only those this server knows the secret of are verified: `test` with the secret `test`, "
        "and the server's own.",
        is_secret=True,
    ),
    Setting(
        "subnets",
        members_of_vpcs("subnet"),
        dict,
        "Subnets functions can be attached to, with the VPC of each: a table of the file, or "
        "`subnet-1=vpc-1`.",
    ),
    Setting(
        "security_groups",
        members_of_vpcs("sg"),
        dict,
        "Security groups functions can have, with the VPC of each, likewise.",
    ),
    Setting(
        "access_points",
        access_points,
        dict,
        "Access points of file systems that functions can mount, with the directory of this host "
        "that each stands for: a table of the file, or "
        "`arn:aws:elasticfilesystem:...:access-point/fsap-...=/srv/shared`.",
    ),
    Setting(
        "deployment_seconds",
        seconds,
        lambda: 0.0,
        "Seconds that creating or updating a function takes at least. On AWS it takes a few, and "
        "what uses a function before it is Active, or updates it twice at once, is refused: with "
        "a few here too, scripts that do not wait show it.",
    ),
    Setting(
        "queue_time_factor",
        factor,
        lambda: 1.0,
        "How many times faster than the clock time passes for events of asynchronous invocations: "
        "with 60 the minute before a retry is over in a second, and an event is six hours old "
        "after six minutes. For trying out what happens then. The schedules of the companion's "
        "EventBridge rules pass as fast.",
    ),
    Setting(
        "queue_reserve_mib",
        whole_number(0, 100_000_000),
        lambda: 512,
        "Room, in MiB, that asynchronous events leave on the file system of `data_dir`: with less "
        "than that no event is accepted, and all else can still be written.",
    ),
    Setting(
        "metrics_days",
        whole_number(1, 455),
        lambda: 15,
        "Days for which metrics of functions are kept, by the minute.",
    ),
    Setting(
        "stream_limit_mib",
        whole_number(1, 1024),
        lambda: STREAMED_RESPONSE_BYTES // MIB,
        "Size, in MiB, of a streamed response at most. What a function writes beyond that is thrown "
        "away, and the response ends with an error.",
    ),
    Setting(
        "stream_uncapped_mib",
        whole_number(0, 1024),
        lambda: UNCAPPED_STREAM_BYTES // MIB,
        "The beginning of a streamed response, in MiB, that goes out as fast as its reader takes it.",
    ),
    Setting(
        "stream_mib_per_second",
        whole_number(1, 100_000),
        lambda: STREAM_BYTES_PER_SECOND // MIB,
        "MiB a second at which the rest of a streamed response goes out at most.",
    ),
    Setting(
        "drain_seconds",
        whole_number(0, 900),
        lambda: 30,
        "Seconds that invocations at work are given to end when the server stops.",
    ),
    Setting(
        "log_level",
        one_of("debug", "info", "warning", "error"),
        lambda: "info",
        "How much the server says on standard error.",
    ),
)
