"""A certificate for this machine, and the authority of its own that vouches for it.

The authority is made once and kept: it is what people make their clients trust. Its key could
vouch for nothing but names and addresses of this machine (name constraints), so that whoever gets
hold of it cannot pass for another site. The certificate is made anew at each start, so that it
never expires and always has the names of the day.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lambent.protocol.regions import known_regions
from lambent.store.durable_files import write_durably

if TYPE_CHECKING:
    from pathlib import Path

_AUTHORITY_DAYS = 3650
# What browsers take at most: https://support.apple.com/en-us/103769 has 825 for private ones.
_CERTIFICATE_DAYS = 397
# For clients in virtual machines and containers, whose clocks may be behind.
_BEFORE = timedelta(days=1)
_LOOPBACK = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))
_LOOPBACK_NETWORKS = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DevelopmentCertificate:
    certificate: Path  # with its key: for us alone
    authority: Path  # for everybody


@dataclass(frozen=True, slots=True, kw_only=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def directory(data_dir: Path) -> Path:
    """Where all of it is kept."""
    return data_dir / "tls"


def make(data_dir: Path, region: str) -> DevelopmentCertificate:
    """For localhost, names below it, and function URLs of every region AWS has, and of `region`.

    Raises OSError; ValueError when what is kept of the authority has been damaged.
    """
    kept = directory(data_dir)
    kept.mkdir(mode=0o700, exist_ok=True)
    authority = _authority(kept / "authority-key.pem")
    public = kept / "authority.pem"
    write_durably(public, _pem(authority.certificate))
    own = kept / "server.pem"
    write_durably(own, _issue(authority, _names(region)))
    return DevelopmentCertificate(certificate=own, authority=public)


def _names(region: str) -> list[x509.GeneralName]:
    urls = (f"*.lambda-url.{each}.localhost" for each in sorted({*known_regions(), region}))
    names = ("localhost", "*.localhost", *urls)
    return [*map(x509.DNSName, names), *map(x509.IPAddress, _LOOPBACK)]


def _authority(file: Path) -> _Authority:
    """That of the file, unless there is none, or it ends before what it would vouch for."""
    if file.exists():
        pem = file.read_bytes()
        key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{file} holds a key of another kind")
        found = _Authority(certificate=x509.load_pem_x509_certificate(pem), key=key)
        if found.certificate.not_valid_after_utc > _days_from_now(_CERTIFICATE_DAYS):
            return found
    made = _new_authority()
    write_durably(file, _key_pem(made.key) + _pem(made.certificate))
    return made


def _new_authority() -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Lambent development authority of this machine")
    allowed = [x509.DNSName("localhost"), *map(x509.IPAddress, _LOOPBACK_NETWORKS)]
    builder = (
        _builder(name, name, key, _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints(allowed, None), critical=True)
        .add_extension(_key_usage(is_authority=True), critical=True)
    )
    return _Authority(certificate=builder.sign(key, hashes.SHA256()), key=key)


def _issue(authority: _Authority, names: list[x509.GeneralName]) -> bytes:
    """A key, its certificate, and the authority's, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    of_issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    certificate = (
        _builder(_name("Lambent on this machine"), issuer.subject, key, _CERTIFICATE_DAYS)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(of_issuer, critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return _key_pem(key) + _pem(certificate) + _pem(issuer)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - _BEFORE)
        .not_valid_after(_days_from_now(days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _days_from_now(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
