"""What the server shows its callers over TLS: a certificate of the operator's, or one of our own.

A certificate that clients would refuse, or that does not go with its key, ends the start: whoever
made the mistake is there then, and whoever calls later cannot mend it.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from cryptography import x509

from lambent.server import development_certificate
from lambent.server.setting import DEVELOPMENT_CERTIFICATE

if TYPE_CHECKING:
    from lambent.server.config import Config

# Of TLS 1.2 those with forward secrecy and authenticated encryption; 1.3 has no others.
# https://wiki.mozilla.org/Security/Server_Side_TLS
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_REMEDY = "Name another with --tls-certificate and --tls-key, or `development` for one of its own"


class CertificateUnusable(Exception):
    """Raised when there can be no HTTPS with the certificate that the settings name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    context: ssl.SSLContext
    authority: Path | None  # the certificate that clients have to trust, where it is ours


def open_identity(config: Config) -> Identity | None:
    """What the settings say; None: no TLS. Raises CertificateUnusable."""
    if not config.tls_certificate:
        if config.tls_key:
            raise CertificateUnusable("tls_key is set without tls_certificate. Set both, or none")
        return None
    if config.tls_certificate == DEVELOPMENT_CERTIFICATE:
        return _of_our_own(config)
    certificate = Path(config.tls_certificate)
    return Identity(context=_context(certificate, config.tls_key), authority=None)


def _of_our_own(config: Config) -> Identity:
    if config.tls_key:
        raise CertificateUnusable(
            "tls_key is set, and tls_certificate = development has a key of its own. Leave it out"
        )
    try:
        made = development_certificate.make(config.data_dir, config.region)
    except (OSError, ValueError) as error:
        raise CertificateUnusable(
            f"the development certificate cannot be made: {error}. Remove "
            f"{development_certificate.directory(config.data_dir)}, and another authority is "
            "made, which clients then have to trust"
        ) from error
    return Identity(context=_context(made.certificate, ""), authority=made.authority)


def _context(certificate: Path, key: str) -> ssl.SSLContext:
    """`key` is a file; empty: it is in the certificate's. Raises CertificateUnusable."""
    _check_time(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    # What clients ask for anew in a connection costs us more than them, and 1.3 has none of it.
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key or None, password=_no_password)
    except (OSError, ValueError) as error:
        raise CertificateUnusable(_sentence(certificate, key, error)) from error
    return context


def _check_time(certificate: Path) -> None:
    try:
        [first, *_] = x509.load_pem_x509_certificates(certificate.read_bytes())
    except OSError as error:
        raise CertificateUnusable(
            f"the certificate {certificate} cannot be read: {error.strerror}. {_REMEDY}"
        ) from error
    except ValueError as error:
        raise CertificateUnusable(
            f"{certificate} holds no certificate in PEM form. {_REMEDY}"
        ) from error
    now = datetime.now(UTC)
    if first.not_valid_after_utc < now:
        told = f"has expired on {first.not_valid_after_utc:%Y-%m-%d}"
        raise CertificateUnusable(f"the certificate {certificate} {told}. {_REMEDY}")
    # A clock that is a little behind the authority's is no reason not to start.
    if first.not_valid_before_utc > now + timedelta(hours=1):
        told = f"is not valid before {first.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        raise CertificateUnusable(f"the certificate {certificate} {told}. {_REMEDY}")


def _sentence(certificate: Path, key: str, error: Exception) -> str:
    reason = getattr(error, "reason", None)
    file = key or str(certificate)
    if reason == "KEY_VALUES_MISMATCH":
        return f"the key in {file} is not that of the certificate {certificate}. {_REMEDY}"
    if isinstance(error, ssl.SSLError):
        hint = "" if key else "; --tls-key names it when it is in a file of its own"
        return f"{file} holds no private key in PEM form that can be used ({reason}){hint}"
    why = error.strerror if isinstance(error, OSError) else error
    return f"the key {file} cannot be read: {why}. {_REMEDY}"


def _no_password() -> NoReturn:
    # Otherwise OpenSSL asks for it on the terminal, and nobody may be there.
    raise ValueError("it is encrypted, and nobody is asked for a passphrase; decrypt it")
