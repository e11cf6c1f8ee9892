"""The pages on SCL say what the code does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from janusgrid.iec61850.scl.codes import CODES, markdown

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "reference" / "scl-diagnostics.md"


def test_the_page_of_diagnostics_is_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8").endswith(markdown())
    assert all(f"| {code} |" in markdown() for code in CODES)


def test_the_example_of_the_guide_runs() -> None:
    cid = ROOT / "mappings" / "sites" / "microgrid" / "DG750.cid"
    limit, rating = "DG750DER/DGEN1.WMax.setMag.f[SP]", "DG750DER/DGEN1.WMaxRtg.setMag.f[SP]"
    program = [sys.executable, str(ROOT / "examples" / "read_scl.py"), str(cid), limit, rating, "DG750DER/DGEN1.No"]
    said = subprocess.run(program, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "DG750/XMPP  JID=dg750@microgrid.example/IEC" in said
    assert f"{limit} is 750000.0, settable" in said
    assert f"{rating} is 750000.0, read only" in said
    assert "DG750DER/DGEN1.No is no attribute" in said


def test_the_example_says_why_there_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "a.cid").write_text("<a/>")
    program = [sys.executable, str(ROOT / "examples" / "read_scl.py"), str(tmp_path / "a.cid")]
    said = subprocess.run(program, capture_output=True, text=True, timeout=60)
    assert said.returncode == 1
    assert "a.cid:1: the root element is 'a', not SCL" in said.stderr
