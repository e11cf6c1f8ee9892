"""Runs one of the published reserve cases in this process, and another with a battery that is half empty."""

import attrs
from janusgrid.ems.reserve.cases import case
from janusgrid.ems.reserve.local import run_local

found = case("t17")
for title, each in (
    ("main diesel fails at 09:00", found),
    ("the same, storage at 50 %", attrs.evolve(found, machinery=attrs.evolve(found.machinery, initial_soc=0.5))),
):
    result = run_local(each)
    settled = result.settlement
    print(f"{title}: {100 * settled.average_rate:.0f} % on average, quality index {settled.index:g}")
    print(f"  test: every minute {settled.minutes_passed}, average {settled.average_passed}")
    for happening in result.happenings:
        if happening.what in ("confirmed", "empty"):
            print(f"  {happening}")
