"""Functions that crash, hang, multiply and hoard: nobody else notices, and nothing is left."""

from __future__ import annotations

import textwrap

import pytest

EXIT = "Runtime exited with error: "
MIB = 1024 * 1024


def program(text):
    return textwrap.dedent(text)


ENDINGS = {
    "import os; os._exit(0)": "Runtime exited without providing a reason",
    "import sys; sys.exit(1)": f"{EXIT}exit status 1",
    "import os; os._exit(77)": f"{EXIT}exit status 77",
    "import os; os.abort()": f"{EXIT}signal: aborted",
    "import os; os.kill(os.getpid(), 9)": f"{EXIT}signal: killed",
    # A child of its own takes the runtime away, and whatever else it may signal.
    "import os; os.fork() or os.kill(-1, 9); import time; time.sleep(9)": f"{EXIT}signal: killed",
    "import os; os.kill(os.getpid(), 11)": f"{EXIT}signal: segmentation fault",
}


def test_a_function_that_ends_its_process_fails_alone(attack, hostile):
    deployed = hostile()
    for ending, reason in ENDINGS.items():
        answer = attack(deployed, ending)
        assert answer["FunctionError"] == "Unhandled"
        assert answer["Payload"]["errorType"] == "Runtime.ExitError", ending
        assert answer["Payload"]["errorMessage"].endswith(f" Error: {reason}"), ending
        assert attack(deployed, "result = 'again'")["Payload"] == "again"


HANGS = [
    "import time; time.sleep(600)",
    "while True: pass",
    """
    import signal, time
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True: time.sleep(600)
    """,
    """
    import os, signal
    os.kill(os.getpid(), signal.SIGSTOP)
    """,
]


def test_a_function_that_hangs_is_timed_out(attack, hostile):
    deployed = hostile(Timeout=1)
    for hang in HANGS:
        answer = attack(deployed, program(hang))
        assert answer["FunctionError"] == "Unhandled"
        assert answer["Payload"]["errorType"] == "Sandbox.Timedout"
        assert answer["Payload"]["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert attack(deployed, "result = 'again'")["Payload"] == "again"


DAEMONS = program("""
    import os, signal, time
    for number in range(20):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for each in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
                    signal.signal(each, signal.SIG_IGN)
                os.closerange(0, 1024)
                while True:
                    time.sleep(600)
            os._exit(0)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    open("/tmp/kept", "w").close()
    result = sum(name.isdigit() for name in os.listdir("/proc"))
""")
COUNT = program("""
    import os
    result = [os.path.exists("/tmp/kept"), sum(name.isdigit() for name in os.listdir("/proc"))]
""")


def test_daemons_do_not_outlive_their_runtime(attack, hostile):
    deployed = hostile()
    own = deployed.call(COUNT)[1]
    assert attack(deployed, DAEMONS)["Payload"] == own + 20
    # Between invocations of one environment they may live, as on AWS.
    assert attack(deployed, COUNT)["Payload"] == [True, own + 20]
    attack(deployed, "import os; os._exit(1)")
    assert attack(deployed, COUNT)["Payload"] == [True, own]
    attack(deployed, DAEMONS)  # and with these the function is deleted


def test_a_fork_bomb_is_contained(attack, hostile):
    deployed = hostile(Timeout=5, MemorySize=512)
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    answer = attack(deployed, bomb)
    assert answer["FunctionError"] == "Unhandled"
    assert attack(deployed, "result = 'again'")["Payload"] == "again"


THREADS = program("""
    import threading, time
    started = 0
    try:
        while True:
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
            started += 1
    except RuntimeError:
        result = started
""")


def test_threads_count_as_processes(attack, hostile):
    started = attack(hostile(), THREADS)["Payload"]
    assert 900 < started <= 1024


def test_a_function_that_exhausts_its_memory_is_killed_alone(attack, hostile):
    deployed = hostile(MemorySize=256)
    answer = attack(deployed, "hoard = []\nwhile True: hoard.append(b'x' * 1_000_000)")
    assert answer["Payload"]["errorType"] == "Runtime.ExitError"
    assert answer["Payload"]["errorMessage"].endswith(f" Error: {EXIT}signal: killed")
    assert attack(deployed, "result = 'again'")["Payload"] == "again"


FILL = program("""
    import os
    chunk = bytes(1024 * 1024)
    written = 0
    try:
        with open("/tmp/big", "wb", buffering=0) as file:
            while True:
                written += file.write(chunk)
    except OSError as error:
        result = [error.strerror, written]
""")


def test_a_full_tmp_is_the_functions_own_trouble(attack, hostile, server):
    deployed = hostile()
    reason, written = attack(deployed, FILL)["Payload"]
    assert reason == "No space left on device"
    assert 512 * MIB <= written <= 540 * MIB
    on_host = (server.data_dir / "sandboxes").rglob("volumes/*.ext4")
    assert sum(image.stat().st_blocks * 512 for image in on_host) < 600 * MIB
    again = "import os; os.remove('/tmp/big'); open('/tmp/x', 'w').write('x'); result = 'again'"
    assert attack(deployed, again)["Payload"] == "again"


def test_a_small_function_may_fill_its_tmp_too(attack, hostile):
    reason, _ = attack(hostile(MemorySize=128), FILL)["Payload"]
    assert reason == "No space left on device"


CLOSINGS = [
    "import os; os.closerange(0, 1024)",
    """
    import os
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        try:
            if os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:"):
                os.close(descriptor)
        except OSError:
            pass
    """,
]


@pytest.mark.parametrize("closing", CLOSINGS)
def test_a_function_that_closes_its_descriptors_harms_itself_only(attack, hostile, closing):
    deployed = hostile(Timeout=2)
    attack(deployed, program(closing))
    assert attack(deployed, "result = 'again'")["Payload"] == "again"
