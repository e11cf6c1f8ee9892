"""`janusgrid vtn`."""

from .openadr.vtn_program import command

__all__ = ["command"]
