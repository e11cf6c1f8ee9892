"""Environments of other implementations: each is installed by itself, and run as a process of its own.

They are installed when a test first asks for them, into `.peers/` of the checkout.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1] / ".peers"
_SECONDS = 240


def interpreter(package: str, *what: str | Path) -> Path:
    """Return the interpreter that has a package (`name==version`) installed; skip the test if it cannot be.

    `what` is given to pip in place of the package alone: with what else, and from where.
    """
    home = HOME / f"{package}-py{sys.version_info.major}{sys.version_info.minor}"
    found, failed = home / "bin" / "python", home / "failed"
    if failed.exists() and (reason := failed.read_text()):
        pytest.skip(f"{package} could not be installed (remove {failed} to try again): {reason}")
    if not (home / "ready").exists():
        try:
            for command in (
                [sys.executable, "-m", "venv", home],
                [found, "-m", "pip", "install", "-q", *(what or ("--only-binary", ":all:", package))],
            ):
                subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)
        except (OSError, subprocess.SubprocessError) as error:
            reason = (getattr(error, "stderr", "") or str(error)).strip()[-200:]
            home.mkdir(parents=True, exist_ok=True)
            failed.write_text(reason)
            pytest.skip(f"{package} cannot be installed: {reason}")
        (home / "ready").touch()
    return found
