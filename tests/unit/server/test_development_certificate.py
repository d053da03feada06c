from __future__ import annotations

import ssl

import pytest
from cryptography import x509

from lambent.server import development_certificate
from lambent.server.development_certificate import make


def shaken_hands(made, name, *, authority=None):
    """The certificate a client sees that calls `name`; raises ssl.SSLError as the client would."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.certificate)
    client = ssl.create_default_context(cafile=authority or made.authority)
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # which Python 3.13 asks for
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(there, back, server_side=True)
    theirs = client.wrap_bio(back, there, server_hostname=name)
    for _ in range(4):
        for side in (theirs, ours):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return theirs.getpeercert()


def loaded(file):
    return x509.load_pem_x509_certificate(file.read_bytes())


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "127.0.0.1",
        "::1",
        "id.lambda-url.us-east-1.localhost",
        "id.lambda-url.eu-central-1.localhost",
        "id.lambda-url.xx-test-9.localhost",
    ],
)
def test_it_is_for_this_machine_and_the_urls_of_functions(tmp_path, name):
    assert shaken_hands(make(tmp_path, "xx-test-9"), name)["subjectAltName"]


@pytest.mark.parametrize("name", ["example.com", "192.0.2.1", "localhost.example.com"])
def test_it_is_for_nothing_else(tmp_path, name):
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken_hands(make(tmp_path, "us-east-1"), name)


def test_the_authority_can_vouch_for_nothing_but_this_machine(tmp_path, monkeypatch):
    names = [x509.DNSName("example.com"), x509.DNSName("localhost")]
    monkeypatch.setattr(development_certificate, "_names", lambda region: names)
    made = make(tmp_path, "us-east-1")
    for name in ("example.com", "localhost"):  # one name too many spoils the certificate
        with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
            shaken_hands(made, name)


def test_the_authority_stays_and_the_certificate_is_made_anew(tmp_path):
    first = make(tmp_path, "us-east-1")
    before = loaded(first.authority), loaded(first.certificate)
    again = make(tmp_path, "us-east-1")
    assert loaded(again.authority) == before[0]
    assert loaded(again.certificate) != before[1]
    assert shaken_hands(again, "localhost")


def test_an_authority_near_its_end_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(development_certificate, "_AUTHORITY_DAYS", 397)
    old = loaded(make(tmp_path, "us-east-1").authority)
    monkeypatch.undo()
    made = make(tmp_path, "us-east-1")
    assert loaded(made.authority) != old
    assert shaken_hands(made, "localhost")


def test_what_people_trust_is_put_back_if_it_goes(tmp_path):
    made = make(tmp_path, "us-east-1")
    trusted = made.authority.read_bytes()
    made.authority.unlink()
    assert make(tmp_path, "us-east-1").authority.read_bytes() == trusted
    assert b"PRIVATE KEY" not in trusted


def test_keys_are_for_the_server_alone(tmp_path):
    make(tmp_path, "us-east-1")
    kept = tmp_path / "tls"
    assert kept.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in kept.iterdir()} == {0o600}


def test_a_key_of_another_kind_is_not_taken(tmp_path):
    make(tmp_path, "us-east-1")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    (tmp_path / "tls/authority-key.pem").write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    with pytest.raises(ValueError, match="a key of another kind"):
        make(tmp_path, "us-east-1")
