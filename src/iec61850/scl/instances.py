"""Templates and the DOI, SDI and DAI of a logical node become data objects with their values (clause 9.3.6)."""

from __future__ import annotations

from collections.abc import Iterable

from ...common.xml import Element
from ..acsi.references import FC
from ..acsi.types import DataValue
from ..model.nodes import Attribute, DataObject, Trigger
from . import codes
from .document import Document, quoted
from .given import Given, read_vals
from .templates import AttributeTemplate, NodeTemplate, ObjectTemplate

MOST_ATTRIBUTES = 1_000_000
"""Leaves of one model. The largest of the real files at hand has 10 463."""

SETTABLE = frozenset({FC.SP, FC.SV, FC.CF, FC.DC, FC.BL, FC.SE})
"""Constraints under which SetDataValues or SetEditSGValue applies (IEC 61850-7-2 clause on functional constraints)."""

_GROUPED = frozenset({FC.SG, FC.SE})

_Instances = dict[str, list[Element]]


class Instances:
    """Builds the data of the logical nodes of one server."""

    def __init__(self, document: Document, most: int = MOST_ATTRIBUTES) -> None:
        self._document = document
        self._log = document.log
        self._left = self._most = most
        self.groups = 0
        """Number of setting groups of the device at hand, 0 for none."""
        self.active = 1
        """The active one."""

    def node(self, template: NodeTemplate, element: Element) -> dict[str, DataObject]:
        """Return the data objects of an LN or LN0."""
        self._spend(template.size, element)
        given = self._given(element, "DOI")
        objects = {}
        for part in template.objects:
            instance = self._only(given.pop(part.name, []))
            objects[part.name] = self._object(part, part.name, instance)
        self._superfluous(given, element, template.objects)
        return objects

    def _spend(self, leaves: int, element: Element) -> None:
        self._left -= leaves
        if self._left < 0:
            raise self._log.stop(
                codes.TOO_LARGE, element, f"the model would have more than {self._most} attributes: refused"
            )

    # --- data objects ------------------------------------------------------------------------------------------------

    def _object(self, template: ObjectTemplate, name: str, instance: Element | None) -> DataObject:
        """Return one data object, or one element of an array of them."""
        built = DataObject(name, template.cdc)
        given = self._given(instance, "SDI", "DAI")
        lengths = given.copy()
        for part in template.parts:
            found = given.pop(part.name, [])
            count = self._length(template, part, lengths, instance) if part.count else 0
            if count is None:
                continue
            if isinstance(part, AttributeTemplate):
                fc = part.fc or FC.ST  # a DA always has one
                built.children[part.name] = self._attribute(part, found, fc, part.trigger, True, count)
            elif self._are(found, "SDI", part.name):
                built.children[part.name] = self._sub_object(part, found, count)
        self._superfluous(given, instance, template.parts)
        return built

    def _sub_object(self, template: ObjectTemplate, found: list[Element], count: int) -> DataObject:
        if not count:
            return self._object(template, template.name, self._only(found))
        by_index = self._by_index(found, count)
        array = DataObject(template.name, template.cdc, count=count)
        array.elements = [
            self._object(template, f"{template.name}({index})", by_index.get(index)) for index in range(count)
        ]
        return array

    def _length(
        self, template: ObjectTemplate, part: ObjectTemplate | AttributeTemplate, given: _Instances, at: Element | None
    ) -> int | None:
        """Return the length of an array: a number, or the value of the sibling attribute that holds it."""
        if isinstance(part.count, int):
            return part.count
        holder = next((one for one in template.parts if one.name == part.count), None)
        value: DataValue = None
        if isinstance(holder, AttributeTemplate):
            value = holder.given.value
            for instance in given.get(holder.name, []):
                val = self._document.child(instance, "Val")
                if (
                    val is not None
                    and (text := (val.text or "").strip()).isdecimal()
                    and text.isascii()
                    and len(text) < 10
                ):
                    value = int(text)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            where = at if at is not None else self._document.root
            self._log.add(
                codes.NO_COUNT, where, f"{part.name}: {part.count!r}, its length, has no value here: left out"
            )
            return None
        self._spend(value * part.size, at if at is not None else self._document.root)
        return value

    # --- attributes --------------------------------------------------------------------------------------------------

    def _attribute(
        self, template: AttributeTemplate, found: list[Element], fc: FC, trigger: Trigger, settable: bool, count: int
    ) -> Attribute:
        """Return a DA or BDA with what it inherits: functional constraint, trigger options, and whether it is set."""
        if template.basic is not None:
            return self._leaf(template, found, fc, trigger, settable, count)
        found = found if self._are(found, "SDI", template.name) else []
        settable = settable and template.settable
        if not count:
            return self._structure(template, template.name, self._only(found), fc, trigger, settable)
        by_index = self._by_index(found, count)
        array = self._structure(template, template.name, None, fc, trigger, settable)
        array.count = count
        array.elements = [
            self._structure(template, f"{template.name}({index})", by_index.get(index), fc, trigger, settable)
            for index in range(count)
        ]
        return array

    def _structure(
        self, template: AttributeTemplate, name: str, instance: Element | None, fc: FC, trigger: Trigger, settable: bool
    ) -> Attribute:
        built = Attribute(name, fc, trigger=trigger, settable=settable and fc in SETTABLE)
        given = self._given(instance, "SDI", "DAI")
        for part in template.parts:
            found = given.pop(part.name, []) if given else []
            built.children[part.name] = self._attribute(part, found, fc, trigger, settable, int(part.count))
        self._superfluous(given, instance, template.parts)
        return built

    def _leaf(
        self, template: AttributeTemplate, found: list[Element], fc: FC, trigger: Trigger, settable: bool, count: int
    ) -> Attribute:
        built = Attribute(template.name, fc, template.basic, count=count, trigger=trigger, enum=template.enum)
        built.settable = settable and template.settable and fc in SETTABLE
        default = self._present(template.given, fc, None)
        built.value = [default] * count if count and default is not None else default
        built.groups = template.given.groups
        if not found or not self._are(found, "DAI", template.name):
            return built
        if count:
            values: list[DataValue] = built.value if isinstance(built.value, list) else [None] * count
            for index, one in self._by_index(found, count).items():
                given = read_vals(self._document, one, template.basic, template.enum)
                values[index] = self._present(given, fc, one, values[index])
            if any(value is not None for value in values):
                built.value = values
            return built
        instance = self._only(found)
        if instance is None:
            return built
        given = read_vals(self._document, instance, template.basic, template.enum)
        built.value = self._present(given, fc, instance, built.value)
        if given.groups:
            built.groups = {**(built.groups or {}), **given.groups}
        if (kind := instance.get("valKind")) is not None:
            built.settable = settable and kind == "Set" and fc in SETTABLE
        return built

    def _present(self, given: Given, fc: FC, at: Element | None, default: DataValue = None) -> DataValue:
        """Return the value that holds at first: that of the active setting group where groups have their own."""
        if given.groups:
            if at is not None and (fc not in _GROUPED or not all(0 < group <= self.groups for group in given.groups)):
                groups = ", ".join(map(str, sorted(given.groups)[:8]))
                why = f"of {self.groups} setting groups" if fc in _GROUPED else f"at FC {fc.value}"
                self._log.add(codes.BAD_GROUP, at, f"{at.get('name')}: sGroup {groups} {why}: kept as given")
            chosen = given.groups.get(self.active) if fc in _GROUPED else next(iter(given.groups.values()))
            if chosen is not None:
                return chosen
        return default if given.value is None else given.value

    # --- DOI, SDI, DAI -----------------------------------------------------------------------------------------------

    def _given(self, element: Element | None, *kinds: str) -> _Instances:
        """Return the instances below an element by name."""
        found: _Instances = {}
        if element is not None:
            for child in self._document.children(element, *kinds):
                found.setdefault(self._document.text(child, "name"), []).append(child)
        return found

    def _are(self, found: list[Element], kind: str, name: str) -> bool:
        """Tell whether the instances are of the kind that their part needs; note and pass over those that are not."""
        for one in found:
            if self._document.kind(one) != kind:
                other = "has a value of its own: DAI" if kind == "DAI" else "has parts: SDI"
                self._log.add(codes.WRONG_PART, one, f"{name} {other} should stand here: passed over")
                return False
        return True

    def _only(self, found: list[Element]) -> Element | None:
        """Return the instance of what is no array."""
        for second in found[1:]:
            self._log.add(
                codes.DUPLICATE_INSTANCE,
                second,
                f"{second.get('name')!r} is instantiated already, in line {found[0].sourceline}: passed over",
            )
        if found and found[0].get("ix") is not None:
            self._log.add(codes.BAD_INDEX, found[0], f"{found[0].get('name')!r} is no array: ix is passed over")
        return found[0] if found else None

    def _by_index(self, found: list[Element], count: int) -> dict[int, Element]:
        """Return the instances of an array's elements by index."""
        by_index: dict[int, Element] = {}
        for one in found:
            text = one.get("ix", "").strip()
            index = int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else -1
            if not 0 <= index < count:
                said = f"ix {quoted(text)}" if text else "no ix"
                self._log.add(
                    codes.BAD_INDEX, one, f"{one.get('name')!r} is an array of {count}, and has {said}: passed over"
                )
            elif index in by_index:
                self._log.add(codes.DUPLICATE_INSTANCE, one, f"element {index} is instantiated already: passed over")
            else:
                by_index[index] = one
        return by_index

    def _superfluous(
        self, given: _Instances, parent: Element | None, known: Iterable[ObjectTemplate | AttributeTemplate]
    ) -> None:
        for name, elements in given.items():
            for one in elements:
                kind = self._document.kind(one)
                where = (
                    f"{self._document.kind(parent)} {parent.get('name') or parent.get('lnClass')}"
                    if parent is not None
                    else ""
                )
                near = self._log.near(name, (part.name for part in known))
                message = f"{kind} {quoted(name)}: the type of {where} has no such part{near}: passed over"
                self._log.add(codes.NO_SUCH_PART, one, message)
