"""What `make demo` runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.server import newest_runtime

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


def test_the_demo_shows_three_functions_results_and_logs():
    newest_runtime("nodejs")  # the demo would install one
    finished = subprocess.run([sys.executable, str(DEMO)], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    for result in (
        r'--- invocation 1 returned "{\"area\": 42}"',  # Python
        r'--- invocation 1 returned "{\"area\":42}"',  # Node.js
        """--- invocation 1 returned Echoing request: '{"length": 6, "width": 7}'""",
    ):
        assert result in finished.stdout
    assert finished.stdout.count("REPORT RequestId: ") == 6
    assert finished.stdout.count("The area is 42") == 4
    assert "Traceback" not in finished.stderr
