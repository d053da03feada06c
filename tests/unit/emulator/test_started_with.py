from __future__ import annotations

import subprocess
import sys

# The process is one of its own: what it hides stays hidden.
PROGRAM = """
import os
from lambent.emulator.started_with import hide_secrets
hide_secrets()
print(os.environ["AMQP_URI"], os.environ["MY_AMQP_URI"])
print(open("/proc/self/environ").read().strip(chr(0)).split(chr(0)))
"""


def test_what_is_hidden_is_not_shown_to_others_and_is_still_ours():
    variables = {"A": "1", "AMQP_URI": "amqp://u:secret@h", "AMQP_PASSWORD": "secret", "B": "2"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**variables, "MY_AMQP_URI": "kept", "AMQP_EMPTY": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    ours, shown = done.stdout.splitlines()
    assert ours == "amqp://u:secret@h kept"
    assert "secret" not in shown
    for kept in ("'A=1'", "'B=2'", "'MY_AMQP_URI=kept'", "'AMQP_URI='"):
        assert kept in shown
