"""`janusgrid ven`."""

from .openadr.ven_program import command

__all__ = ["command"]
