"""The editor schema of the site file: JSON Schema made from the classes that load it, so that both say the same."""

from __future__ import annotations

import inspect
import re
from datetime import timedelta
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import attrs

from .sitefile import AS_A_WHOLE, SiteFile

DIALECT = "http://json-schema.org/draft-07/schema#"
"""What the common editors understand."""

DURATION = r"^(\d+(\.\d+)?\s*(ms|s|min|h|d)|P(?=\d|T\d)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?)$"


_TYPES = {str: "string", float: "number", int: "integer", bool: "boolean", NoneType: "null"}
_NAMED = re.compile(r"^    (?P<names>\w+(?:, \w+)*): (?P<text>.*(?:\n        .*)*)", re.MULTILINE)


def site_schema() -> dict[str, Any]:
    """Return the schema: keys, types, what must be there, and the words of the docstrings as explanation.

    A site that inherits another may leave everything out; of its devices the name alone has to be there.
    """
    strict = _object(SiteFile)
    alone = _needed(strict)
    alone["properties"]["without"] = False
    inheriting = {"properties": {"devices": {"items": {"required": ["name"]}}}}
    choice = {"if": {"required": ["inherits"]}, "then": inheriting, "else": alone}
    return {"$schema": DIALECT, "title": "JanusGrid site", **_relaxed(strict), **choice}


def _needed(made: dict[str, Any]) -> dict[str, Any]:
    """Return what a schema says has to be there, and nothing else of it."""
    found: dict[str, Any] = {key: made[key] for key in ("required",) if made.get(key)}
    inner = {key: _needed(value) for key, value in made.get("properties", {}).items() if key not in AS_A_WHOLE}
    if kept := {key: value for key, value in inner.items() if value}:
        found["properties"] = kept
    if isinstance(made.get("items"), dict) and (items := _needed(made["items"])):
        found["items"] = items
    choices = [_needed(each) for each in made.get("anyOf", ())]
    if any(choices):
        found["anyOf"] = [found or {"type": each["type"]} for found, each in zip(choices, made["anyOf"], strict=True)]
    return found


def _relaxed(made: dict[str, Any]) -> dict[str, Any]:
    """Return a schema in which nothing has to be there, but within what is taken as a whole."""
    found = {key: value for key, value in made.items() if key != "required"}
    if "properties" in found:
        inner = found["properties"].items()
        found["properties"] = {key: value if key in AS_A_WHOLE else _relaxed(value) for key, value in inner}
    if isinstance(found.get("items"), dict):
        found["items"] = _relaxed(found["items"])
    if "anyOf" in found:
        found["anyOf"] = [_relaxed(each) for each in found["anyOf"]]
    return found


def _object(cls: type) -> dict[str, Any]:
    """Return the schema of a mapping that an attrs class stands for."""
    hints, texts = get_type_hints(cls), described(cls)
    properties = {}
    for field in attrs.fields(cls):
        properties[field.name] = {**_of(hints[field.name]), **_default(field.default), **_text(texts.get(field.name))}
    return {
        "type": "object",
        **_text(inspect.cleandoc(cls.__doc__ or "").partition("\n")[0]),
        "properties": properties,
        "required": _required(cls),
        "additionalProperties": False,
    }


def _required(cls: type) -> list[str]:
    return [field.name for field in attrs.fields(cls) if field.default is attrs.NOTHING]


def _default(value: object) -> dict[str, Any]:
    return {"default": value} if isinstance(value, str | int | float | bool) and value != "" else {}


def _text(text: str | None) -> dict[str, Any]:
    return {"description": text} if text else {}


def _of(kind: Any) -> dict[str, Any]:
    """Return the schema of a value of this type, as `config` takes it."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return {"anyOf": [_of(each) for each in arguments]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": _of(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of(arguments[1])}
    if attrs.has(kind):
        return _object(kind)
    if kind is timedelta:
        return {"type": "string", "pattern": DURATION}
    return {"type": _TYPES[kind]}


def described(cls: type) -> dict[str, str]:
    """Return what the docstring of a class says of each of its attributes."""
    _, _, section = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    for match in _NAMED.finditer(section):
        text = " ".join(match["text"].split())
        found |= dict.fromkeys(match["names"].split(", "), text)
    return found
