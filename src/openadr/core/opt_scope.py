"""What an opt is about: a VEN as a whole, or a part of it."""

from __future__ import annotations

import attrs

from ..model import CreateOpt, EiTarget, changed


@attrs.frozen(slots=True)
class Scope:
    """What is asked about: a VEN as a whole, one of its resources, a class of its devices, in a market or in any.

    Attributes:
        market: URI of a market context (a programme).
        resource: a resourceID.
        device_class: as endDeviceAsset names it, e.g. `Exterior_Lighting`.
    """

    market: str | None = None
    resource: str | None = None
    device_class: str | None = None

    def is_within(self, opt: CreateOpt) -> bool:
        """Return whether an opt holds here: what it names, if anything, has to be what is asked about.

        Targets are alternatives; what an opt says of groups, meters or places is not known to hold for a resource.
        """
        if opt.market_context not in (None, self.market):
            return False
        return self._is_named(opt.ei_target) and self._is_named(opt.device_class or EiTarget())

    def _is_named(self, target: EiTarget) -> bool:
        everything = changed(target, ven_ids=(), party_ids=()) == EiTarget()
        return everything or self.resource in target.resource_ids or self.device_class in target.end_device_assets


WHOLE = Scope()
"""A VEN as a whole, in any market."""


def is_of_event(opt: CreateOpt, event_id: str, modification: int | None = None) -> bool:
    """Return whether an opt is of this event (and this modification of it)."""
    found = opt.qualified_event_id
    if found is None or found.event_id != event_id:
        return False
    return modification is None or found.modification_number == modification


def is_of_whole_ven(opt: CreateOpt) -> bool:
    """Return whether an opt of an event is that of the whole VEN, and not only of some of its devices."""
    return WHOLE.is_within(changed(opt, market_context=None))
