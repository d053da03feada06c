from __future__ import annotations

import pytest

from lambent.emulator.amqp.address import (
    AddressInvalid,
    AmqpAddress,
    QueueForm,
    amqp_address,
    check_queue_name,
)


def address(uri: str, **environment: str) -> AmqpAddress:
    read = amqp_address({"AMQP_URI": uri} | environment)
    assert read is not None
    return read


@pytest.mark.parametrize("environment", [{}, {"AMQP_URI": ""}, {"AMQP_URI": "  "}])
def test_there_is_no_broker_unless_one_is_named(environment: dict[str, str]) -> None:
    login = {"AMQP_USERNAME": "me", "AMQP_PASSWORD": "secret"}
    assert amqp_address(environment | login) is None


def test_reads_the_parameters_pika_has() -> None:
    read = address("amqp://host?connection_attempts=20.7&retry_delay=0.5&heartbeat=5")
    assert read.uri == "amqp://guest:guest@host:5672/?heartbeat=5"
    assert (read.connection_attempts, read.retry_delay_seconds) == (20, 0.5)


def test_tries_as_long_as_a_broker_takes_to_come_back() -> None:
    read = address("amqp://host")
    assert (read.connection_attempts, read.retry_delay_seconds) == (20, 10)


def test_has_the_originals_queue() -> None:
    read = address("amqp://host")
    assert read.uri.endswith("?heartbeat=10")
    assert read.queue == QueueForm(is_quorum=False, is_durable=False, is_auto_delete=True)


def test_leaves_a_heartbeat_of_zero_to_the_broker() -> None:
    assert address("amqp://host?heartbeat=0").uri.endswith("?heartbeat=60")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("amqp://host", "me:p%40ss%2F@host:5672/"),
        ("amqp://other:one@host", "other:one@host:5672/"),
        ("amqps://host/vhost", "me:p%40ss%2F@host:5671/vhost"),
        ("amqp://[::1]:1234/%2Fdeep", "me:p%40ss%2F@[::1]:1234/%2Fdeep"),
    ],
)
def test_takes_credentials_from_variables_where_the_uri_has_none(uri: str, expected: str) -> None:
    read = address(uri, AMQP_USERNAME="me", AMQP_PASSWORD="p@ss/")
    assert read.uri.partition("://")[2].partition("?")[0] == expected


def test_needs_both_credentials() -> None:
    assert "guest:guest@" in address("amqp://host", AMQP_USERNAME="me").uri


def test_does_not_show_the_password() -> None:
    read = address("amqp://me:secret@host/?cafile=/ca.pem")
    assert "cafile=%2Fca.pem" in read.uri
    assert read.shown == "amqp://me@host:5672/"
    assert "secret" not in repr(read)


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("durable=true", QueueForm(is_durable=True, is_auto_delete=False)),
        ("queue_type=quorum", QueueForm(is_quorum=True, is_durable=True, is_auto_delete=False)),
        ("auto_delete=FALSE", QueueForm(is_auto_delete=False)),
        ("durable=1&auto_delete=1", QueueForm(is_durable=True, is_auto_delete=True)),
    ],
)
def test_reads_what_the_queue_is_to_be(query: str, form: QueueForm) -> None:
    assert address(f"amqp://host?{query}&ssl_options=of+another").queue == form


def test_warns_of_parameters_that_have_no_effect() -> None:
    read = address("amqp://host?conection_attempts=3&HEARTBEAT=1&durable=true&locale=")
    assert read.warnings == (
        "AMQP_URI's parameter conection_attempts is not known here, and has no effect; "
        "connection_attempts is",
        "AMQP_URI's parameter HEARTBEAT is not known here, and has no effect",
        "AMQP_URI's parameter locale is not known here, and has no effect",
    )
    assert read.connection_attempts == 20
    assert address("amqp://host?connection_attempts=3&cafile=/ca.pem").warnings == ()


@pytest.mark.parametrize(
    ("name", "complaint"), [("amq.mine", "begin with 'amq.'"), ("ü" * 128, "255 bytes")]
)
def test_says_which_names_no_queue_can_have(name: str, complaint: str) -> None:
    with pytest.raises(AddressInvalid, match=complaint):
        check_queue_name(name)
    check_queue_name("ü" * 127)


@pytest.mark.parametrize(
    "uri",
    [
        "amqp://user:Hunter/2@host:5672/",
        "amqp://user:4711/Hunter@host:5672/",
        "amqp://user:Hunter#4711@host/",
        "amqp://user:4711#Hunter@host/",
        "amqp://user:4711?Hunter@host/",
        "amqp://user:Hunter@[::1/",
        "amqp://user:Hunter@host:99999/",
        "amqp:user:Hunter@host",
        "amqp://user:4711@host/?heartbeat=Hunter",
        "amqp://user:4711@host/?durable=Hunter",
        "amqp://user:4711@host/?queue_type=Hunter",
    ],
)
def test_no_complaint_has_a_piece_of_a_password(uri: str) -> None:
    with pytest.raises(AddressInvalid) as raised:
        address(uri)
    assert "Hun" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        ("http://host", "like amqp://"),
        ("localhost:5672", "like amqp://"),
        ("amqp://:secret@", "like amqp://"),
        ("amqp://host:many", "cannot be read"),
        ("amqp://[::1", "cannot be read"),
        ("amqp://host?retry_delay=soon", "retry_delay must be a number"),
        ("amqp://host?connection_attempts=-1", "connection_attempts must be a number"),
        ("amqp://host?heartbeat=nan", "heartbeat must be a number"),
        ("amqp://host?queue_type=stream", "must be classic or quorum"),
        ("amqp://host?durable=perhaps", "true or false"),
        ("amqp://host?queue_type=quorum&durable=false", "always durable"),
    ],
)
def test_says_what_is_wrong(uri: str, complaint: str) -> None:
    with pytest.raises(AddressInvalid, match=complaint) as raised:
        address(uri)
    assert "secret" not in str(raised.value)
