"""Functions that print more, or other, than a log wants."""

from __future__ import annotations

import textwrap

from tests.support.waiting import wait_logged

MIB = 1024 * 1024

GIGABYTE = textwrap.dedent("""
    import os
    lines = b"flood flood flood flood flood flood flood flood flood flood flood flood\\n" * 900
    for _ in range(2 ** 30 // len(lines)):
        os.write(1, lines)
""")


def test_a_function_that_prints_a_gigabyte_is_slowed_down_and_timed_out(attack, hostile, server):
    deployed = hostile(Timeout=3)
    before = server.peak_memory_bytes()
    answer = attack(deployed, GIGABYTE)
    assert answer["Payload"]["errorType"] == "Sandbox.Timedout"
    assert server.peak_memory_bytes() - before < 300 * MIB
    assert attack(deployed, "result = 'again'")["Payload"] == "again"


def test_short_lines_flood_no_better(attack, hostile, server):
    before = server.peak_memory_bytes()
    answer = attack(hostile(Timeout=2), "import os\nwhile True: os.write(1, b'\\n' * 65536)")
    assert answer["Payload"]["errorType"] == "Sandbox.Timedout"
    assert server.peak_memory_bytes() - before < 300 * MIB


def test_bytes_that_are_no_text_and_endless_lines_are_logged_in_pieces(attack, hostile):
    deployed = hostile()
    odd = textwrap.dedent("""
        import os
        os.write(1, bytes(range(256)) + b"\\n")
        left = b"~" * (3 * 2 ** 20) + b"\\nlast line\\n"
        while left:
            left = left[os.write(2, left):]
        result = "printed"
    """)
    assert attack(deployed, odd)["Payload"] == "printed"
    logged = wait_logged(deployed, "REPORT RequestId")
    # One is among the 256 bytes.
    assert sum(message.count("~") for message in logged) == 3 * MIB + 1
    assert all(len(message.encode()) <= MIB for message in logged)
    assert any(message.startswith("\x00\x01\x02") for message in logged)
    assert "last line\n" in logged


# Every descriptor behind which there is a pipe: one of them is the telemetry descriptor.
GARBAGE = textwrap.dedent("""
    import os, struct
    def frame(length, message):
        return struct.pack(">IIQ", 0xA55A0003, length, 2 ** 64 - 1) + message
    for descriptor in range(3, 64):
        try:
            if not os.readlink(f"/proc/self/fd/{descriptor}").startswith("pipe:"):
                continue
        except OSError:
            continue
        for garbage in (
            os.urandom(60000), frame(0, b"") * 1000, frame(2 ** 32 - 1, b"x"), frame(5, b"right"),
            frame(10 ** 6, b"never finished"),
        ):
            os.write(descriptor, garbage)
    result = "written"
""")


def test_garbage_on_the_telemetry_descriptor_spoils_its_own_log_only(attack, hostile):
    deployed = hostile()
    assert attack(deployed, GARBAGE)["Payload"] == "written"
    logged = wait_logged(deployed, "REPORT RequestId")
    assert any(message.startswith("END RequestId") for message in logged)
    assert attack(deployed, "result = 'again'")["Payload"] == "again"
