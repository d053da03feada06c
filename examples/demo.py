"""A server, and three functions on it: Python, Node.js and a runtime written in bash."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parent
LAMBENT = str(Path(sys.executable).with_name("lambent"))
EVENT = {"length": 6, "width": 7}


def main() -> None:
    python, nodejs = runtime("python", newest_python()), runtime("nodejs", "nodejs22.x")
    with server() as url:
        client = boto3.client(
            "lambda",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(retries={"total_max_attempts": 1}),
        )
        show(client, "area-in-python", python, "lambda_function.lambda_handler", "python")
        show(client, "area-in-nodejs", nodejs, "index.handler", "nodejs")
        show(client, "echo-in-bash", "provided.al2023", "function.handler", "bash")
    print("\nThat was all: three functions in three sandboxes, and nothing of them is left.")


def newest_python() -> str:
    return f"python3.{min(sys.version_info.minor, 13)}"


def runtime(family: str, wanted: str) -> str:
    """A runtime of this family that is ready here; `wanted` is installed when none is."""
    listed = json.loads(run("runtime", "list", "--json"))
    ready = [
        each["runtime"]
        for each in listed
        if each["runtime"].startswith(family) and each["unavailable_because"] is None
    ]
    if not ready:
        print(f"Installing {wanted} (once)...")
        subprocess.run([LAMBENT, "runtime", "install", wanted], check=True)
    return wanted if wanted in ready or not ready else ready[-1]


def run(*arguments: str) -> str:
    return subprocess.run(
        [LAMBENT, *arguments], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


@contextlib.contextmanager
def server() -> Iterator[str]:
    """`lambent serve` on a free port, with a data directory of its own."""
    with tempfile.TemporaryDirectory() as directory:
        command = [LAMBENT, "serve", "--port", "0", "--data-dir", directory]
        print("$ lambent serve")
        with subprocess.Popen(
            [*command, "--log-level", "warning"], stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            try:
                yield listening_url(process.stderr)
            finally:
                process.terminate()
                process.wait()


def listening_url(lines: Any) -> str:
    for line in lines:
        print(line, end="")
        if "listening on " in line:
            return str(line.split("listening on ")[1].strip())
    raise SystemExit("The server did not start; what it said is above.")


def show(client: Any, name: str, runtime: str, handler: str, folder: str) -> None:
    print(f"\n=== {name} ({runtime})")
    client.create_function(
        FunctionName=name,
        Runtime=runtime,
        Handler=handler,
        Role="arn:aws:iam::000000000000:role/demo",
        Code={"ZipFile": zipped(EXAMPLES / folder)},
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    for number in (1, 2):
        answer = client.invoke(FunctionName=name, Payload=json.dumps(EVENT), LogType="Tail")
        print(f"--- invocation {number} returned {answer['Payload'].read().decode()}")
        print(base64.b64decode(answer["LogResult"]).decode(), end="")


def zipped(folder: Path) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        for file in sorted(folder.iterdir()):
            writer.write(file, file.name)  # keeps the executable bit of `bootstrap`
    return archive.getvalue()


if __name__ == "__main__":
    main()
