"""A site looked through before it runs: every fault with its place, and none where there is none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from janusgrid.common.data.site import load_site
from janusgrid.common.errors import ConfigError
from janusgrid.common.resources import resource
from janusgrid.ems.check import check

HOME = Path(__file__).resolve().parents[2] / "examples" / "tutorial"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(HOME, tmp_path, dirs_exist_ok=True)
    return tmp_path / "home.yaml"


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def faults(site: Path) -> list[str]:
    return [str(fault).removeprefix(f"{site.parent}/") for fault in check(site).faults]


@pytest.mark.parametrize("site", [resource("mappings/sites/microgrid.yaml"), HOME / "home.yaml"], ids=lambda p: p.stem)
def test_the_sites_that_come_along_have_no_fault(site: Path) -> None:
    found = check(site)
    assert found.faults == ()
    assert found.diagnostics == ()
    assert found.require() is found.site
    assert all(device.cid is not None for device in found.site.devices)


def test_a_cid_that_is_not_there(home: Path) -> None:
    spoil(home, "cid: HP1.cid", "cid: HP2.cid")
    with pytest.raises(ConfigError, match=r"there is no file 'HP2\.cid'") as caught:
        check(home)
    assert caught.value.where == f"{home}:18:10"


def test_a_site_without_cids_has_nothing_to_compare(home: Path) -> None:
    spoil(home, "    cid: HP1.cid\n", "")
    spoil(home.parent / "heatpump.csv", "TotW", "TotX")
    assert load_site(home).devices[0].cid is None
    assert faults(home) == []
    (advice,) = check(home).advice[:1]
    assert "MMXU has no data object TotX" in str(advice)


def test_faults_of_all_kinds_are_told_together(home: Path) -> None:
    spoil(home, 'jid: "hp1@{domain}/IEC", ', "")
    spoil(home.parent / "heatpump.csv", "mag.f,MX", "mag.f,ST")
    spoil(home.parent / "reports.csv", ",usage,", ",useage,")
    found = faults(home)
    assert len(found) == 3
    assert found[0].startswith("home.yaml:17:14: HP1 has no jid in its address, and no host either")
    assert found[1].startswith("heatpump.csv:2: HP1: HP1DER/MMXU1.TotW.mag.f has functional constraint MX, not ST")
    assert found[2] == "reports.csv:2: report_type: 'useage' is not known; did you mean 'usage'?"
    with pytest.raises(ConfigError) as caught:
        check(home).require()
    assert str(caught.value).count("\n") == 2


def test_a_setpoint_needs_a_rating(home: Path) -> None:
    spoil(home.parent / "heatpump.csv", "\nalarm,setting", "\np.set,setpoint")
    spoil(home.parent / "heatpump.csv", ",read write,", ",read,")
    assert faults(home) == ["home.yaml:17:14: HP1 takes set-points and has no rating among its figures"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("</SCL>", "", "HP1.cid:137: not well-formed"),
        ('<IED name="HP1"', '<IED name="HP2"', "HP1.cid:"),
        ('type="ASG"/>', 'type="nowhere"/>', "HP1.cid:"),
    ],
)
def test_a_cid_that_is_wrong(home: Path, old: str, new: str, fault: str) -> None:
    spoil(home.parent / "HP1.cid", old, new)
    found = faults(home)
    assert found
    assert found[0].startswith(fault)
