from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import signal, subprocess
from lambent.sandbox.signals import catch_ignored

catch_ignored()
signal.raise_signal(signal.SIGHUP)
signal.raise_signal(signal.SIGRTMIN)
subprocess.run(["/bin/grep", "SigIgn", "/proc/self/status"], check=True)
print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
print(signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN)
"""


@pytest.fixture
def ignoring():
    """This process ignores some signals meanwhile, and so does what it starts."""
    ignored = (signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD, signal.SIGRTMIN)
    before = {each: signal.signal(each, signal.SIG_IGN) for each in ignored}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def test_what_is_ignored_still_is_and_what_is_started_ignores_nothing(ignoring):
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE) as process:
        said, _ = process.communicate(timeout=60)
    mask, is_term_default, is_pipe_ignored = said.decode().splitlines()
    libc_own = 1 << (32 - 1) | 1 << (33 - 1)  # nobody can set these
    assert int(mask.split()[1], 16) & ~libc_own == 0
    assert (is_term_default, is_pipe_ignored) == ("True", "True")
