"""Presence conditions, each by itself and in groups."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.iec61850.model.classes import class_tables
from janusgrid.iec61850.model.instances import choose
from janusgrid.iec61850.model.presence import CONTEXT, UNJUDGED, Presence, judge


def verdict(text: str, present: str, **context: bool) -> str:
    """Return what is wrong where part `a` is under a condition: `+a` is missing, `-a` should not be there."""
    rules = {"a": Presence.parse(text), "b": Presence("O")}
    faults = judge(rules, present.split(), context)
    return " ".join(f"{'+' if fault.missing else '-'}{','.join(fault.names)}" for fault in faults)


@pytest.mark.parametrize(
    ("text", "neither", "a", "b", "both"),
    [
        # what is wrong if nothing, a, b, or both are there
        ("M", "+a", "", "+a", ""),
        ("Mmulti", "+a", "", "+a", ""),
        ("O", "", "", "", ""),
        ("F", "", "-a", "", "-a"),
        ("na", "", "-a", "", "-a"),
        ("MF(b)", "", "-a", "+a", ""),
        ("MO(b)", "", "", "+a", ""),
        ("OM(b)", "+a", "", "", ""),
        ("FM(b)", "+a", "", "", "-a"),
        ("OF(b)", "", "-a", "", ""),
        ("MmultiF(b)", "", "-a", "+a", ""),
        *[(text, "", "", "", "") for text in sorted(UNJUDGED)],
    ],
)
def test_alone_and_beside_a_sibling(text: str, neither: str, a: str, b: str, both: str) -> None:
    assert [verdict(text, present) for present in ("", "a", "b", "a b")] == [neither, a, b, both]


@pytest.mark.parametrize(("condition", "fact", "exclusive"), [(c, *rest) for c, rest in CONTEXT.items()])
def test_context(condition: str, fact: str, exclusive: bool) -> None:
    assert verdict(condition, "", **{fact: True}) == "+a"
    assert verdict(condition, "a", **{fact: True}) == ""
    assert verdict(condition, "a", **{fact: False}) == ("-a" if exclusive else "")
    assert verdict(condition, "", **{fact: False}) == ""
    assert verdict(condition, "a") == verdict(condition, "") == ""  # what is not known is not judged


def groups(present: str, **rules: str) -> str:
    faults = judge({name: Presence.parse(text) for name, text in rules.items()}, present.split(), {})
    return " ".join(
        f"{'+' if fault.missing else '-'}{('|' if fault.any_of else ',').join(fault.names)}" for fault in faults
    )


def test_groups() -> None:
    least = {"a": "AtLeastOne(1)", "b": "AtLeastOne(1)", "c": "AtLeastOne(2)"}
    assert groups("a", **least) == "+c"
    assert groups("c", **least) == "+a|b"
    assert groups("b c", **least) == ""
    most = {"a": "AtMostOne", "b": "AtMostOne"}
    assert [groups(present, **most) for present in ("", "a", "a b")] == ["", "", "-b"]
    alike = {"a": "AllOrNonePerGroup(1)", "b": "AllOrNonePerGroup(1)", "c": "AllOrNonePerGroup(2)"}
    assert [groups(present, **alike) for present in ("", "a", "a b", "c")] == ["", "+b", "", ""]
    only = {"a": "AllOnlyOneGroup(1)", "b": "AllOnlyOneGroup(1)", "c": "AllOnlyOneGroup(2)"}
    assert [groups(present, **only) for present in ("", "a", "a b", "c", "a b c")] == ["+a|b|c", "+b", "", "", "-c"]
    some = {"a": "AllAtLeastOneGroup(1)", "b": "AllAtLeastOneGroup(1)", "c": "AllAtLeastOneGroup(2)"}
    assert [groups(present, **some) for present in ("", "a c", "c", "a b c")] == ["+a|b|c", "+b", "", ""]
    whole = {"a": "MFsubst", "b": "MFsubst"}
    assert [groups(present, **whole) for present in ("", "a", "a b")] == ["", "+b", ""]


def test_a_class_that_inherits_numbers_its_groups_anew() -> None:
    """DVVR: one of the set-points that it inherits, and one of its own curves."""
    rules = {name: rule.presence for name, rule in class_tables().ln_class("DVVR").objects.items()}
    mandatory = {name for name, presence in rules.items() if presence.mandatory}
    found = [fault.names for fault in judge(rules, mandatory, {})]
    assert found == [("VArTgtSpt", "VArTgtSptPct"), ("VVArCrv", "VVArCrvDel")]
    assert judge(rules, {*mandatory, "VArTgtSptPct", "VVArCrv"}, {}) == []


def test_deprecated_parts_need_not_be_there() -> None:
    assert judge({"a": Presence("M")}, (), {}, absent={"a"}) == []


@given(st.sampled_from(class_tables().cdcs()), st.data())
def test_what_is_chosen_of_a_class_breaks_nothing(name: str, data: st.DataObject) -> None:
    parts = class_tables().cdc(name).parts
    rules = {name: part.presence for name, part in parts.items()}
    usual = choose(rules, (), {}, "here")
    assert judge(rules, usual, {}) == []
    free = [name for name, presence in rules.items() if presence.condition in {"O", "MO", "AtLeastOne", "MFsubst"}]
    wished = data.draw(st.sets(st.sampled_from(free))) if free else set()
    chosen = choose(rules, wished, {}, "here")
    assert judge(rules, chosen, {}) == []
    assert wished <= set(chosen)
    assert [name for name in rules if name in set(chosen)] == chosen
