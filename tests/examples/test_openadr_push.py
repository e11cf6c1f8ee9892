"""The how-to on VENs behind NAT: its example as a reader runs it, and its configurations."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from janusgrid.common.xmpp.login import Login

from tests.cli.programs import call

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
PAGE = ROOT / "docs" / "how-to" / "push-behind-nat.md"


def test_it_prints_what_the_page_says() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "openadr_push.py")], capture_output=True, text=True, timeout=120
    )
    found = re.search(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    assert (done.returncode, done.stdout) == (0, found[1]), done.stderr


def test_its_configurations_are_good(tmp_path: Path) -> None:
    for name in ("vtn-xmpp.yaml", "utility.yaml", "ven-xmpp.yaml", "ems.yaml"):
        shutil.copy(EXAMPLES / "nat" / name, tmp_path)
    assert call("vtn", str(tmp_path / "vtn-xmpp.yaml"), "--check")[0] == 0
    assert call("ven", str(tmp_path / "ven-xmpp.yaml"), "--check")[0] == 0
    ems = Login.load(tmp_path / "ems.yaml")
    assert ems.certificate == (tmp_path / "ems.pem", tmp_path / "ems.key")
