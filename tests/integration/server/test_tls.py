"""HTTPS beside HTTP, on both loopback addresses, as clients that check certificates see it."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import SSLError
from tests.support.aws_cli import Terminal
from tests.support.certificates import make_certificate
from tests.support.functions import zipped
from tests.support.server import ROLE, RunningServer, run_lambent, running_server

from lambent.server.loopback import loopback_addresses

PACKAGE = zipped({"lambda_function.py": "x = 1"})
SECURE = re.compile(r"and with TLS on (https://\S+)\n  by the authority (\S+), ")


@dataclass
class SecureServer:
    server: RunningServer
    port: int
    authority: str

    @property
    def plain_port(self) -> int:
        return urlsplit(self.server.url).port or 0

    def client(self, *, verify, host="127.0.0.1"):
        return boto3.client(
            "lambda",
            endpoint_url=f"https://{host}:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            verify=verify,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def curl(self, url, *options):
        return subprocess.run(
            ["curl", "-sS", "--max-time", "20", "--cacert", self.authority, *options, url],
            capture_output=True,
            text=True,
        )


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("tls") / "data"
    options = ("--tls-certificate", "development", "--tls-port", "0")
    with running_server(data_dir, *options) as server:
        said = SECURE.search(server.log.read_text())
        assert said is not None
        port = urlsplit(said[1]).port
        assert port is not None
        yield SecureServer(server, port, said[2])


@pytest.fixture
def function(secure):
    client = secure.client(verify=secure.authority)
    client.create_function(
        FunctionName="greet",
        Runtime="python3.12",
        Handler="lambda_function.x",
        Role=ROLE,
        Code={"ZipFile": PACKAGE},
    )
    yield client
    client.delete_function(FunctionName="greet")


@pytest.mark.parametrize("address", loopback_addresses())
def test_each_loopback_address_has_both_protocols(secure, address):
    host = f"[{address}]" if ":" in address else address
    for url in (f"https://{host}:{secure.port}", f"http://{host}:{secure.plain_port}"):
        answer = secure.curl(f"{url}/health")
        assert answer.stdout.startswith('{"status": "ok"'), answer.stderr


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "ap-southeast-7"])
def test_the_certificate_is_good_for_urls_of_functions_in_every_region(secure, region):
    name = f"{'a' * 32}.lambda-url.{region}.localhost"
    resolve = ("--resolve", f"{name}:{secure.port}:127.0.0.1", "-o", "/dev/null")
    answer = secure.curl(f"https://{name}:{secure.port}/", *resolve)
    assert answer.returncode == 0, answer.stderr


def test_boto3_checks_the_certificate(secure):
    assert secure.client(verify=secure.authority).list_functions()["Functions"] == []
    assert secure.client(verify=secure.authority, host="localhost").list_layers()["Layers"] == []
    with pytest.raises(SSLError, match="certificate verify failed"):
        secure.client(verify=True).list_functions()


def test_the_aws_cli_takes_it(secure, tmp_path):
    terminal = Terminal(replace(secure.server, url=f"https://localhost:{secure.port}"), tmp_path)
    listed = terminal.run(f"aws --ca-bundle {secure.authority} lambda list-functions")
    assert '"Functions": []' in listed


def test_links_and_urls_in_answers_lead_to_where_https_is(secure, function):
    url = function.create_function_url_config(FunctionName="greet", AuthType="NONE")["FunctionUrl"]
    pattern = rf"https://[a-z0-9]{{32}}\.lambda-url\.us-east-1\.localhost:{secure.port}/"
    assert re.fullmatch(pattern, url)
    link = function.get_function(FunctionName="greet")["Code"]["Location"]
    assert link.startswith(f"https://127.0.0.1:{secure.port}/")
    trusting = ssl.create_default_context(cafile=secure.authority)
    with urllib.request.urlopen(link, context=trusting) as answer:
        assert answer.read() == PACKAGE
    plainly = secure.server.client().get_function(FunctionName="greet")["Code"]["Location"]
    assert plainly.startswith(secure.server.url)


def test_old_protocols_are_not_spoken(secure):
    url = f"https://localhost:{secure.port}/health"
    old = ("--tls-max", "1.1", "--tlsv1.0", "--ciphers", "DEFAULT@SECLEVEL=0")
    assert secure.curl(url, *old).returncode != 0
    assert secure.curl(url, "--tls-max", "1.2").returncode == 0
    # Nothing that needs HTTP/2 is promised.
    assert "accepted http/1.1" in secure.curl(url, "-v", "--http2").stderr


def test_strangers_at_the_port_harm_nobody(secure):
    waiting = [socket.create_connection(("127.0.0.1", secure.port)) for _ in range(50)]
    assert secure.curl(f"http://localhost:{secure.port}/health").returncode == 52  # an empty reply
    with socket.create_connection(("127.0.0.1", secure.port)) as rude:
        rude.sendall(bytes(100_000))
    assert secure.curl(f"https://localhost:{secure.port}/health").returncode == 0
    for each in waiting:
        each.close()
    assert "Traceback" not in secure.server.log.read_text()


def test_a_certificate_that_cannot_be_ends_the_start_with_a_sentence(tmp_path):
    files, others = make_certificate(tmp_path), make_certificate(tmp_path / "others")
    options = ["--tls-certificate", str(files.certificate), "--tls-key", str(others.key)]
    finished = run_lambent(
        "serve", "--port", "0", "--data-dir", str(tmp_path / "data"), "--companion", "off", *options
    )
    assert finished.returncode == 1
    told = f"Error: the key in {others.key} is not that of the certificate {files.certificate}. "
    assert finished.stderr.startswith(told)
    assert "Traceback" not in finished.stderr


def test_a_certificate_of_ones_own_is_shown(tmp_path):
    files = make_certificate(tmp_path)
    options = ("--tls-certificate", str(files.certificate), "--tls-key", str(files.key))
    with running_server(tmp_path / "data", *options, "--tls-port", "0") as server:
        said = re.search(r"TLS on https://127\.0\.0\.1:(\d+)\n  try", server.log.read_text())
        assert said is not None
        with (
            socket.create_connection(("127.0.0.1", int(said[1]))) as plain,
            ssl.create_default_context(cafile=files.certificate).wrap_socket(
                plain, server_hostname="localhost"
            ) as shown,
        ):
            certificate = shown.getpeercert(binary_form=True)
    assert certificate is not None
    assert ssl.DER_cert_to_PEM_cert(certificate).strip() == files.certificate.read_text().strip()
    assert not Path(tmp_path / "data/tls").exists()
