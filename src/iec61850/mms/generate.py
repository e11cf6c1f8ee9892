"""Makes from `schemas/iec61850/mms.asn` everything that is derived from it.

    python -m janusgrid.iec61850.mms.generate [--check]

writes mms.json (the parsed module, see `tree`), mms-80-3.xsd and mms-2018.xsd (see `xsd`) beside it, and the classes
in `pdu_generated.py` (see `classes`). With `--check` it writes nothing, names what is out of date and exits with 1.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asn1tools

from ...common.resources import resource
from . import classes, tree, xsd
from .dialect import DIALECTS

SOURCE = "schemas/iec61850/mms.asn"
_DOC = re.compile(r"((?:^--.*\n)+)^([A-Z][\w-]*)\s*::=", re.MULTILINE)


def generated() -> dict[Path, str]:
    """Return what each derived file has to contain, by path."""
    source = resource(SOURCE)
    module = parse(source)
    types = tree.build(module)
    files = {
        source.with_suffix(".json"): to_json(module),
        Path(__file__).with_name("pdu_generated.py"): classes.render(types, docs(source.read_text("utf-8"))),
    }
    for dialect in DIALECTS.values():
        files[source.with_name(f"mms-{dialect.name}.xsd")] = xsd.render(types, dialect)
    return files


def parse(path: Path) -> dict[str, Any]:
    """Return the types of an ASN.1 module in the form of the JSON file."""
    (module,) = asn1tools.parse_files(str(path)).values()
    return {name: _type(declared, module["types"]) for name, declared in module["types"].items()}


def docs(text: str) -> dict[str, str]:
    """Return the comment that stands directly above each type."""
    return {name: " ".join(re.findall(r"^-- *(.*)$", comment, re.MULTILINE)) for comment, name in _DOC.findall(text)}


def to_json(module: Mapping[str, Any]) -> str:
    """Return the JSON file: one type per line, one component per line."""
    types = []
    for name, declared in module.items():
        parts = [
            '"components": [\n    ' + ",\n    ".join(json.dumps(item) for item in value) + "\n  ]"
            if key == "components"
            else f'"{key}": {json.dumps(value)}'
            for key, value in declared.items()
        ]
        types.append(f'  "{name}": {{' + ", ".join(parts) + "}")
    return "{\n" + ",\n".join(types) + "\n}\n"


def _type(declared: Mapping[str, Any], types: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {"kind": declared["type"]}
    if "element" in declared:
        out["item"] = _reference(declared["element"], types)
    if "named-numbers" in declared:
        out["names"] = declared["named-numbers"]
    if "named-bits" in declared:
        out["names"] = {name: int(bit) for name, bit in declared["named-bits"]}
    if "restricted-to" in declared:
        (out["range"],) = declared["restricted-to"]
    if "size" in declared:
        out["sizes"] = declared["size"]
    if "members" in declared:
        known = [member for member in declared["members"] if member is not None]
        if len(known) < len(declared["members"]):
            out["extensible"] = True
        out["components"] = [_component(member, types) for member in known]
    return out


def _reference(declared: Mapping[str, Any], types: Mapping[str, Any]) -> Any:
    """Return a name where it says all, else an anonymous type."""
    plain = set(declared) <= {"type", "name", "tag", "optional", "default"}
    return declared["type"] if plain else _type(declared, types)


def _component(member: Mapping[str, Any], types: Mapping[str, Any]) -> dict[str, Any]:
    out = {"name": member["name"], "type": _reference(member, types)}
    if "tag" in member:
        out["tag"] = member["tag"]["number"]
        # The module's tags are explicit where it does not say IMPLICIT; the tag of a CHOICE always is (X.680, 31.2.7).
        if member["tag"].get("kind") != "IMPLICIT":
            out["explicit"] = True
    if member.get("optional"):
        out["optional"] = True
    if "default" in member:
        default = member["default"]
        out["default"] = types[member["type"]]["named-numbers"][default] if isinstance(default, str) else default
    return out


def main(arguments: list[str]) -> int:
    """Write what is out of date, or with `--check` only name it; return the exit status."""
    stale = [(path, text) for path, text in generated().items() if not path.exists() or path.read_text("utf-8") != text]
    for path, text in stale:
        print(f"{path.name} is out of date" if "--check" in arguments else f"{path.name} written")
        if "--check" not in arguments:
            path.write_text(text, "utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
