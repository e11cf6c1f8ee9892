"""The report of one or several runs: JSON for programs, and one HTML page that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

from ...common.errors import LocalError
from .steps import GROUPS
from .verdicts import RunRecord, ScenarioRecord, StepRecord, Verdict, combined

FORMAT = "janusgrid-openadr-scenarios"
FORMAT_VERSION = 1
"""Raised when something is taken away or changes its meaning; what is only added leaves it."""

NOTICE = (
    "These scenarios are written from public facts about OpenADR 2.0b. They are not the certification test of the "
    "OpenADR Alliance, and passing them certifies nothing."
)
FILES = ("report.json", "report.html")


def write_report(runs: Sequence[RunRecord], folder: Path) -> tuple[Path, Path]:
    """Write `report.json` and `report.html` into a folder, which is made; return their paths.

    Raises `LocalError` if it cannot be written.
    """
    texts = json.dumps(plain(runs), indent=1, ensure_ascii=False) + "\n", html(runs)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in zip(FILES, texts, strict=True):
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise LocalError(f"the report cannot be written: {error.strerror}", where=str(folder)) from None
    return folder / FILES[0], folder / FILES[1]


# --- JSON ---


def plain(runs: Iterable[RunRecord]) -> dict[str, Any]:
    """Return the report as JSON has it; the reference describes it."""
    found = tuple(runs)
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "notice": NOTICE,
        "software": f"janusgrid {version('janusgrid')}",
        "verdict": str(combined(run.verdict for run in found)),
        "runs": [_run(run) for run in found],
    }


def _run(run: RunRecord) -> dict[str, Any]:
    return {
        "role": run.subject,
        "way": run.way,
        "peer": run.peer,
        "began": _time(run.began),
        "ended": _time(run.ended),
        "verdict": str(run.verdict),
        "counts": run.counts,
        "scenarios": [_scenario(scenario) for scenario in run.scenarios],
        "left_out": [{"id": each.id, "title": each.title, "reason": each.reason} for each in run.left_out],
    }


def _scenario(scenario: ScenarioRecord) -> dict[str, Any]:
    return {
        "id": scenario.id,
        "title": scenario.title,
        "group": scenario.group,
        "verdict": str(scenario.verdict),
        "steps": [_step(number, step) for number, step in enumerate(scenario.steps, 1)],
    }


def _step(number: int, step: StepRecord) -> dict[str, Any]:
    return {
        "step": number,
        "text": step.text,
        "expected": step.expected,
        "observed": step.observed,
        "verdict": str(step.verdict),
        "rules": list(step.rules),
        "code": step.code,
        "at": _time(step.at),
        "seconds": step.seconds,
        "messages": [{"from": each.sender, "kind": each.kind, "text": each.text} for each in step.wire],
    }


def _time(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- HTML ---

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>OpenADR scenarios: $verdict</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; color: #1c2126; margin: 0 auto; max-width: 75rem; padding: 1.5rem; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; } h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1.8rem 0 .4rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .5rem; border-bottom: 1px solid #d8dde2; }
th { font-weight: 600; background: #f3f5f7; } td.n { white-space: nowrap; text-align: right; }
.steps { table-layout: fixed; } .steps td { overflow-wrap: anywhere; }
.pass, .fail, .inconclusive { font-weight: 600; white-space: nowrap; }
.pass { color: #17692f; } .fail { color: #b3161b; } .inconclusive { color: #7a5600; }
.quiet { color: #56606a; } .notice { border-left: 4px solid #7a5600; padding: .3rem .8rem; background: #fbf7ec; }
pre { font: 12px/1.4 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; background: #f7f8f9;
  border: 1px solid #d8dde2; padding: .5rem; margin: .3rem 0; max-height: 30rem; overflow: auto; }
summary { cursor: pointer; } a { color: #1a4f8b; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } details { display: none; }
  h2 { break-before: page; } h3 { break-after: avoid; } tr { break-inside: avoid; } a { color: inherit; } }
</style>
</head>
<body>
<h1>OpenADR 2.0b scenarios: <span class="$verdict">$verdict</span></h1>
<p class="quiet">$software</p>
<p class="notice">$notice</p>
$overview
$runs
</body>
</html>
""")


def html(runs: Iterable[RunRecord]) -> str:
    """Return the report as a page: a table of all, then each scenario with its steps."""
    found = tuple(runs)
    verdict = str(combined(run.verdict for run in found))
    return _PAGE.substitute(
        verdict=verdict,
        software=escape(f"janusgrid {version('janusgrid')}"),
        notice=escape(NOTICE),
        overview=_overview(found),
        runs="\n".join(_run_page(number, run) for number, run in enumerate(found, 1)),
    )


def _overview(runs: Sequence[RunRecord]) -> str:
    rows = [
        f'<tr><td><a href="#run-{number}">{escape(_heading(run))}</a></td><td>{escape(run.peer)}</td>'
        f"<td>{_time(run.began)}</td>"
        + "".join(f'<td class="n">{run.counts[each.value]}</td>' for each in Verdict)
        + f"<td>{_mark(run.verdict)}</td></tr>"
        for number, run in enumerate(runs, 1)
    ]
    head = "".join(f"<th>{name}</th>" for name in ("run", "tested", "began", *map(str, Verdict), "verdict"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{chr(10).join(rows)}\n</tbody></table>"


def _run_page(number: int, run: RunRecord) -> str:
    parts = [f'<h2 id="run-{number}">{escape(_heading(run))}</h2>']
    for group in GROUPS:
        chosen = [each for each in run.scenarios if each.group == group]
        if chosen:
            rows = "\n".join(_summary(number, each) for each in chosen)
            head = f"<tr><th>{group}</th><th></th><th>rules</th><th>steps</th><th>verdict</th></tr>"
            parts.append(f"<table><thead>{head}</thead><tbody>\n{rows}\n</tbody></table>")
    if run.left_out:
        rows = "\n".join(
            f'<tr><td class="n">{escape(each.id)}</td><td>{escape(each.title)}</td><td>{escape(each.reason)}</td></tr>'
            for each in run.left_out
        )
        head = "<tr><th>left out</th><th></th><th>because</th></tr>"
        parts.append(f"<table><thead>{head}</thead><tbody>\n{rows}\n</tbody></table>")
    parts += [_scenario_page(number, scenario) for scenario in run.scenarios]
    return "\n".join(parts)


def _summary(number: int, scenario: ScenarioRecord) -> str:
    rules = sorted({rule for step in scenario.steps for rule in step.rules})
    return (
        f'<tr><td class="n"><a href="#{_anchor(number, scenario)}">{escape(scenario.id)}</a></td>'
        f"<td>{escape(scenario.title)}</td><td>{', '.join(map(str, rules))}</td>"
        f'<td class="n">{len(scenario.steps)}</td><td>{_mark(scenario.verdict)}</td></tr>'
    )


def _scenario_page(number: int, scenario: ScenarioRecord) -> str:
    rows = "\n".join(_step_row(n, step) for n, step in enumerate(scenario.steps, 1))
    return (
        f'<h3 id="{_anchor(number, scenario)}">{escape(scenario.id)}: {escape(scenario.title)} '
        f"{_mark(scenario.verdict)}</h3>\n"
        '<table class="steps"><colgroup><col style="width:2rem"><col style="width:24%"><col style="width:27%">'
        '<col><col style="width:3.5rem"><col style="width:6.5rem"></colgroup>'
        "<thead><tr><th></th><th>step</th><th>expected</th><th>observed</th><th>code</th><th>verdict</th></tr></thead>"
        f"<tbody>\n{rows}\n</tbody></table>"
    )


def _step_row(number: int, step: StepRecord) -> str:
    rules = f"rule {', '.join(map(str, step.rules))}" if step.rules else ""
    messages = "".join(
        f"<div>{escape(each.sender)}: {escape(each.kind)}</div><pre>{escape(each.text)}</pre>" for each in step.wire
    )
    shown = f"<details><summary>messages</summary>{messages}</details>" if messages else ""
    when = f"{_time(step.at)}, {step.seconds:.3f} s"
    return (
        f'<tr><td class="n">{number}</td><td>{escape(step.text)}<div class="quiet">{rules}</div></td>'
        f"<td>{escape(step.expected)}</td>"
        f'<td>{escape(step.observed)}<div class="quiet">{when}</div>{shown}</td>'
        f"<td>{escape(step.code)}</td><td>{_mark(step.verdict)}</td></tr>"
    )


def _heading(run: RunRecord) -> str:
    ways = {"pull": "HTTP pull", "push": "HTTP push", "xmpp": "XMPP"}
    return f"{run.subject.upper()} over {ways.get(run.way, run.way)}"


def _mark(verdict: Verdict) -> str:
    return f'<span class="{verdict}">{verdict}</span>'


def _anchor(number: int, scenario: ScenarioRecord) -> str:
    return escape(f"run-{number}-{scenario.id}", quote=True)
