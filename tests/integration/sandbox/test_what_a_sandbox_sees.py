"""Files, processes, user, environment and descriptors inside."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lambent.sandbox.sandbox import Mount


async def test_nothing_of_the_host_but_programs_is_there(place, tmp_path):
    (tmp_path / "secret").write_text("x")
    output = await place.sh(
        f"ls -A /; ls {tmp_path} /root /home /var /work /srv /sys 2>&1 >/dev/null"
    )
    root, _, errors = output.partition("ls:")
    assert set(root.split()) <= {
        *("bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "tmp", "usr"),
        *("opt", "run"),  # empty; the entry shell
    }
    assert errors.count("No such file") == 7


async def test_mounted_code_is_readable_even_below_a_directory_only_root_enters(place, tmp_path):
    private = tmp_path / "private"
    code = private / "code"
    code.mkdir(parents=True)
    (code / "handler").write_text("here")
    (code / "handler").chmod(0o644)
    private.chmod(0o700)
    mount = Mount(source=code, target="/var/task")
    output = await place.sh(
        "cat handler; echo new > handler; echo new > other",
        mounts=(mount,),
        working_directory="/var/task",
    )
    assert output.startswith("here")
    assert output.count("Read-only file system") == 2


async def test_everything_but_tmp_is_read_only(place):
    output = await place.sh(
        "for d in / /usr /etc /dev /proc/sys/kernel /var /var/tmp /dev/shm; do"
        " (echo x > $d/new) 2>/dev/null && echo wrote $d; done; echo x > /tmp/new && echo fine"
    )
    assert output == "fine\n"


async def test_only_its_own_processes_are_visible(place):
    output = await place.sh("ls -d /proc/[0-9]* | wc -l; cat /proc/1/environ /proc/1/root/x 2>&1")
    count, _, rest = output.partition("\n")
    assert int(count) <= 5
    assert rest.count("Permission denied") == 2


async def test_the_environment_is_exactly_what_was_given(place):
    odd = {"A": 'it\'s "two"\nlines $HOME `x` \\ é', "UID": "7", "with.dot": "1", "EMPTY": ""}
    program = "import os; print(sorted(os.environ.items()))"
    output = await place.run("/usr/bin/python3", "-c", program, environment=odd)
    expected = {**odd, "PWD": "/tmp"}
    seen = dict(ast.literal_eval(output[0]))
    assert {k: v for k, v in seen.items() if k not in ("LC_CTYPE", "SHLVL", "_")} == expected


@pytest.fixture
def inheritable_descriptor():
    with Path("/etc/hosts").open() as file:
        os.set_inheritable(file.fileno(), True)
        yield


async def test_no_descriptor_leaks_in(place, inheritable_descriptor):
    output = await place.python(
        "import os\n"
        "for fd in range(3000):\n"
        "  try: print(fd, os.readlink(f'/proc/self/fd/{fd}'))\n"
        "  except OSError: pass"
    )
    lines = [line.split() for line in output.splitlines()]
    assert [number for number, _ in lines] == ["0", "1", "2", "3"]
    assert lines[0][1] == "/dev/null"
    assert lines[1][1] == lines[2][1] != lines[3][1]


async def test_standard_error_can_be_opened_by_name(place):
    assert await place.sh("echo one > /dev/stderr; echo two > /dev/stdout; cat /dev/stdin") == (
        "one\ntwo\n"
    )


async def test_the_user_is_unprivileged_and_nobody_elses(new_place):
    first, second = await new_place(), await new_place()
    users = [int(await place.sh("id -u")) for place in (first, second)]
    assert all(user > 1_900_000_000 for user in users)
    assert users[0] != users[1]
    assert "sandbox" in await first.sh("id -un; id -gn; id -G -n")


async def test_powers_are_gone_for_good(place):
    output = await place.sh("grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status")
    values = dict(line.split() for line in output.splitlines())
    assert {values[f"Cap{kind}:"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert (values["NoNewPrivs:"], values["Seccomp:"]) == ("1", "2")


@pytest.fixture
def preloadable(tmp_path):
    """A directory with evil.so, which says under which user it is loaded."""
    directory = tmp_path / "code"
    directory.mkdir()
    source = directory / "evil.c"
    source.write_text(
        "#include <stdio.h>\n#include <unistd.h>\n"
        "__attribute__((constructor)) static void f(void)"
        '{ dprintf(2, "preloaded as %d\\n", (int)getuid()); }\n'
    )
    library = directory / "evil.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    library.chmod(0o755)
    return directory


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
async def test_preloaded_code_never_runs_as_root(place, preloadable):
    """The environment's LD_PRELOAD must reach no program that comes before the user's command."""
    output, _ = await place.run(
        "/bin/true",
        environment={"LD_PRELOAD": "/var/task/evil.so", "UID": "1"},
        mounts=(Mount(source=preloadable, target="/var/task"),),
    )
    assert output
    assert f"preloaded as {place.volume.user_id}\n" * output.count("\n") == output


def command_lines() -> bytes:
    return subprocess.run(["ps", "-ewwo", "args"], capture_output=True, check=True).stdout


async def test_environment_is_on_no_command_line_of_the_host(place):
    sandbox = await place.start("/bin/sleep", "60", environment={"SECRET": "swordfish"})
    assert b"swordfish" not in command_lines()
    await sandbox.close()


async def test_accounts_and_names_resolve(place):
    names = ("localhost", "$(hostname)", "sandbox", "sandbox.localdomain")
    lookups = "; ".join(f"getent ahostsv4 {name} | head -n 1" for name in names)
    output = await place.sh(f"getent passwd $(id -u); {lookups}")
    assert "sandbox:x:" in output
    assert output.count("127.0.0.1") == len(names)
