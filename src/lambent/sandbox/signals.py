"""What the programs we start inherit of what signals do to us."""

from __future__ import annotations

import signal

# The interpreter ignores these, and `subprocess` sees to it that no program inherits that.
_PYTHONS_OWN = frozenset({signal.SIGPIPE, signal.SIGXFSZ})


def catch_ignored() -> None:
    """Go on ignoring what we were started to ignore, but leave that to nothing we start.

    A shell's background jobs ignore SIGINT and SIGQUIT, and `nohup` SIGHUP; a function starts with
    no signal ignored. What is ignored, a new program inherits; what is caught has its default in
    it: execve(2). Call it from the main thread, before anything is started.
    """
    for each in signal.valid_signals() - _PYTHONS_OWN:
        if signal.getsignal(each) is signal.SIG_IGN:
            signal.signal(each, _do_nothing)


def _do_nothing(_number: int, _frame: object) -> None:
    """To be caught is all that the signal is for."""
