from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from lambent.domain.quotas import MIB
from lambent.server.config import Config, ConfigurationError, load
from lambent.server.host_memory import host_memory_bytes
from lambent.server.loopback import loopback_addresses
from lambent.server.settings import SETTINGS

ACCESS_POINT = (
    "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0"
)
VALUES = {
    "host": "0.0.0.0,::",
    "port": "9999",
    "tls_certificate": "/etc/lambent/certificate.pem",
    "tls_key": "/etc/lambent/key.pem",
    "tls_port": "9998",
    "data_dir": "/data",
    "runtimes_dir": "/runtimes",
    "interpreters": "ruby3.2=/usr/bin/ruby",
    "blocked_runtimes": "allow",
    "region": "eu-central-1",
    "account_id": "123456789012",
    "isolation": "process",
    "memory_mib": "2048",
    "max_environments": "7",
    "idle_seconds": "1.5",
    "freeze_after_seconds": "0.2",
    "fast_starts": "false",
    "concurrency": "11",
    "scaling_rate": "13",
    "code_storage_mib": "17",
    "companion": "off",
    "aws_endpoint_url": "http://127.0.0.1:5000",
    "aws_endpoints": "s3=https://minio.test:9001,kms=aws",
    "aws_profile": "neighbours",
    "access_keys": "AKIAIOSFODNN7EXAMPLE=a/b+c=,000000000000=x",
    "subnets": "subnet-1=vpc-1,subnet-2=vpc-1",
    "security_groups": "sg-1=vpc-1",
    "access_points": f"{ACCESS_POINT}=/srv/shared",
    "deployment_seconds": "0.7",
    "queue_time_factor": "60",
    "queue_reserve_mib": "7",
    "metrics_days": "3",
    "stream_limit_mib": "200",
    "stream_uncapped_mib": "0",
    "stream_mib_per_second": "4",
    "drain_seconds": "0",
    "log_level": "debug",
}
READ = Config(
    host=("0.0.0.0", "::"),
    port=9999,
    tls_certificate="/etc/lambent/certificate.pem",
    tls_key="/etc/lambent/key.pem",
    tls_port=9998,
    data_dir=Path("/data"),
    runtimes_dir=Path("/runtimes"),
    interpreters={"ruby3.2": Path("/usr/bin/ruby")},
    blocked_runtimes="allow",
    region="eu-central-1",
    account_id="123456789012",
    isolation="process",
    memory_mib=2048,
    max_environments=7,
    idle_seconds=1.5,
    freeze_after_seconds=0.2,
    fast_starts=False,
    concurrency=11,
    scaling_rate=13,
    code_storage_mib=17,
    companion="off",
    aws_endpoint_url="http://127.0.0.1:5000",
    aws_endpoints={"s3": "https://minio.test:9001", "kms": "aws"},
    aws_profile="neighbours",
    access_keys={"AKIAIOSFODNN7EXAMPLE": "a/b+c=", "000000000000": "x"},
    subnets={"subnet-1": "vpc-1", "subnet-2": "vpc-1"},
    security_groups={"sg-1": "vpc-1"},
    access_points={ACCESS_POINT: Path("/srv/shared")},
    deployment_seconds=0.7,
    queue_time_factor=60.0,
    queue_reserve_mib=7,
    metrics_days=3,
    stream_limit_mib=200,
    stream_uncapped_mib=0,
    stream_mib_per_second=4,
    drain_seconds=0,
    log_level="debug",
)


@pytest.fixture(autouse=True)
def _home(monkeypatch, tmp_path):
    """A user without any files."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


@pytest.fixture
def write(tmp_path):
    def write_file(text, name="settings.toml"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return write_file


def refusal(*arguments):
    with pytest.raises(ConfigurationError) as caught:
        load(*arguments)
    return str(caught.value)


def test_every_setting_is_a_field_and_every_field_a_setting():
    fields = [field.name for field in dataclasses.fields(Config)]
    assert [setting.name for setting in SETTINGS] == fields
    assert fields == list(VALUES)


def test_every_default_has_the_type_that_is_read():
    config = load({}, {})
    for name in VALUES:
        assert type(getattr(config, name)) is type(getattr(READ, name))


def test_without_any_source_the_defaults_hold(tmp_path):
    config = load({}, {})
    assert (config.host, config.port) == (loopback_addresses(), 9000)
    assert (config.tls_certificate, config.tls_key, config.tls_port) == ("", "", 9443)
    assert config.data_dir == tmp_path / ".local/share/lambent/data"
    assert config.runtimes_dir == tmp_path / ".local/share/lambent/runtimes"
    assert (config.region, config.account_id) == ("us-east-1", "000000000000")
    assert config.isolation == "namespaces"
    assert 128 <= config.memory_mib <= host_memory_bytes() // MIB
    assert (config.max_environments, config.scaling_rate) == (1000, 1000)
    assert (config.idle_seconds, config.concurrency, config.drain_seconds) == (600.0, 1000, 30)


def test_the_xdg_directories_are_honoured(monkeypatch, write, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", "/xdg/data")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    write("port = 1", "xdg/lambent/lambent.toml")
    config = load({}, {})
    assert config.data_dir == Path("/xdg/data/lambent/data")
    assert config.port == 1


def test_every_setting_can_come_from_the_command_line():
    assert load(VALUES, {}) == READ


def test_every_setting_can_come_from_a_variable():
    variables = {f"LAMBENT_{name.upper()}": value for name, value in VALUES.items()}
    assert load({}, {**variables, "PATH": "/bin", "OTHER_PORT": "x"}) == READ


def test_every_setting_can_come_from_a_file(write):
    numbers = {
        "port",
        "tls_port",
        "memory_mib",
        "scaling_rate",
        "max_environments",
        "idle_seconds",
        "freeze_after_seconds",
        "concurrency",
        "deployment_seconds",
        "queue_time_factor",
        "drain_seconds",
    }
    text = "\n".join(
        f"{name} = {value if name in numbers else repr(value)}" for name, value in VALUES.items()
    )
    assert load({}, {}, write(text)) == READ
    quoted = "\n".join(f"{name} = {value!r}" for name, value in VALUES.items())
    assert load({}, {}, write(quoted)) == READ


def test_the_command_line_wins_over_variables_and_these_over_the_file(write):
    file = write("port = 1\nhost = '10.0.0.1'\nregion = 'eu-west-1'\n")
    environment = {"LAMBENT_PORT": "2", "LAMBENT_HOST": "10.0.0.2"}
    config = load({"port": "3", "host": None}, environment, file)
    assert (config.port, config.host, config.region) == (3, ("10.0.0.2",), "eu-west-1")


def test_a_file_is_named_by_the_command_line_then_the_variable_then_its_usual_place(write):
    write("port = 1", ".config/lambent/lambent.toml")
    assert load({}, {}).port == 1
    named = {"LAMBENT_CONFIG": str(write("port = 2", "variable.toml"))}
    assert load({}, named).port == 2
    assert load({}, named, write("port = 3", "line.toml")).port == 3
    assert load({}, {"LAMBENT_CONFIG": ""}).port == 1


@pytest.mark.parametrize("name", ["LAMBENT_PROT", "LAMBENT_port", "LAMBENT_PORT_"])
def test_an_unknown_variable_is_an_error_that_suggests_a_known_one(name):
    assert refusal({}, {name: "1"}) == f"{name}: there is no such setting; did you mean port?"


def test_a_variable_like_no_setting_is_an_error_that_says_where_they_are_listed():
    told = refusal({}, {"LAMBENT_": "1"})
    assert told == "LAMBENT_: there is no such setting; `lambent serve --help` lists them all"


def test_variables_of_the_other_commands_are_none():
    assert load({}, {"LAMBENT_ENDPOINT": "http://127.0.0.1:1"}).port == 9000


def test_an_unknown_key_in_the_file_is_an_error(write):
    file = write("port = 1\nprot = 2\n[hots]\na = 1\n")
    assert refusal({}, {}, file) == f"{file}: there is no such setting: hots; did you mean host?"


def test_an_unknown_option_is_an_error():
    with pytest.raises(KeyError):
        load({"prot": "1"}, {})


BAD = [
    ("host", ""),
    ("host", "a b"),
    ("host", "http://127.0.0.1"),
    ("host", "127.0.0.1,,::1"),
    ("tls_port", "65536"),
    ("tls_certificate", "a\0b"),
    ("tls_key", "a\0b"),
    ("port", "-1"),
    ("port", "65536"),
    ("port", "9000x"),
    ("port", "\u0661"),
    ("port", ""),
    ("data_dir", ""),
    ("data_dir", "a\0b"),
    ("region", "mars"),
    ("region", "US-EAST-1"),
    ("account_id", "12345678901"),
    ("account_id", "1234567890123"),
    ("isolation", "docker"),
    ("isolation", "process "),
    ("memory_mib", "127"),
    ("max_environments", "0"),
    ("idle_seconds", "-1"),
    ("idle_seconds", "nan"),
    ("idle_seconds", "1e3"),
    ("concurrency", "0"),
    ("scaling_rate", "0"),
    ("deployment_seconds", "soon"),
    ("queue_time_factor", "0.5"),
    ("drain_seconds", "901"),
    ("log_level", "loud"),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_names_its_source(write, name, value):
    option = "--" + name.replace("_", "-")
    variable = f"LAMBENT_{name.upper()}"
    assert refusal({name: value}, {}).startswith(f"{option}: {value!r} must be ")
    assert refusal({}, {variable: value}).startswith(f"{variable}: {value!r} must be ")
    escaped = value.replace("\0", "\\u0000")
    file = write(f'{name} = "{escaped}"')
    assert refusal({}, {}, file).startswith(f"{file}: {name}: {value!r} must be ")


@pytest.mark.parametrize("value", ["[1]", "{a = 1}", "true", "2026-01-31", "1.5"])
def test_a_value_of_a_wrong_type_in_the_file_is_an_error(write, value):
    file = write(f"port = {value}")
    assert refusal({}, {}, file).startswith(f"{file}: port: ")


@pytest.mark.parametrize("region", ["us-gov-west-1", "ap-southeast-2", "cn-north-1", "me-south-1"])
def test_every_kind_of_region_is_one(region):
    assert load({"region": region}, {}).region == region


def test_paths_are_made_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    config = load({"data_dir": "data", "runtimes_dir": "~/runtimes"}, {})
    assert config.data_dir == tmp_path / "data"
    assert config.runtimes_dir == tmp_path / "runtimes"


def test_a_file_that_cannot_be_read_is_an_error(write, tmp_path):
    missing = tmp_path / "missing.toml"
    assert refusal({}, {"LAMBENT_CONFIG": str(missing)}).startswith(f"{missing}: ")
    assert refusal({}, {}, tmp_path).startswith(f"{tmp_path}: ")
    broken = write("port =")
    assert refusal({}, {}, broken).startswith(f"{broken}: ")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    assert refusal({}, {}, binary).startswith(f"{binary}: ")


def test_every_setting_says_what_it_means():
    for setting in SETTINGS:
        assert setting.meaning.endswith(".")
        assert setting.option == "--" + setting.name.replace("_", "-")
        assert setting.variable == f"LAMBENT_{setting.name.upper()}"


def test_interpreters_are_a_table_in_the_file(write):
    text = "[interpreters]\n'ruby3.2' = '/usr/bin/ruby'\n'java8.al2' = '~/jdk/bin/java'\n"
    assert load({}, {}, write(text)).interpreters == {
        "ruby3.2": Path("/usr/bin/ruby"),
        "java8.al2": Path.home() / "jdk/bin/java",
    }


@pytest.mark.parametrize("text", ["ruby9.9=/usr/bin/ruby", "ruby3.2", "ruby3.2=", "=/usr/bin/ruby"])
def test_an_interpreter_is_for_a_runtime_of_aws(text):
    assert "interpreters" in refusal({"interpreters": text}, {})


def test_a_secret_is_shown_nowhere(write):
    said = [
        refusal({}, {"LAMBENT_ACCESS_KEYS": "a-b=very-secret"}),
        refusal({}, {}, write("[access_keys]\n'a-b' = 'very-secret'\n")),
        repr(load({}, {"LAMBENT_ACCESS_KEYS": "ab=very-secret"})),
    ]
    assert not any("very-secret" in text for text in said)
    assert said[0].startswith("LAMBENT_ACCESS_KEYS: its value must be access keys")
