"""
Check the contents of sdist and wheel: ``python .ci/contents.py dist``, from the top of a checkout.

The wheel must contain the package's files in git and metadata; the sdist all files in git except those for the forge
and for git itself.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

#: Not in the sdist, since they are useless without the repository.
REPOSITORY_ONLY = (".ci/", ".github/", ".gitignore", ".importlinter", ".pre-commit-config.yaml")

GENERATED_BY_SETUPTOOLS = ("PKG-INFO", "sunpy_flarecast.egg-info")


def main(folder: Path) -> None:
    """Exit with an error if the contents differ."""
    listed = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True).stdout.splitlines()
    known = {name for name in listed if not name.startswith(REPOSITORY_ONLY) and Path(name).exists()}
    [sdist], [wheel] = folder.glob("*.tar.gz"), folder.glob("*.whl")
    with tarfile.open(sdist) as archive:
        names = {PurePosixPath(*PurePosixPath(one.name).parts[1:]) for one in archive if one.isfile()}
    differ(sdist, {str(name) for name in names if name.parts[0] not in GENERATED_BY_SETUPTOOLS}, known)
    with zipfile.ZipFile(wheel) as archive:
        names = {PurePosixPath(name) for name in archive.namelist()}
    held = {str(name) for name in names if not name.parts[0].endswith(".dist-info")}
    differ(wheel, held, {name for name in known if name.startswith("sunpy_flarecast/")})
    metadata = {name.name for name in names if name.parts[0].endswith(".dist-info")}
    if lacking := {"METADATA", "LICENSE", "entry_points.txt"} - metadata:
        sys.exit(f"{wheel.name} lacks {', '.join(sorted(lacking))}")
    print(f"{sdist.name} and {wheel.name} are complete")


def differ(file: Path, held: set[str], wanted: set[str]) -> None:
    """Exit with the unexpected and missing members of a file."""
    if held != wanted:
        sys.exit(f"{file.name}: unexpected: {sorted(held - wanted)}; missing: {sorted(wanted - held)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
