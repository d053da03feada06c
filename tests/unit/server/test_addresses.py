from __future__ import annotations

import socket

import pytest
from tests.support.certificates import make_certificate

from lambent.server.addresses import open_addresses
from lambent.server.config import load
from lambent.server.listening import AddressInUse
from lambent.server.loopback import loopback_addresses


@pytest.fixture
def settings(tmp_path):
    def read(**values):
        given = {"data_dir": str(tmp_path), "port": "0", "tls_port": "0", **values}
        return load(given, {"LAMBENT_CONFIG": "/dev/null"})

    return read


def test_without_a_certificate_there_is_plain_http_only(settings):
    with open_addresses(settings(host="127.0.0.1")) as addresses:
        [listening] = addresses.listening
        assert listening.tls is None
        assert listening.socket.getsockname() == ("127.0.0.1", addresses.port)
        assert addresses.url == f"http://127.0.0.1:{addresses.port}"
        assert (addresses.secure_url, addresses.authority) == (None, None)
    assert listening.socket.fileno() == -1


def test_with_one_every_address_has_both(settings, tmp_path):
    with open_addresses(settings(tls_certificate="development")) as addresses:
        loopback = list(loopback_addresses())
        names = [each.socket.getsockname()[0] for each in addresses.listening]
        assert names == loopback + loopback
        are_secure = [each.tls is not None for each in addresses.listening]
        assert are_secure == [False] * len(loopback) + [True] * len(loopback)
        secure_port = addresses.listening[-1].socket.getsockname()[1]
        assert addresses.secure_url == f"https://127.0.0.1:{secure_port}"
        assert secure_port != addresses.port
        assert addresses.authority == tmp_path / "tls/authority.pem"


@pytest.mark.skipif("::1" not in loopback_addresses(), reason="this host has no IPv6")
def test_the_first_address_is_the_one_that_is_shown(settings):
    with open_addresses(settings(host="::1,127.0.0.1")) as addresses:
        assert addresses.url == f"http://[::1]:{addresses.port}"


def test_a_certificate_of_the_operators_has_no_authority_of_ours(settings, tmp_path):
    files = make_certificate(tmp_path / "own")
    config = settings(tls_certificate=str(files.certificate), tls_key=str(files.key))
    with open_addresses(config) as addresses:
        assert addresses.secure_url is not None
        assert addresses.authority is None


def test_a_port_for_tls_that_is_taken_leaves_nothing_open(settings):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        config = settings(host="127.0.0.1", tls_port=str(port), tls_certificate="development")
        with (
            pytest.raises(AddressInUse, match=r"choose another with --tls-port"),
            open_addresses(config),
        ):
            pass
