"""The single-file executable in the place of AWS's emulator, in images that have nothing for it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.emulator import children_of, running_emulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.timeout(900)  # without what scripts/test has compiled before

ROOT = Path(__file__).parents[2]
ECHO = ROOT / "examples/echo"
EMULATOR = "/usr/local/bin/aws-lambda-rie"
# What AWS's base images start, re-told: the handler is its one argument, and the emulator is used
# where there is no Runtime API already.
ENTRYPOINT = """#!/bin/sh
if [ $# -ne 1 ]; then
  echo "entrypoint requires the handler name to be the first argument" 1>&2
  exit 142
fi
export _HANDLER="$1"
RUNTIME_ENTRYPOINT=/var/runtime/bootstrap
if [ -z "${AWS_LAMBDA_RUNTIME_API}" ]; then
  exec /usr/local/bin/aws-lambda-rie $RUNTIME_ENTRYPOINT
else
  exec $RUNTIME_ENTRYPOINT
fi
"""
NO_FUNCTION = ("--dir", "/var/task")
RUNS_THE_FUNCTION = '#!/bin/sh\ncd "$LAMBDA_TASK_ROOT"\nexec ./bootstrap\n'


@pytest.fixture(scope="module")
def single_file(tmp_path_factory) -> Path:
    """The executable, of the sources as they are: what `make rie` has built, if none is newer."""
    built_before = ROOT / "dist/lambent-rie"
    if built_before.exists() and built_before.stat().st_mtime > _last_change():
        return built_before
    output: Path = tmp_path_factory.mktemp("single") / "lambent-rie"
    command = [sys.executable, str(ROOT / "scripts/build-rie.py"), "--output", str(output)]
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode != 0 and not os.environ.get("CI"):
        pytest.skip(f"the executable cannot be built here: {built.stderr[-500:]}")
    assert built.returncode == 0, built.stdout + built.stderr
    return output


def _last_change() -> float:
    """When one of the files the executable is made of was changed, or added, or taken away."""
    roots = (ROOT / "src/lambent", ROOT / "scripts/single_file")
    files = [ROOT / "uv.lock", ROOT / "scripts/build-rie.py", *roots]
    files += [each for root in roots for each in root.rglob("*") if "__pycache__" not in each.parts]
    return max(each.stat().st_mtime for each in files)


@pytest.fixture(scope="module")
def static_function(tmp_path_factory) -> Path:
    """A program that needs nothing of an image, as Go's and Rust's functions are."""
    program: Path = tmp_path_factory.mktemp("function") / "bootstrap"
    source = ROOT / "benchmarks/echo_runtime.c"
    subprocess.run(["gcc", "-O2", "-static", "-o", program, source], check=True)
    return program


def container(*binds: tuple[Path, str], root: Sequence[str] = ()) -> list[str]:
    """A read-only root of these files alone, another user, no powers, and itself as process 1."""
    command = ["bwrap", "--die-with-parent", "--unshare-user", "--uid", "1234", "--gid", "1234"]
    command += ["--unshare-pid", "--as-pid-1", "--cap-drop", "ALL", "--dev", "/dev", *root]
    for source, target in binds:
        command += ["--ro-bind", str(source), target]
    return [*command, "--remount-ro", "/", "--chdir", "/var/task"]


def debian_root() -> Iterator[str]:
    """What bash and curl need of the host's files, and no Python."""
    for each in ("/bin", "/sbin", "/lib", "/lib64"):
        if Path(each).is_symlink():
            yield from ("--symlink", str(Path(each).readlink()), each)
    for each in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64"):
        yield from ("--ro-bind-try", each, each)
    for program in ("bash", "sh", "curl", "tr", "sed"):
        found = str(Path(shutil.which(program) or "").resolve())
        yield from ("--ro-bind", found, f"/usr/bin/{program}")


def script(place: Path, name: str, text: str) -> Path:
    file = place / name
    file.write_text(text)
    file.chmod(0o755)
    return file


def test_an_image_of_aws_runs_with_it_mounted_in_the_place_of_the_emulator(single_file, tmp_path):
    image = container(
        (ECHO, "/var/task"),
        (script(tmp_path, "entrypoint", ENTRYPOINT), "/lambda-entrypoint.sh"),
        (script(tmp_path, "runtime", RUNS_THE_FUNCTION), "/var/runtime/bootstrap"),
        (single_file, EMULATOR),
        root=[*debian_root(), "--proc", "/proc"],
    )

    with running_emulator(
        tmp_path / "logs",
        ["function.handler"],
        through=image,
        program=["/lambda-entrypoint.sh"],
        LAMBDA_TASK_ROOT="/var/task",
    ) as emulator:
        answer = emulator.invoke({"key": "value"})

    assert (answer.status, answer.json) == (200, {"key": "value"})


def test_an_empty_image_is_enough_for_it(single_file, static_function, tmp_path):
    """No C library, no Python, no shell, no /proc, no /tmp, and nothing to write to."""
    image = container((static_function, "/var/task/bootstrap"), (single_file, EMULATOR))

    with running_emulator(tmp_path / "logs", [], through=image, program=[EMULATOR]) as emulator:
        answers = [emulator.invoke({"call": number}).json for number in range(3)]

    assert answers == [{"call": 0}, {"call": 1}, {"call": 2}]


def test_as_process_1_it_ends_with_its_functions_when_it_is_told_to(
    single_file, static_function, tmp_path
):
    image = container((static_function, "/var/task/bootstrap"), (single_file, EMULATOR))

    with running_emulator(tmp_path / "logs", [], through=image, program=[EMULATOR]) as emulator:
        assert emulator.invoke({"key": 1}).json == {"key": 1}
        [first] = children_of(emulator.process.pid)
        os.kill(first, signal.SIGTERM)
        status = emulator.wait()

    assert status == 0


def test_it_is_both_sides_of_a_broker(single_file, static_function, rabbitmq, tmp_path):
    image = container((static_function, "/var/task/bootstrap"), (single_file, EMULATOR))
    gateway = tmp_path / "lambda-server"
    gateway.symlink_to(single_file)

    with running_emulator(
        tmp_path / "function",
        [],
        through=image,
        program=[EMULATOR],
        AWS_LAMBDA_FUNCTION_NAME="behind-a-broker",
        AMQP_URI=rabbitmq.uri(),
    ) as function:
        function.wait_said("requests of the queue behind-a-broker are taken")
        with running_emulator(
            tmp_path / "gateway", [], program=[str(gateway)], AMQP_URI=rabbitmq.uri()
        ) as caller:
            answer = caller.invoke({"key": "value"}, name="behind-a-broker")

    assert (answer.status, answer.json) == (200, {"key": "value"})


def test_an_init_container_copies_it_to_tmp(single_file, tmp_path):
    volume = tmp_path / "volume"
    volume.mkdir()
    image = container((single_file, EMULATOR), root=[*NO_FUNCTION, "--bind", str(volume), "/tmp"])

    copied = subprocess.run([*image, EMULATOR], env={"KUBERNETES_INIT_CONTAINER": ""}, timeout=60)

    copy = volume / "aws-lambda-rie"
    assert copied.returncode == 0
    assert copy.stat().st_mode == single_file.stat().st_mode
    assert copy.read_bytes() == single_file.read_bytes()
    assert [each.name for each in volume.iterdir()] == ["aws-lambda-rie"]


def test_an_init_container_without_a_volume_fails_and_says_why(single_file):
    image = container((single_file, EMULATOR), root=[*NO_FUNCTION, "--dir", "/tmp"])
    environment = {"KUBERNETES_INIT_CONTAINER": "true"}

    done = subprocess.run([*image, EMULATOR], env=environment, capture_output=True, text=True)

    assert done.returncode == 1
    assert "cannot copy /usr/local/bin/aws-lambda-rie to /tmp/aws-lambda-rie" in done.stderr


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("aws-lambda-rie", "Usage: lambent rie"),
        ("lambda-server", "Usage: lambent gateway"),
        ("lambent", "Usage: lambent [OPTIONS] COMMAND"),
    ],
)
def test_its_name_decides_what_it_is(single_file, tmp_path, name, begins):
    called = tmp_path / name
    called.symlink_to(single_file)

    helped = subprocess.run([called, "--help"], capture_output=True, text=True, check=True)

    assert helped.stdout.startswith(begins)


def test_variables_for_the_functions_python_do_not_change_its_own(
    single_file, static_function, tmp_path
):
    image = container((static_function, "/var/task/bootstrap"), (single_file, EMULATOR))

    with running_emulator(
        tmp_path / "logs",
        [],
        through=image,
        program=[EMULATOR],
        PYTHONHOME="/nowhere",
        PYTHONPATH="/nowhere",
    ) as emulator:
        assert emulator.invoke({"key": 1}).json == {"key": 1}


def test_it_says_its_version_only_when_that_is_all_it_is_asked(single_file):
    told = subprocess.run([single_file, "--version"], capture_output=True, text=True, check=True)

    assert told.stdout.startswith("lambent, version ")
