"""Compile the Java that the package and the tests carry as jars; needs a JDK 17 or newer.

    .venv/bin/python scripts/build-java.py

The same source gives the same bytes with the same compiler: sorted entries, no times. Each jar
says of which source it was made, and tests/unit/runtimes checks that it is the one beside it.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
RUNTIME = ROOT / "src/lambent/runtimes/java"
FIXTURE = ROOT / "tests/support/java"
JARS = {
    RUNTIME / "lib/lambent-runtime.jar": RUNTIME / "source",
    FIXTURE / "handlers.jar": FIXTURE,
}
_RELEASE = "11"  # of the class files: the oldest Java that functions run on here
_SOURCE_ENTRY = "META-INF/source.sha256"


def source_digest(source: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(source.rglob("*.java")):
        digest.update(str(file.relative_to(source)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def digest_in(jar: Path) -> str:
    with zipfile.ZipFile(jar) as archive:
        return archive.read(_SOURCE_ENTRY).decode()


def build(jar: Path, source: Path) -> None:
    with tempfile.TemporaryDirectory() as classes:
        files = sorted(str(file) for file in source.rglob("*.java"))
        command = ["javac", "--release", _RELEASE, "-g:source,lines", "-Xlint:all", "-Werror"]
        subprocess.run([*command, "-d", classes, *files], check=True)
        entries = {
            str(file.relative_to(classes)): file.read_bytes()
            for file in Path(classes).rglob("*.class")
        }
    entries[_SOURCE_ENTRY] = source_digest(source).encode()
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(entries.items()):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def main() -> int:
    for jar, source in JARS.items():
        jar.parent.mkdir(exist_ok=True)
        build(jar, source)
        print(jar.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
