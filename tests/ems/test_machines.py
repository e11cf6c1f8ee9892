"""Which machine stands behind which device of a site."""

from __future__ import annotations

from typing import Any

import attrs
from janusgrid.common.data.site import Device, load_site
from janusgrid.common.resources import resource
from janusgrid.ems.machines import T95_S, machines
from janusgrid.ems.sim.battery import Battery
from janusgrid.ems.sim.fleet import fleet
from janusgrid.ems.sim.generator import Generator

SITE = load_site(resource("mappings/sites/microgrid.yaml"))


def of(like: str, /, **changes: Any) -> Device:
    return attrs.evolve(SITE.device(like), **changes)


def test_the_microgrid_has_the_published_machines() -> None:
    assert machines(SITE.devices) == fleet()


def test_a_device_of_ones_own_is_made_from_its_table_and_figures() -> None:
    own = [
        of("DG200", name="CHP", figures={"rating": 120}),
        of("ESS500", name="PACK", figures={"rating": 50, "energy": 80}),
    ]
    chp, pack = machines(own)
    assert isinstance(chp, Generator)
    assert (chp.name, chp.rating_kw, chp.model.t95_s) == ("CHP", 120, T95_S)
    assert isinstance(pack, Battery)
    assert (pack.name, pack.rating_kw, pack.capacity_kwh) == ("PACK", 50, 80)


def test_a_published_name_with_other_figures_is_another_machine() -> None:
    [machine] = machines([of("DG750", figures={"rating": 700})])
    assert isinstance(machine, Generator)
    assert (machine.rating_kw, machine.model.t95_s) == (700, T95_S)


def test_what_has_no_figures_or_takes_no_setpoints_has_no_machine() -> None:
    assert machines([of("PV"), of("PCC"), of("DG750", figures={}), of("ESS500", figures={"rating": 5})]) == []
