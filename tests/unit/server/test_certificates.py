from __future__ import annotations

import ssl
from datetime import timedelta

import pytest
from tests.support.certificates import make_certificate

from lambent.server.certificates import CertificateUnusable, open_identity
from lambent.server.config import load

DAY = timedelta(days=1)


@pytest.fixture
def settings(tmp_path):
    def read(certificate="", key=""):
        values = {"tls_certificate": str(certificate), "tls_key": str(key)}
        return load({"data_dir": str(tmp_path), **values}, {"LAMBENT_CONFIG": "/dev/null"})

    return read


@pytest.fixture
def refusal(settings):
    def told(certificate="", key=""):
        with pytest.raises(CertificateUnusable) as caught:
            open_identity(settings(certificate, key))
        return str(caught.value)

    return told


def test_without_a_certificate_there_is_no_tls(settings):
    assert open_identity(settings()) is None


def test_the_certificate_and_its_key_may_be_in_one_file_or_two(settings, tmp_path):
    files = make_certificate(tmp_path)
    identity = open_identity(settings(files.certificate, files.key))
    assert identity is not None
    assert identity.authority is None
    both = tmp_path / "both.pem"
    both.write_bytes(files.key.read_bytes() + files.certificate.read_bytes())
    assert open_identity(settings(both)) is not None


def test_nothing_older_than_tls_1_2_is_spoken_and_no_cipher_that_can_be_read_later(settings):
    identity = open_identity(settings("development"))
    assert identity is not None
    context = identity.context
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    for cipher in context.get_ciphers():
        assert cipher["aead"], cipher["name"]
        assert cipher["kea"] in ("kx-ecdhe", "kx-any"), cipher["name"]


def test_a_development_certificate_comes_with_its_authority(settings, tmp_path):
    identity = open_identity(settings("development"))
    assert identity is not None
    assert identity.authority == tmp_path / "tls/authority.pem"


def test_a_key_without_a_certificate_is_a_mistake(refusal, tmp_path):
    assert refusal(key=tmp_path / "key.pem").startswith("tls_key is set without tls_certificate")
    assert "development has a key of its own" in refusal("development", tmp_path / "key.pem")


def test_a_file_that_is_not_there_or_no_certificate_is_named(refusal, tmp_path):
    files = make_certificate(tmp_path)
    missing = tmp_path / "missing.pem"
    assert f"certificate {missing} cannot be read: No such file" in refusal(missing)
    assert f"{files.key} holds no certificate in PEM form" in refusal(files.key)
    assert f"the key {missing} cannot be read: No such file" in refusal(files.certificate, missing)


def test_a_key_that_is_not_there_is_asked_for(refusal, tmp_path):
    files = make_certificate(tmp_path)
    told = refusal(files.certificate)
    assert told.startswith(f"{files.certificate} holds no private key in PEM form")
    assert "--tls-key names it" in told


def test_the_key_of_another_certificate_is_told(refusal, tmp_path):
    files, others = make_certificate(tmp_path), make_certificate(tmp_path / "others")
    told = refusal(files.certificate, others.key)
    assert f"the key in {others.key} is not that of the certificate {files.certificate}" in told


def test_nobody_is_asked_for_a_passphrase(refusal, tmp_path):
    files = make_certificate(tmp_path, passphrase=b"secret")
    assert "it is encrypted" in refusal(files.certificate, files.key)


def test_a_certificate_out_of_its_time_is_refused(refusal, settings, tmp_path):
    old = make_certificate(tmp_path / "old", begins=-2 * DAY, ends=-DAY)
    assert " has expired on 2" in refusal(old.certificate, old.key)
    early = make_certificate(tmp_path / "early", begins=DAY, ends=2 * DAY)
    assert " is not valid before 2" in refusal(early.certificate, early.key)
    just = make_certificate(tmp_path / "just", begins=timedelta(minutes=5))
    assert open_identity(settings(just.certificate, just.key)) is not None


def test_a_damaged_authority_ends_the_start_with_the_way_out(refusal, settings, tmp_path):
    open_identity(settings("development"))
    (tmp_path / "tls/authority-key.pem").write_text("damaged")
    told = refusal("development")
    assert told.startswith("the development certificate cannot be made: ")
    assert f"Remove {tmp_path / 'tls'}, and another authority is made" in told
