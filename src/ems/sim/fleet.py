"""The machines of the INER microgrid (seed document 003, table 1), as parameters of the models.

Ratings, energies and the times to 95 % are published; so are, by its saturated table rows, the delivered fractions.
Efficiencies, initial charge and the fading of a failed machine were fitted to the published results. Start delays are
a free choice: they part the published time into run-up and ramp.
"""

from __future__ import annotations

from .battery import Battery, BatteryModel
from .device import Device
from .generator import Generator, GeneratorModel

GENERATORS: tuple[GeneratorModel, ...] = (
    GeneratorModel(name="DG750", rating_kw=750, t95_s=6.138 * 60, delay_s=20, factor=1.0023, fade_s=240),
    GeneratorModel(name="DG200", rating_kw=200, t95_s=5.988 * 60, delay_s=20, factor=0.99276, fade_s=240),
    *(
        GeneratorModel(name=f"MT{n}", rating_kw=65, t95_s=3.282 * 60, delay_s=40, factor=0.99276, fade_s=60)
        for n in (1, 2, 3)
    ),
)
BATTERIES: tuple[BatteryModel, ...] = (
    BatteryModel(name="ESS500", rating_kw=500, capacity_kwh=600, factor=0.9999),
    BatteryModel(name="HESS250", rating_kw=250, capacity_kwh=272, factor=0.9999),
)


def fleet() -> list[Device]:
    """Return one new set of the seven machines, at rest."""
    return [*(Generator.of(model) for model in GENERATORS), *(Battery.of(model) for model in BATTERIES)]
