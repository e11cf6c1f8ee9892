"""Write the schema documents: `python -m janusgrid.openadr.codec.generate_schema [--check] [DIRECTORY]`."""

from __future__ import annotations

import sys
from pathlib import Path

from ...common.resources import resource
from .xsd import documents


def stale(directory: Path) -> list[str]:
    """Return the names of the schema files that are not what the declarations say, missing and surplus ones too."""
    wanted = documents()
    there = {file.name: file.read_text(encoding="utf-8") for file in directory.glob("*.xsd")}
    return sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` only say which are out of date; return the exit status."""
    check = "--check" in arguments
    given = [argument for argument in arguments if argument != "--check"]
    directory = Path(given[0]) if given else resource("schemas/openadr")
    names = stale(directory)
    wanted = documents()
    for name in names:
        print(f"{directory / name}: {'out of date' if check else 'written' if name in wanted else 'removed'}")
        if check:
            continue
        if name in wanted:
            (directory / name).write_text(wanted[name], encoding="utf-8")
        else:
            (directory / name).unlink()
    return int(check and bool(names))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
