"""What else fits the published results: sets of fitted figures that reproduce them as the reference set does.

The study prints whole per cents and a few clock times, and no state of charge, efficiency or shape of a ramp. So the
fitted figures are one choice among several, and none of them is the study's own.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from .cases import Case
from .parameters import Response, Surplus
from .settlement import BaselineRule


@attrs.frozen(slots=True, kw_only=True)
class Alternative:
    """A set of figures in the place of the fitted ones.

    Attributes:
        meaning: what it assumes, for people.
        efficiency: of storage, one way.
        soc: state of charge at the dispatch, by service.
        fade_diesel_s: in which a failed diesel fades.
        reserve_kwh: a unit is started if less would be left at the end.
        surplus, response, rule: how the site behaves.
        starts: whether the published start minutes appear too, not only the rates.
    """

    meaning: str
    efficiency: float = 0.97
    soc: Mapping[str, float] = attrs.field(factory=lambda: {"spinning": 0.70, "supplementary": 0.80})
    fade_diesel_s: float = 240.0
    reserve_kwh: float = 124.0
    surplus: Surplus = Surplus.CHARGE
    response: Response = Response.AT_ONCE
    rule: BaselineRule | None = None
    starts: bool = True

    def of(self, case: Case) -> Case:
        """Return a case with these figures."""
        parameters = attrs.evolve(
            case.parameters,
            efficiency=self.efficiency,
            reserve_kwh=self.reserve_kwh,
            surplus=self.surplus,
            response=self.response,
        )
        machinery = attrs.evolve(
            case.machinery,
            efficiency=self.efficiency,
            initial_soc=self.soc[case.service.name],
            fade_diesel_s=self.fade_diesel_s,
        )
        changed = attrs.evolve(case, parameters=parameters, machinery=machinery)
        return changed if self.rule is None else attrs.evolve(changed, baseline_kw=None, rule=self.rule)


def _soc(spinning: float, supplementary: float) -> dict[str, float]:
    return {"spinning": spinning, "supplementary": supplementary}


ALTERNATIVES: Mapping[str, Alternative] = {
    "lossless": Alternative(
        meaning="storage without losses",
        efficiency=1.0,
        soc=_soc(0.70, 0.785),
        fade_diesel_s=165.0,
        reserve_kwh=137.0,
    ),
    "two per cent": Alternative(
        meaning="losses of 2 % each way",
        efficiency=0.98,
        soc=_soc(0.70, 0.795),
        fade_diesel_s=225.0,
        reserve_kwh=128.0,
    ),
    "five per cent": Alternative(
        meaning="losses of 5 % each way",
        efficiency=0.95,
        soc=_soc(0.725, 0.82),
        fade_diesel_s=180.0,
        reserve_kwh=136.0,
    ),
    "part load": Alternative(
        meaning="generators turned down while more than is required would come, instead of charging",
        soc=_soc(0.70, 0.84),
        surplus=Surplus.PART_LOAD,
    ),
    "ramp": Alternative(
        meaning="storage follows a ramp over the response period of spinning reserve",
        soc=_soc(0.61, 0.80),
        response=Response.RAMP,
        starts=False,
    ),
    "six minutes": Alternative(
        meaning="the baseline is the mean import of the six minutes before the dispatch", rule=BaselineRule.MEAN
    ),
    "five samples": Alternative(
        meaning="the baseline is the mean of the five one-minute samples before the dispatch, not the published figure",
        rule=BaselineRule.SAMPLES,
    ),
}
"""By name. Each gives the published whole per cents in all four cases."""


def table() -> str:
    """Return the alternatives as a Markdown table."""
    header = "| name | assumes | efficiency | charge at the dispatch | fade, s | energy reserve, kWh | starts too |"
    rows = [header, "| --- | --- | --- | --- | --- | --- | --- |"]
    for name, each in ALTERNATIVES.items():
        socs = " / ".join(f"{soc:g}" for soc in each.soc.values())
        figures = f"{each.efficiency:g} | {socs} | {each.fade_diesel_s:g} | {each.reserve_kwh:g}"
        rows.append(f"| {name} | {each.meaning} | {figures} | {'yes' if each.starts else 'no'} |")
    return "\n".join(rows)
