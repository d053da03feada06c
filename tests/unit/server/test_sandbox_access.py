from __future__ import annotations

from typing import Any

import pytest
from tests.support.versions import function_version
from tests.unit.aws.stand_ins import FakeAws

from lambent.aws.credentials import IssuedCredentials, TokenExpired
from lambent.server.sandbox_access import aws_access, url_inside
from lambent.server.sandbox_doors import SandboxDoors

NOBODY: Any = FakeAws()
URL = "http://127.0.0.1:9000"


def access_to(default_endpoint="", issued=None):
    issued = issued or IssuedCredentials()
    return aws_access(issued, NOBODY, SandboxDoors(issued), default_endpoint=default_endpoint)


@pytest.mark.parametrize("endpoint", ["", "http://192.0.2.1:5000"])
def test_functions_find_every_service_at_the_door(endpoint):
    assert access_to(endpoint).endpoints("127.0.0.1:9000") == {"AWS_ENDPOINT_URL": URL}


def test_beside_aws_itself_they_find_our_two_there():
    assert access_to("aws").endpoints("127.0.0.1:9000") == {
        "AWS_ENDPOINT_URL_LAMBDA": URL,
        "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": URL,
    }


def test_our_url_is_inside_at_the_same_port_of_loopback():
    assert url_inside("namespaces", "http://192.0.2.1:9100") == "http://127.0.0.1:9100"
    assert url_inside("process", "http://192.0.2.1:9100") == "http://192.0.2.1:9100"


async def test_credentials_are_known_until_they_are_revoked():
    issued = IssuedCredentials()
    access = access_to(issued=issued)
    made = await access.issue(function_version())
    assert issued.session(made.access_key_id, made.session_token) is not None
    access.revoke(made)
    with pytest.raises(TokenExpired):
        issued.session(made.access_key_id, made.session_token)
