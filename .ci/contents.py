"""
Check that sdist and wheel hold exactly what they should: ``python .ci/contents.py dist``, from the top of a checkout.

The wheel: the files of the package that git knows, and metadata. The sdist: all files that git knows, but for those of
the forge and of git itself.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

#: Not in the sdist, since they are of no use without the repository.
OF_THE_REPOSITORY = (".ci/", ".github/", ".gitignore", ".importlinter", ".pre-commit-config.yaml")

#: Made by setuptools, by the names of folders and files; ``setup.cfg`` is in git, too.
MADE = ("PKG-INFO", "sunpy_flarecast.egg-info")


def main(folder: Path) -> None:
    """Compare, and exit with what differs."""
    listed = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True).stdout.splitlines()
    known = {name for name in listed if not name.startswith(OF_THE_REPOSITORY) and Path(name).exists()}
    [sdist], [wheel] = folder.glob("*.tar.gz"), folder.glob("*.whl")
    with tarfile.open(sdist) as archive:
        names = {PurePosixPath(*PurePosixPath(one.name).parts[1:]) for one in archive if one.isfile()}
    differ(sdist, {str(name) for name in names if name.parts[0] not in MADE}, known)
    with zipfile.ZipFile(wheel) as archive:
        names = {PurePosixPath(name) for name in archive.namelist()}
    held = {str(name) for name in names if not name.parts[0].endswith(".dist-info")}
    differ(wheel, held, {name for name in known if name.startswith("sunpy_flarecast/")})
    metadata = {name.name for name in names if name.parts[0].endswith(".dist-info")}
    if lacking := {"METADATA", "LICENSE", "entry_points.txt"} - metadata:
        sys.exit(f"{wheel.name} lacks {', '.join(sorted(lacking))}")
    print(f"{sdist.name} and {wheel.name} hold what they should")


def differ(file: Path, held: set[str], wanted: set[str]) -> None:
    """Exit with what is too much, or not enough, in a file."""
    if held != wanted:
        sys.exit(f"{file.name}: too much: {sorted(held - wanted)}; not there: {sorted(wanted - held)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
