"""When CloudFormation is put into moto."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from lambent.companion import cloudformation
from lambent.companion.cloudformation import Installation

MODULE = "lambent.companion.cloudformation.installation"
AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/{}/aws4_request, ..."


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The servers it was installed for."""
    seen: list[Any] = []
    monkeypatch.setitem(sys.modules, MODULE, SimpleNamespace(replace_moto=seen.append))
    return seen


def test_it_is_done_once_whoever_asks(installed: list[Any]) -> None:
    server: Any = object()
    installation = Installation(server)
    threads = [threading.Thread(target=installation.complete) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert installed == [server]


@pytest.mark.parametrize(("service", "count"), [("cloudformation", 1), ("s3", 0)])
def test_only_a_call_to_cloudformation_waits_for_it(
    installed: list[Any], monkeypatch: pytest.MonkeyPatch, service: str, count: int
) -> None:
    monkeypatch.setattr(
        DomainDispatcherApplication, "__call__", lambda *_: [len(installed)], raising=True
    )
    server: Any = object()
    cloudformation.install(server)
    create_app: Any = None
    dispatcher: Any = DomainDispatcherApplication(create_app)
    assert dispatcher({"HTTP_AUTHORIZATION": AUTHORIZATION.format(service)}, None) == [count]
