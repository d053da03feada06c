"""A web page on a machine with a server can have its reader's browser do nothing to that."""

from __future__ import annotations

import json
from http.client import HTTPConnection

import pytest
from tests.support.server import ROLE, running_server

FUNCTION = json.dumps(
    {
        "FunctionName": "planted",
        "Runtime": "python3.11",
        "Handler": "a.b",
        "Role": ROLE,
        "Code": {"ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="},
    }
)


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("browsers") / "data") as server:

        def ask(method, path, body=None, **headers):
            connection = HTTPConnection(server.url.removeprefix("http://"))
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer.status

        yield ask


@pytest.mark.parametrize("path", ["/health", "/_lambent/environments", "/2015-03-31/functions"])
def test_a_page_that_lets_its_own_name_lead_here_reads_nothing(ask, path):
    assert ask("GET", path) == 200
    assert ask("GET", path, Accept_Language="en") == 200
    assert ask("GET", path, Host="attacker.example:9001", Accept_Language="en") == 403


def test_a_page_elsewhere_plants_no_function(ask):
    path = "/2015-03-31/functions"
    assert ask("POST", path, FUNCTION, Origin="http://attacker.example") == 403
    assert ask("POST", path, FUNCTION, Origin="null", Content_Type="text/plain") == 403
    assert ask("POST", path, FUNCTION, Sec_Fetch_Site="cross-site") == 403
    assert ask("POST", path, FUNCTION) not in (403, 500)
