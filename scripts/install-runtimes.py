"""Install every runtime the tests can use on this machine; say which cannot be had, and why."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from lambent.execution_environment.runtimes.installed_runtimes import find_runtimes
from lambent.execution_environment.runtimes.runtime_installation import (
    RuntimeInstallationFailed,
    install,
)
from lambent.server.settings import data_home

WANTED = (
    *(f"python3.{minor}" for minor in range(8, 14)),
    *(f"nodejs{major}.x" for major in (16, 18, 20, 22, 24)),
    *(f"java{release}" for release in (11, 17, 21, 25)),
)


def install_one(identifier: str) -> str:
    try:
        install(identifier, data_home() / "runtimes", lambda step: None)
    except RuntimeInstallationFailed as error:
        return f"{identifier}: not installed: {error}"
    return f"{identifier}: ready"


def main() -> None:
    found = find_runtimes(data_home() / "runtimes")
    missing = [name for name in WANTED if not found[name].is_runnable]
    with ThreadPoolExecutor(4) as installers:
        for line in installers.map(install_one, missing):
            print(line, flush=True)


if __name__ == "__main__":
    main()
