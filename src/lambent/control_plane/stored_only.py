"""What this release keeps in its final form but does not act on yet.

A name is an operation's, an operation's and its member's, or a setting's of functions. The reference of operations is made from this
table, and the server's log says the same when something of the kind is created.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)

_SENTENCES: Mapping[str, tuple[str, ...]] = {
    "Event sources are not polled yet: nothing invokes the function.": (
        "CreateEventSourceMapping",
        "UpdateEventSourceMapping",
    ),
    "Signatures of deployment packages are not checked yet: any package is taken.": (
        "CreateCodeSigningConfig",
        "PutFunctionCodeSigningConfig",
        "UpdateCodeSigningConfig",
        "CodeSigningConfigArn",
    ),
    "Only processes of Python 3.12 and later can be copied: a version in Java or .NET initialises in "
    "each of its environments, and its hooks around snapshots do not run.": ("SnapStart",),
    "Of a caller only the account is known: what is said of a user or a role counts for everybody "
    "in its account.": ("AddPermission.Principal", "PutResourcePolicy.Policy"),
    "Requests are not traced yet.": ("TracingConfig",),
    "Functions still use the network of this host.": ("VpcConfig",),
    "Functions still have no file systems but /tmp.": ("FileSystemConfigs",),
}

STORED_ONLY: Mapping[str, str] = {
    name: sentence for sentence, names in _SENTENCES.items() for name in names
}


def tell_stored_only(name: str, owner: str) -> None:
    """Say in the server's log that `name`, now set for `owner` (an ARN), has no effect yet."""
    _log.warning("%s of %s is stored for a later release: %s", name, owner, STORED_ONLY[name])
