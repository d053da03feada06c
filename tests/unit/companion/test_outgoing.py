from __future__ import annotations

import http.server
import logging
import socket
import threading
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from lambent.companion import outgoing


@pytest.fixture(autouse=True)
def _installed(monkeypatch):
    monkeypatch.setattr(HTTPAdapter, "send", outgoing._send)


@pytest.fixture
def receiver(monkeypatch):
    """A web server that counts as a public one; what it got, and where it is."""
    got = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append((self.path, dict(self.headers), body))
            redirects = self.path == "/away"
            self.send_response(302 if redirects else 200)
            self.send_header("location", "/secret")
            self.end_headers()
            self.wfile.write(b"x" * (2 * outgoing._MOST_BYTES) if self.path == "/large" else b"ok")

        def log_message(self, *_arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(outgoing, "is_public", lambda address: address == "127.0.0.1")
        yield got, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.17.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%lo", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1"),
        *("::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::"),
    ],
)
def test_addresses_that_are_not_of_the_internet_are_refused(address):
    assert not outgoing.is_public(address)


def test_addresses_of_the_internet_are_not_refused():
    assert outgoing.is_public("52.94.236.248")
    assert outgoing.is_public("2600:1f18::1")


def test_a_public_address_of_this_host_is_refused(monkeypatch):
    # As if all addresses there are were the host's own.
    monkeypatch.setattr(socket.socket, "bind", lambda *_address: None)
    assert not outgoing.is_public("52.94.236.248")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://127.1:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f000001:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
def test_a_subscriber_cannot_be_on_this_host_or_its_network(url, caplog):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        url = url.format(port=listening.getsockname()[1])
        with pytest.raises(requests.exceptions.ConnectionError), caplog.at_level(logging.WARNING):
            requests.post(url, data="x")
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert "nothing is sent to" in caplog.text


@pytest.mark.parametrize("port", [22, 25, 111, 993])
def test_ports_of_other_services_are_refused(port, monkeypatch):
    monkeypatch.setattr(outgoing, "is_public", lambda _address: True)
    with pytest.raises(outgoing.Forbidden):
        outgoing.public_addresses("127.0.0.1", port)


def test_a_name_with_one_address_of_this_host_is_refused(monkeypatch):
    answers = [(0, 0, 0, "", (each, 80)) for each in ("52.94.236.248", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_asked, **_options: answers)
    with pytest.raises(outgoing.Forbidden):
        outgoing.public_addresses("rebinding.test", 80)


def test_a_name_is_looked_up_once_and_that_address_is_used(receiver, monkeypatch):
    got, url = receiver
    port = urlsplit(url).port
    looked_up = []

    def getaddrinfo(host, *_rest, **_options):
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))]

    connect = socket.create_connection
    connected = []
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    def create_connection(address, timeout):
        connected.append(address)
        return connect(address, timeout)

    monkeypatch.setattr(socket, "create_connection", create_connection)
    assert requests.post(f"http://public.test:{port}/", json={}).text == "ok"
    assert looked_up[0] == "public.test"
    assert looked_up.count("public.test") == 1
    assert connected == [("127.0.0.1", port)]
    assert got[0][1]["Host"] == f"public.test:{port}"


def test_what_is_sent_arrives_as_it_was_meant(receiver):
    got, url = receiver
    response = requests.post(f"{url}/a?b=c", json={"d": 1}, headers={"X-A": "b"})
    assert (response.status_code, response.text) == (200, "ok")
    [(path, headers, body)] = got
    assert (path, headers["X-A"], body) == ("/a?b=c", "b", b'{"d": 1}')


def test_nobody_is_followed_to_another_address(receiver):
    got, url = receiver
    assert requests.post(f"{url}/away", data="x").status_code == 302
    assert len(got) == 1


def test_of_a_large_answer_the_rest_is_not_read(receiver):
    _, url = receiver
    assert len(requests.post(f"{url}/large", data="x").content) == outgoing._MOST_BYTES


def test_who_answers_a_byte_at_a_time_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(outgoing, "is_public", lambda _address: True)
    monkeypatch.setattr(outgoing, "_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        with pytest.raises(requests.exceptions.ConnectionError, match="does not answer"):
            requests.post(f"http://127.0.0.1:{listening.getsockname()[1]}/", data="x")


def test_what_is_no_web_address_is_refused():
    with pytest.raises(outgoing.Forbidden):
        outgoing._exchange(requests.Request("GET", "http://x").prepare(), urlsplit("ftp://x/"))
