"""Output that is piped into a program which reads only some of it (`| head`): that is no error."""

from __future__ import annotations

import os
import sys

import click


def nobody_reads() -> None:
    """Let what is still to be printed go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


class PipedGroup(click.Group):
    """Commands that end well when nobody reads on."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            nobody_reads()
            return None
