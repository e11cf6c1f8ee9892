"""The example of an adapter that is held to the suite of the port: its tests are run as they stand."""

from examples.own_adapter import TestHeater, pytestmark

__all__ = ["TestHeater", "pytestmark"]
