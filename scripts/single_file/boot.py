"""The first module of ours that the single-file executable runs; lambent_boot in its archive."""

from __future__ import annotations

import _imp
import os
import sys
from importlib.machinery import BuiltinImporter, ModuleSpec

# Where distributions keep the certificates they trust. The C library's view of the environment
# only: what functions get is made of os.environ.
_CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Amazon Linux, Fedora
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",
)


class LinkedModules:
    """Finds the compiled modules of packages, which are parts of this program.

    Python itself looks for such modules at the top level only.
    """

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if path is None or not _imp.is_builtin(name):
            return None
        return ModuleSpec(name, BuiltinImporter, origin="built-in")


def _trust_the_hosts_certificates() -> None:
    if "SSL_CERT_FILE" in os.environ or "SSL_CERT_DIR" in os.environ:
        return
    for path in _CERTIFICATES:
        if os.path.exists(path):  # noqa: PTH110 - pathlib is not loaded yet
            os.putenv("SSL_CERT_FILE", path)
            return


sys.meta_path.insert(0, LinkedModules)  # type: ignore[arg-type]
sys.frozen = True  # type: ignore[attr-defined]  # as all such executables say it
_trust_the_hosts_certificates()

from lambent.cli.single_file import main  # noqa: E402 - what it needs is found from here on

main()
