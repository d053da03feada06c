"""Write the archive of Python modules for the single-file executable.

    python assemble.py ARCHIVE STANDARD_LIBRARY SITE_PACKAGES LAMBENT MODEL...

Run by the Python it is for, whose byte code it holds: another version could not read it.
"""

from __future__ import annotations

import importlib.util
import marshal
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HERE = Path(__file__).parent
PACKAGES = (
    "aio_pika",
    "aiormq",
    "botocore",
    "certifi",
    "click",
    "dateutil",
    "httptools",
    "idna",
    "jmespath",
    "msgspec",
    "multidict",
    "pamqp",
    "propcache",
    "six.py",
    "typing_extensions.py",
    "urllib3",
    "uvloop",
    "yarl",
)
# Of the standard library what a server has no use for, and what it could not use without modules
# that are not linked in.
_LEFT_OUT = (
    "__pycache__ curses dbm distutils ensurepip idlelib lib2to3 pydoc_data sitecustomize.py sqlite3 "
    "test tests tkinter turtle.py turtledemo unittest venv wsgiref xmlrpc"
)
_OF_LAMBENT = (
    "__init__.py",
    "aws",
    "cli",
    "control_plane",
    "domain",
    "emulator",
    "execution_environment",
    "invocation",
    "protocol",
    "sandbox",
    "server",
    "store",
    "telemetry",
)
# "Unchecked": there is no source beside it to compare it with.
_HEAD = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)


def modules(root: Path, tops: Iterable[str]) -> Iterator[tuple[str, Path]]:
    left_out = frozenset(_LEFT_OUT.split())
    for top in tops:
        place = root / top
        for file in [place] if place.is_file() else place.rglob("*.py"):
            relative = file.relative_to(root)
            if file.suffix == ".py" and not left_out.intersection(relative.parts):
                yield str(relative), file


def byte_code(name: str, source: bytes) -> bytes:
    return _HEAD + marshal.dumps(compile(source, name, "exec", dont_inherit=True))


def main(archive: str, library: str, site_packages: str, lambent: str, *models: str) -> None:
    entries = {
        name + "c": byte_code(name, file.read_bytes())
        for root, tops in (
            (Path(library), sorted(each.name for each in Path(library).iterdir())),
            (Path(site_packages), PACKAGES),
            (Path(lambent).parent, [f"lambent/{each}" for each in _OF_LAMBENT]),
        )
        for name, file in modules(root, tops)
    }
    for own, name in (("boot", "lambent_boot"), ("model_loader", "botocore/loaders")):
        entries[f"{name}.pyc"] = byte_code(f"{name}.py", (HERE / f"{own}.py").read_bytes())
    for model in models:
        entries[f"botocore/data/{Path(model).name}"] = Path(model).read_bytes()
    for info in Path(site_packages).glob("*.dist-info/METADATA"):
        if info.parent.name.split("-")[0] in {*PACKAGES, "lambent"}:
            entries[str(info.relative_to(site_packages))] = info.read_bytes()
    with zipfile.ZipFile(archive, "w") as file:
        for name, content in sorted(entries.items()):
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main(*sys.argv[1:])
