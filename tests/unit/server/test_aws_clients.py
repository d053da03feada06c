from __future__ import annotations

import pytest

from lambent.aws.clients import NoEndpoint
from lambent.server.aws_clients import open_aws_clients
from lambent.server.config import load


def test_the_settings_say_which_services_there_are(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    with open_aws_clients(load({"aws_endpoints": "s3=http://127.0.0.1:1"}, {})) as clients:
        clients.check("s3")
        with pytest.raises(NoEndpoint):
            clients.check("kms")
    with open_aws_clients(load({"aws_endpoint_url": "http://127.0.0.1:1"}, {})) as clients:
        clients.check("kms")
