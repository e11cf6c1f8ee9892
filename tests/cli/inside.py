"""Runs a command within the test's own process: a server stays another process, so that both are as in real life.

To start Python takes a hundred times as long as most commands.
"""

from __future__ import annotations

import os
import sys
from unittest.mock import patch

from click.testing import CliRunner
from janusgrid.cli import main


def call(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run `janusgrid ied` with these arguments to its end; return exit status, standard output and standard error."""
    with (
        patch.object(sys, "argv", ["janusgrid", "ied", *arguments]),
        patch.dict(os.environ, environment),
        CliRunner().isolation() as (out, err, _),
    ):
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        assert isinstance(code, int)
        return code, out.getvalue().decode(), err.getvalue().decode()
