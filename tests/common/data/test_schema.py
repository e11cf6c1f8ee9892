"""The editor schema and the loader say the same of site files: what one refuses for its form, the other does too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.config import parse
from janusgrid.common.data.schema import described, site_schema
from janusgrid.common.data.site import load_site
from janusgrid.common.data.sitefile import DeviceEntry, OpenAdrEntry, SiteFile
from janusgrid.common.errors import ConfigError
from janusgrid.common.resources import mappings_dir, resource

from .schema_check import accepts

SCHEMA = site_schema()
SITES = sorted((mappings_dir() / "sites").glob("*.yaml"))
EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "examples").glob("*/*.yaml"))
WHOLE = """\
name: plant
domain: plant.example
ems: { jid: "ems@{domain}/IEC" }
openadr: { ven_name: plant, vtn: "vtn@{domain}/oadr", resource: plant }
devices:
  - name: DG1
    table: iec61850/generator.csv
    address: { jid: "dg1@{domain}/IEC", ied: DG1 }
    figures: { rating: 750 }
"""


def data(text: str) -> Any:
    return parse(text, "site.yaml").data


@pytest.mark.parametrize("path", SITES, ids=lambda path: path.stem)
def test_the_sites_that_come_along_fit_and_name_their_schema(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert accepts(SCHEMA, data(text))
    line = next(line for line in text.splitlines() if line.startswith("# yaml-language-server: $schema="))
    place = line.partition("=")[2]
    assert json.loads((path.parent / place).read_text(encoding="utf-8")) == SCHEMA
    assert (path.parent / place).resolve() == resource("schemas/site.json")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_sites_of_examples_fit(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    try:
        load_site(path)
    except ConfigError:
        return  # the configuration of another program
    assert accepts(SCHEMA, data(text))


MISTAKES = [
    ("figures:", "figurs:"),
    ("domain: plant.example\n", ""),
    ("name: plant\n", ""),
    ("{ rating: 750 }", "{ rating: lots }"),
    ("{ rating: 750 }", "[750]"),
    ('jid: "dg1@{domain}/IEC"', "jid: [7]"),
    ("    table: iec61850/generator.csv\n", ""),
    ("resource: plant }", "resource: plant, reports: 5 }"),
    ("resource: plant }", "resource: plant, reports: [a.csv, 5] }"),
    ("vtn: ", "vtm: "),
    ("resource: plant }", "resource: plant, signing: { certificate: a.pem } }"),
    ("resource: plant }", "resource: plant, signing: { certificate: a.pem, key: k.pem, mode: maybe } }"),
    ("resource: plant }", "resource: plant, signing: { certificate: a.pem, key: k.pem, past: long } }"),
    ("resource: plant }", "resource: plant, signing: { certificate: a.pem, key: k.pem, sha1: 1 } }"),
    ("devices:", "without: [DG2]\ndevices:"),
    ("name: plant\n", "name: plant\ninherits: 5\n"),
    ("name: plant\n", "name: plant\nbelow: { every: often }\n"),
    ("ems: {", "ems: [{"),
]


@pytest.mark.parametrize(("old", "new"), MISTAKES)
def test_what_the_schema_refuses_the_loader_refuses(tmp_path: Path, old: str, new: str) -> None:
    assert old in WHOLE
    text = WHOLE.replace(old, new, 1).replace('ems: [{ jid: "ems@{domain}/IEC" }', "ems: [a]")
    assert not accepts(SCHEMA, data(text))
    path = tmp_path / "site.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        load_site(path)


def test_a_site_that_inherits_may_leave_everything_out() -> None:
    assert accepts(SCHEMA, data(WHOLE))
    for text, fits in (
        ("inherits: microgrid.yaml\n", True),
        ("inherits: microgrid.yaml\nwithout: [PV]\ndevices: [{name: DG750, figures: {rating: 1}}]\n", True),
        ("inherits: microgrid.yaml\nopenadr: {resource: x}\n", True),
        ("inherits: microgrid.yaml\nopenadr: {signing: {key: x}}\n", False),
        ("inherits: microgrid.yaml\ndevices: [{figures: {rating: 1}}]\n", False),
        ("without: [PV]\n", False),
    ):
        assert accepts(SCHEMA, data(text)) is fits, text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.just(1.5) | st.sampled_from(["", "x", "5s"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "jid", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.data())
def test_schema_and_loader_agree_on_any_change_of_one_value(draw: st.DataObject) -> None:
    site = data(WHOLE)
    site["openadr"]["signing"] = {"certificate": "c.pem", "key": "k.pem", "past": "5s"}
    trail: list[Any] = []
    here = site
    while isinstance(here, dict | list) and here and (not trail or draw.draw(st.booleans())):
        trail.append(draw.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else list(range(len(here))))))
        here = here[trail[-1]]
    holder = site
    for step in trail[:-1]:
        holder = holder[step]
    if draw.draw(st.booleans()) and isinstance(holder, dict):
        del holder[trail[-1]]
    else:
        holder[trail[-1]] = draw.draw(VALUES)
    document = parse(json.dumps(site), "site.json")
    try:
        document.structure(SiteFile)
        taken = True
    except ConfigError:
        taken = False
    assert accepts(SCHEMA, document.data) == taken


def test_every_key_is_explained() -> None:
    for cls in (SiteFile, DeviceEntry, OpenAdrEntry):
        assert set(described(cls)) >= {field.name for field in attrs.fields(cls)}
