from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lambent.aws.clients import NoEndpoint
from lambent.server.aws_clients import endpoints_of, open_aws_clients
from lambent.server.config import load


def test_the_settings_say_which_services_there_are(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    single = endpoints_of(load({"aws_endpoints": "s3=http://127.0.0.1:1"}, {}), None)
    with open_aws_clients(single) as clients:
        clients.check("s3")
        with pytest.raises(NoEndpoint):
            clients.check("kms")
    all_of_them = endpoints_of(load({"aws_endpoint_url": "http://127.0.0.1:1"}, {}), None)
    with open_aws_clients(all_of_them) as clients:
        clients.check("kms")


def test_the_companion_is_where_the_settings_name_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    config = load({"aws_endpoints": "s3=http://127.0.0.1:1"}, {})
    companion: Any = SimpleNamespace(url="http://127.0.0.1:2", callers_secret="told to nobody")
    endpoints = endpoints_of(config, companion)
    assert endpoints.companion_secret == "told to nobody"
    assert "told to nobody" not in repr(endpoints)
    assert endpoints.of("s3") == "http://127.0.0.1:1"
    assert endpoints.of("sqs") == "http://127.0.0.1:2"
    assert endpoints.is_companion("sqs")
    assert not endpoints.is_companion("s3")
