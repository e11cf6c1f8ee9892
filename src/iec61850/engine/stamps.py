"""The time stamps that a server makes: all of them say of its clock what is known of it at present."""

from __future__ import annotations

from datetime import datetime

import attrs

from ..acsi.types import TimeQuality, Timestamp


@attrs.define(slots=True, eq=False)
class Stamps:
    """Makes time stamps. `quality` is that of the server's clock, and changes with it."""

    quality: TimeQuality = TimeQuality()

    def __call__(self, when: datetime) -> Timestamp:
        """Return the time stamp of an aware datetime."""
        return self.quality.stamp(when)
