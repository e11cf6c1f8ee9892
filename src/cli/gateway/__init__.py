"""`janusgrid gateway`."""

from .program import command

__all__ = ["command"]
