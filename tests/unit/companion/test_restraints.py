from __future__ import annotations

import io
from typing import Any

import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.utilities.docker_utilities import DockerModel
from requests.adapters import HTTPAdapter
from werkzeug.test import Client

from lambent.companion import restraints

SCOPE = "AWS4-HMAC-SHA256 Credential=none/20200101/{}/{}/aws4_request, SignedHeaders=host"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def installed(monkeypatch):
    for owner, name in (
        (DockerModel, "docker_client"),
        (HTTPAdapter, "send"),
        (DomainDispatcherApplication, "get_application"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))  # so that it is put back
    restraints.install()


@pytest.fixture
def client(installed):
    return Client(DomainDispatcherApplication(create_backend_app))


def signed(service, region="us-east-1"):
    return {"Authorization": SCOPE.format(region, service)}


def test_no_service_starts_a_container(installed):
    with pytest.raises(NotImplementedError, match="no containers"):
        _ = DockerModel().docker_client


@pytest.mark.parametrize(
    "path",
    [
        *("/moto-api/reset", "/moto-api", "/moto-api/data.json", "/moto-api/config", "/moto-apiX"),
        *("/%6doto-api/reset", "/moto%2dapi/reset", "/moto-api%2freset", "/favicon.ico"),
        *("/latest/meta-data/", "/latest/meta-data/iam/security-credentials/default-role"),
        *("/latest/api/token", "/%6catest/meta-data/"),
    ],
)
def test_motos_controls_and_the_machines_metadata_are_not_there(client, path):
    unsigned: dict[str, str] = {}
    for headers in (unsigned, *map(signed, ("s3", "moto_api", "instance_metadata"))):
        for method in ("GET", "POST"):
            answer = client.open(path, method=method, headers=headers)
            assert answer.status_code in (403, 404)
            assert b"moto" not in answer.data.lower()
            assert b"AccessKeyId" not in answer.data


@pytest.mark.parametrize(
    "scope", ["motoapi.amazonaws.com", "motoapi", "moto_api", "instance_metadata"]
)
def test_motos_controls_are_not_there_by_a_scope_or_a_host(client, scope):
    answer = client.post(
        "/moto-api/reset", headers=signed(scope) | {"Host": "motoapi.amazonaws.com"}
    )
    assert answer.status_code == 404


def test_objects_whose_names_look_like_controls_are_objects(client):
    client.put("/bucket", headers=signed("s3"))
    assert client.put("/bucket/moto-api/reset", data=b"x", headers=signed("s3")).status_code == 200


def answered(environ, _start):
    return [environ]


@pytest.mark.parametrize("told", [None, "", "wrong", "secretX", "secret, secret"])
def test_who_does_not_know_the_secret_is_not_answered(told):
    started = []
    environ = {} if told is None else {"HTTP_X_LAMBENT_COMPANION": told}
    application = restraints.only_with("secret", answered)
    [text] = application(environ, lambda status, _headers: started.append(status))
    assert started == ["403 Forbidden"]
    assert b"secret" not in text


def test_who_knows_the_secret_is_answered_and_it_goes_no_further():
    environ = {"HTTP_X_LAMBENT_COMPANION": "secret", "A": "b"}
    application: Any = restraints.only_with("secret", answered)
    assert application(environ, print) == [{"A": "b"}]


def test_the_scheme_is_what_the_server_was_called_with():
    environ = {"HTTP_X_LAMBENT_COMPANION": "secret", "HTTP_X_FORWARDED_PROTO": "https"}
    application: Any = restraints.only_with("secret", answered)
    assert application({**environ, "wsgi.url_scheme": "http"}, print) == [
        {"wsgi.url_scheme": "https"}
    ]


def asked(body, content_type=FORM, **members):
    return {
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    } | members


MANY = b"&".join(b"M.member.%d.Id=a" % number for number in range(2001))


@pytest.mark.parametrize(
    ("service", "content_type"),
    [("cloudwatch", FORM), ("ec2", ""), ("ec2", "application/json"), ("batch", FORM.upper())],
)
def test_a_form_that_would_keep_the_companion_busy_is_refused(service, content_type):
    assert restraints.form_complaint(asked(MANY, content_type), service)


def test_a_form_without_a_length_is_counted_too():
    environ = {"CONTENT_TYPE": FORM, "wsgi.input": io.BytesIO(MANY), "wsgi.input_terminated": True}
    assert restraints.form_complaint(environ, "sns")


def test_a_form_too_large_is_read_and_refused():
    environ = asked(b"a" * (restraints._MOST_FORM_BYTES + 1))
    assert "larger" in str(restraints.form_complaint(environ, "sns"))
    assert environ["wsgi.input"].read() == b""


def test_a_form_with_a_long_name_is_refused():
    assert "name" in str(restraints.form_complaint(asked(b"a=1&" + b"b." * 300 + b"=1"), "sns"))


def test_a_query_of_many_fields_is_refused():
    assert restraints.form_complaint(asked(b"", "", QUERY_STRING=MANY.decode()), "s3")


@pytest.mark.parametrize(
    ("service", "content_type"),
    [
        ("s3", ""),
        ("s3", FORM),
        ("sqs", "application/x-amz-json-1.0"),
        ("dynamodb", "application/x-amz-json-1.0"),
    ],
)
def test_what_is_no_form_is_not_counted(service, content_type):
    assert restraints.form_complaint(asked(MANY, content_type), service) is None


def test_a_usual_form_can_be_read_afterwards():
    environ = asked(b"Action=ListTopics&Version=1")
    assert restraints.form_complaint(environ, "sns") is None
    assert environ["wsgi.input"].read() == b"Action=ListTopics&Version=1"


@pytest.mark.parametrize("service", ["ec2", "sns"])
def test_a_refused_form_is_an_error_of_the_service(client, service):
    answer = client.post("/", data=MANY, headers=signed(service), content_type=FORM)
    assert answer.status_code == 400
    assert b"<Code>MalformedQueryString</Code>" in answer.data
    assert (b"<Errors>" in answer.data) is (service == "ec2")
