"""The example of events, as a reader of the documentation runs it: the command line finds nothing wrong with them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "openadr_events.py"


def test_every_event_of_the_example_keeps_the_rules(tmp_path: Path) -> None:
    made = subprocess.run([sys.executable, str(EXAMPLE), str(tmp_path)], capture_output=True, text=True, check=True)
    assert "several: SIMPLE, LOAD_DISPATCH" in made.stdout
    assert "not 4 (rule 9)" in made.stdout
    files = sorted(str(file) for file in tmp_path.glob("*.xml"))
    assert len(files) == 6
    command = [sys.executable, "-c", "from janusgrid.cli import main; main()", "openadr", "validate", "--json", *files]
    judged = subprocess.run(command, capture_output=True, text=True)
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert [each["faults"] for each in json.loads(judged.stdout)] == [[]] * 6
