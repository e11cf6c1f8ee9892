"""Configuration: YAML 1.2 into attrs classes, with the line and column of what is wrong.

YAML 1.2 means that `on`, `off`, `yes` and `no` stay text. Every key is checked: an unknown one is an error and the
nearest known one is named. Durations (`timedelta`) are written `PT4S`, `5s`, `10min` or `1.5h`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from difflib import get_close_matches
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.cols import homogenous_tuple_structure_factory, mapping_structure_factory
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError
from cattrs.gen import make_dict_structure_fn
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, DocumentStartEvent, MappingStartEvent, NodeEvent, SequenceStartEvent
from ruamel.yaml.nodes import MappingNode, ScalarNode

from .errors import ConfigError, JanusGridError

T = TypeVar("T")
Step = str | int
Trail = tuple[Step, ...]

MAX_SIZE = 1 << 20
MAX_DEPTH = 30
MAX_NODES = 50_000
"""After the expansion of aliases."""

_TAG = "tag:yaml.org,2002:"
_TRUE = {"true", "True", "TRUE"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)")
_ISO_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


class _Unfit(Exception):
    """A value that does not fit, with the reason; never leaves this room."""


def load(path: Path, cls: type[T]) -> T:
    """Return the file as an instance of the attrs class `cls`.

    Raises `ConfigError`: `where` is `file:line:column`, the message begins with the path of the fault
    (`$.devices[1].port`); further faults follow on lines of their own.
    """
    return read(path).structure(cls)


def read(path: Path) -> Document:
    """Return the file as a document; raise `ConfigError` if it cannot be read or is not YAML 1.2."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_SIZE + 1)
        text = content.decode()
    except OSError as error:
        raise ConfigError(f"cannot read: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError("not UTF-8 text", where=f"{path}:{line}") from None
    return parse(text, str(path))


def parse(text: str, source: str) -> Document:
    """Return `text` as a document called `source`; raise `ConfigError` as `read`."""
    if len(text) > MAX_SIZE:
        raise ConfigError(f"larger than {MAX_SIZE} characters", where=source)
    document = Document(source)
    try:
        _check_events(text, source)
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(f"not YAML: {error.problem or error.context}", where=_at(source, mark)) from None
    except YAMLError as error:
        raise ConfigError(f"not YAML: {' '.join(str(error).split())[:200]}", where=source) from None
    document.data = None if node is None else document._build(node, ())
    return document


class Document:
    """The content of a file as plain dictionaries, lists and scalars, and where each of them stands."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.data: Any = None
        self._values: dict[Trail, str] = {(): f"{source}:1:1"}
        self._keys: dict[Trail, str] = {}
        self._count = 0

    def where(self, *trail: Step) -> str:
        """Return `file:line:column` of the value at `trail`, e.g. `("devices", 1, "port")`, or of what holds it."""
        while trail not in self._values:
            trail = trail[:-1]
        return self._values[trail]

    def error(self, reason: str, *trail: Step) -> ConfigError:
        """Return the error to raise for the value at `trail`."""
        return ConfigError(f"{_path(trail)}: {reason}", where=self.where(*trail))

    def at(self, trail: Trail) -> Any:
        """Return what stands at `trail`; raise `LookupError` if nothing does."""
        found = self.data
        for step in trail:
            found = found[step]
        return found

    def file(self, *trail: Step) -> Path:
        """Return the file in which the value at `trail` stands: one of those that were put together."""
        return Path(self.where(*trail).rsplit(":", 2)[0])

    def graft(self, other: Document, source: Trail, trail: Trail, *, deep: bool = True) -> Any:
        """Take over what stands at `source` of another document as the value at `trail`, with its places; return it.

        What is taken over not `deep` is the place alone: what is inside the value follows by calls of its own.
        """
        value = other.at(source)
        self._values[trail] = other._values[source]
        if source and trail and isinstance(source[-1], str):
            self._keys[trail] = other._keys[source]
        if not deep:
            return value
        if isinstance(value, dict):
            return {key: self.graft(other, (*source, key), (*trail, key)) for key in value}
        if isinstance(value, list):
            return [self.graft(other, (*source, index), (*trail, index)) for index in range(len(value))]
        return value

    def structure(self, cls: type[T]) -> T:
        """Return the document as an instance of the attrs class `cls`; raise `ConfigError` as `load`."""
        try:
            return _CONVERTER.structure(self.data, cls)
        except (ClassValidationError, IterableValidationError, _Unfit) as error:
            faults = [self._fault(*fault) for fault in _faults(error, (), cls)]
        raise together(faults)

    def _fault(self, trail: Trail, reason: str, key: str | None) -> ConfigError:
        if key is None:
            return self.error(reason, *trail)
        return ConfigError(f"{_path(trail)}: {reason}", where=self._keys[*trail, key])

    def _build(self, node: Any, trail: Trail) -> Any:
        self._values[trail] = where = _at(self.source, node.start_mark)
        self._count += 1
        if self._count > MAX_NODES or len(trail) > MAX_DEPTH:
            limit = f"{MAX_NODES} values" if self._count > MAX_NODES else f"{MAX_DEPTH} levels"
            raise ConfigError(f"{_path(trail[:3])}: more than {limit} with aliases", where=where)
        if isinstance(node, MappingNode):
            return self._mapping(node, trail)
        if isinstance(node, ScalarNode):
            return self._scalar(node, trail)
        return [self._build(item, (*trail, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: Any, trail: Trail) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            where = _at(self.source, key_node.start_mark)
            if not isinstance(key_node, ScalarNode):
                raise ConfigError(f"{_path(trail)}: a key is text", where=where)
            key = key_node.value
            if key in mapping:
                raise ConfigError(f"{_path(trail)}: key {key!r} is given twice", where=where)
            self._keys[*trail, key] = where
            mapping[key] = self._build(value_node, (*trail, key))
        return mapping

    def _scalar(self, node: Any, trail: Trail) -> bool | int | float | str | None:
        tag, text = str(node.tag), str(node.value)
        try:
            match tag.removeprefix(_TAG):
                case "str" | "timestamp" | "value":
                    return text
                case "null":
                    return None
                case "bool":
                    return text in _TRUE
                case "int":
                    digits = text.replace("_", "")
                    return int(digits, 0) if digits.lstrip("+-")[:2].lower() in {"0x", "0o", "0b"} else int(digits)
                case "float":
                    return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError:
            raise self.error(f"{text[:40]!r} is not a number", *trail) from None
        raise self.error(f"tag {tag!r} is not used here", *trail)


def together(faults: Sequence[ConfigError]) -> ConfigError:
    """Return one error for several faults: the first, and up to nine more on lines of their own; `faults` has all.

    What is said twice of one place (of a row that stands for many devices) is told once.
    """
    first, *rest = each = list({(part.where, part.message): part for fault in faults for part in fault.faults}.values())
    lines = [first.message, *map(str, rest[:9]), *([f"and {len(rest) - 9} more"] if len(rest) > 9 else [])]
    return ConfigError("\n".join(lines), where=first.where, faults=each if rest else ())


def host_port(text: str) -> tuple[str, int] | None:
    """Return the parts of HOST:PORT, an IPv6 address standing in brackets; None if it is none."""
    host, colon, port = text.rpartition(":")
    number = int(port) if port.isascii() and port.isdecimal() else 1 << 16
    return (host.strip("[]"), number) if colon and host and number < 1 << 16 else None


def duration(text: str) -> timedelta:
    """Return `PT4S`, `P1DT2H`, `5s`, `250ms`, `10min` or `1.5h` as a time span; raise `ValueError` for others."""
    if match := _DURATION.fullmatch(text):
        return timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
    if (match := _ISO_DURATION.fullmatch(text)) and any(match.groups()):
        days, hours, minutes, seconds = (float(group or 0) for group in match.groups())
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    raise ValueError(f"{text!r} is not a duration (PT4S, 5s, 10min, 1.5h)")


def _check_events(text: str, source: str) -> None:
    """Refuse what is too deep or too long before it is composed, which recurses."""
    depth = count = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        count += isinstance(event, NodeEvent | AliasEvent)
        depth += isinstance(event, MappingStartEvent | SequenceStartEvent)
        depth -= type(event).__name__ in {"MappingEndEvent", "SequenceEndEvent"}
        where = _at(source, event.start_mark)
        if depth > MAX_DEPTH:
            raise ConfigError(f"deeper than {MAX_DEPTH} levels", where=where)
        if count > 2 * MAX_NODES:
            raise ConfigError(f"more than {MAX_NODES} values", where=where)
        if isinstance(event, DocumentStartEvent) and event.version not in {None, (1, 2)}:
            raise ConfigError("this is YAML 1.2: remove the %YAML line", where=where)


def _at(source: str, mark: Any) -> str:
    return f"{source}:{mark.line + 1}:{mark.column + 1}" if mark is not None else source


def _path(trail: Trail) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in trail)


def _faults(error: BaseException, trail: Trail, kind: Any) -> Iterator[tuple[Trail, str, str | None]]:
    """Yield trail and reason of each fault in cattrs' tree of exceptions, and the key if the key itself is wrong."""
    if isinstance(error, ClassValidationError):
        noted, others = error.group_exceptions()
        for inner in others:
            yield from _faults(inner, trail, error.cl)
        for inner, attribute in noted:
            if isinstance(inner, KeyError) and inner.args == (attribute.name,):
                yield trail, f"{attribute.name!r} is missing", None
            else:
                yield from _faults(inner, (*trail, attribute.name), attribute.type)
    elif isinstance(error, IterableValidationError):
        items, _ = error.group_exceptions()
        for inner, item in items:
            yield from _faults(inner, (*trail, item.index), item.type)
    elif isinstance(error, ForbiddenExtraKeysError):
        known = [field.name for field in attrs.fields(error.cl) if field.init]
        for key in sorted(error.extra_fields):
            near = get_close_matches(key, known, 1, 0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(known)}"
            yield trail, f"{key!r} is not known here; {hint}", key
    elif isinstance(error, JanusGridError):
        yield trail, error.message, None
    else:
        yield trail, _choices(kind) or str(error), None


def _choices(kind: Any) -> str | None:
    """Return what may stand where only certain words may."""
    if get_origin(kind) is Literal:
        return f"expected one of {', '.join(map(repr, get_args(kind)))}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"expected one of {', '.join(repr(member.value) for member in kind)}"
    return None


def _show(value: object) -> str:
    named: dict[type, str] = {dict: "a mapping", list: "a list", type(None): "nothing"}
    return named.get(type(value)) or repr(value)[:60]


def _exactly(expected: str, *types: type) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _: Any) -> Any:
        if type(value) not in types:
            raise _Unfit(f"expected {expected}, not {_show(value)}")
        return value

    return structure


def _shaped(expected: str, shape: type, inner: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    def structure(value: Any, kind: Any) -> Any:
        if not isinstance(value, shape):
            raise _Unfit(f"expected {expected}, not {_show(value)}")
        return inner(value, kind)

    return structure


def _float(value: Any, _: Any) -> float:
    if type(value) not in {int, float}:
        raise _Unfit(f"expected a number, not {_show(value)}")
    return float(value)


def _names(value: Any, _: Any) -> str | tuple[str, ...]:
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _Unfit(f"expected a name or a list of names, not {_show(value)}")
    return tuple(value)


def _word(value: Any, _: Any) -> str:
    if type(value) not in {str, int, float}:
        raise _Unfit(f"expected text or a number, not {_show(value)}")
    return str(value)


def _timedelta(value: Any, _: Any) -> timedelta:
    if not isinstance(value, str):
        raise _Unfit(f"expected a duration (PT4S, 5s, 10min), not {_show(value)}")
    return duration(value)


def _converter() -> Converter:
    converter = Converter(detailed_validation=True, forbid_extra_keys=True)
    converter.register_structure_hook(str, _exactly("text", str))
    converter.register_structure_hook(StrEnum, lambda value, kind: kind(value))  # which would else be any text
    converter.register_structure_hook(int, _exactly("a whole number", int))
    converter.register_structure_hook(bool, _exactly("true or false", bool))
    converter.register_structure_hook(float, _float)
    converter.register_structure_hook(timedelta, _timedelta)
    converter.register_structure_hook(Path, lambda value, _: Path(_exactly("a path", str)(value, _)))
    converter.register_structure_hook_factory(
        attrs.has,
        lambda cls: _shaped("a mapping", dict, make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True)),
    )
    converter.register_structure_hook(str | tuple[str, ...], _names)
    converter.register_structure_hook(str | int | float, _word)
    converter.register_structure_hook_factory(
        lambda kind: cast(object, get_origin(kind)) is tuple,
        lambda kind: _shaped("a list", list, homogenous_tuple_structure_factory(kind, converter)),
    )
    converter.register_structure_hook_factory(
        lambda kind: cast(object, get_origin(kind)) is dict,
        lambda kind: _shaped("a mapping", dict, mapping_structure_factory(kind, converter)),
    )
    return converter


_CONVERTER = _converter()
