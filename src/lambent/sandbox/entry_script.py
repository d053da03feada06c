"""The shell script that turns a prepared process into the command.

It is sent through a pipe only when every limit is in place. Should this server die before, the
shell reads an empty script and ends: whatever happens, the command never runs unlimited. Sending
it also keeps the environment off command lines, which are public on the host.
"""

from __future__ import annotations

import os
import re
import shlex

from lambent.sandbox.sandbox import TELEMETRY_DESCRIPTOR, Command

# Started as: standard input = the script's pipe, output = telemetry, error = the command's output.
SHELL = ("/bin/sh", "-s")

_CANNOT_EXECUTE = 126
_SIGN_OF_LIFE = "echo"  # read by pipes.wait_for_shell
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Names some shell treats as its own: read-only, or changed on export.
_SHELL_NAME = re.compile(
    r"U?E?UID|PPID|GROUPS|OPT(IND|ARG|ERR)|LINENO|RANDOM|SRANDOM|SECONDS|EPOCH\w+|DIRSTACK|FUNCNAME"
    r"|PIPESTATUS|HISTCMD|SHELLOPTS|BASH\w*|SHLVL|IFS|PWD|OLDPWD|_"
)


def build(command: Command) -> bytes:
    """The script that becomes the command, with exactly its environment (and PWD).

    Raises ValueError for a variable that cannot be: a NUL in it, or '=' in its name.
    """
    lines, unusual = [_SIGN_OF_LIFE], []
    variables = dict(command.environment)
    if command.telemetry_variable:
        variables[command.telemetry_variable] = str(TELEMETRY_DESCRIPTOR)
    for name, value in variables.items():
        if "\0" in name + value or "=" in name or not name:
            raise ValueError(f"not an environment variable: {name!r}")
        if _NAME.fullmatch(name) and not _SHELL_NAME.fullmatch(name):
            lines.append(f"export {name}={shlex.quote(value)}")
        else:
            unusual.append(shlex.quote(f"{name}={value}"))
    through = f"/usr/bin/env {' '.join(unusual)} " if unusual else ""
    # Telemetry came in as standard output, so that it needs no number that might be taken.
    directory = shlex.quote(command.working_directory)
    descriptors = f"{TELEMETRY_DESCRIPTOR}>&1 1>&2 </dev/null"
    # By now as the sandbox's own user, who may enter its /tmp as bwrap may not.
    lines.append(f"cd -- {directory} || exit {_CANNOT_EXECUTE}")
    lines.append("export PWD; unset OLDPWD")
    return "\n".join(
        [*lines, f"exec {through}{shlex.join(command.argv)} {descriptors}", ""]
    ).encode()


def send(pipe: int, script: bytes) -> None:
    """Let the command run. Blocks until the shell has read nearly all of it."""
    try:
        while script:
            script = script[os.write(pipe, script) :]
    except BrokenPipeError:
        # The shell is gone already; the exit status tells why.
        return
