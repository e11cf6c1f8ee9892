"""Just enough of JSON Schema to try the editor schema of site files."""

from __future__ import annotations

import re
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "number": (int, float), "integer": (int,),
    "boolean": (bool,), "null": (type(None),),
}  # fmt: skip
_WORDS = {
    "$schema", "title", "description", "default", "type", "properties", "required", "additionalProperties", "items",
    "enum", "anyOf", "pattern", "if", "then", "else",
}  # fmt: skip


def accepts(schema: Any, value: Any) -> bool:
    """Return whether a value fits; every word of the schema must be one that this knows."""
    if isinstance(schema, bool):
        return schema
    assert schema.keys() <= _WORDS, schema.keys() - _WORDS
    if "type" in schema and not _is(schema["type"], value):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        return False
    if "anyOf" in schema and not any(accepts(each, value) for each in schema["anyOf"]):
        return False
    if isinstance(value, list) and "items" in schema and not all(accepts(schema["items"], each) for each in value):
        return False
    if isinstance(value, dict) and not _mapping(schema, value):
        return False
    return "if" not in schema or accepts(schema["then" if accepts(schema["if"], value) else "else"], value)


def _is(name: str, value: Any) -> bool:
    return isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def _mapping(schema: dict[str, Any], value: dict[str, Any]) -> bool:
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    return set(schema.get("required", ())) <= value.keys() and all(
        accepts(known.get(key, others), each) for key, each in value.items()
    )
