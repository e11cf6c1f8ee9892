"""The how-to on finding DERs: its example as a reader runs it, and its configuration."""

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
PAGE = ROOT / "docs" / "how-to" / "find-and-register-ders.md"
CID = ROOT / "mappings" / "sites" / "microgrid" / "DG750.cid"


def test_it_prints_what_the_page_says() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "plug_and_play.py"), str(CID)], capture_output=True, text=True, timeout=120
    )
    found = re.search(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    assert (done.returncode, done.stdout) == (0, found[1]), done.stderr


def test_its_configuration_is_good(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "registry" / "registry.yaml", tmp_path)
    Login("registry@utility.example/IEC", "secret").save(tmp_path / "account.yaml")
    code, *said = call("registry", str(tmp_path / "registry.yaml"), "--check")
    assert code == 0, said
