"""The report page: one HTML file with everything in it, and the pictures as PNG beside it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ...common.errors import LocalError
from .record import Record, Settled, at, sentence
from .style import variables

if TYPE_CHECKING:
    from .plots import Picture

CSS = """
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif;
  margin: 0 auto; max-width: 66rem; padding: 1.5rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p.how { margin: .2rem 0 1.2rem; opacity: .8; }
figure { margin: 0 0 1rem; } figure svg { display: block; height: auto; max-width: 100%; width: 100%; }
figcaption { font-weight: 600; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--faint); padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top; }
td.n, th.n { text-align: right; }
thead th { border-bottom: 2px solid var(--ink); }
.verdict { border-left: .4rem solid var(--good); padding: .3rem .8rem; } .verdict.bad { border-color: var(--limit); }
.bad { color: var(--limit); font-weight: 600; }
@media print { body { font-size: 10pt; max-width: none; padding: 0; } figure, tr { break-inside: avoid; }
  h2 { break-after: avoid; } @page { margin: 14mm; } }
"""


def write(record: Record, folder: Path) -> list[Path]:
    """Write `index.html` and one PNG for each picture into `folder`; return the files, the page first.

    Raises `LocalError` if matplotlib is not installed or the folder cannot be written.
    """
    pictures = _pictures(record)
    files = {folder / "index.html": page(record, pictures).encode()}
    files |= {folder / f"{picture.name}.png": picture.png(record) for picture in pictures}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            path.write_bytes(content)
    except OSError as error:
        raise LocalError(f"the report cannot be written: {error.strerror}", where=str(folder)) from None
    return list(files)


def require() -> None:
    """Raise `LocalError` if matplotlib, which draws the pictures, is not installed."""
    try:
        from . import plots  # noqa: F401  # loaded when a report is wanted: nothing else needs matplotlib
    except ImportError as error:
        raise LocalError(f"a report needs {error.name!r}: pip install 'janusgrid[report]'") from None


def _pictures(record: Record) -> list[Picture]:
    require()
    from .plots import pictures

    return pictures(record)


def page(record: Record, pictures: Iterable[Picture]) -> str:
    """Return the page as HTML that needs nothing else."""
    parts = [
        f"<h1>{escape(record.title)}</h1>",
        f'<p class="how">{escape(record.how)}</p>',
        _verdict(record),
        _settlements(record),
        *(_figure(record, picture) for picture in pictures),
        _events(record),
        _table(record),
        _checks(record),
        _parameters(record),
        *(f"<p>{escape(note)}</p>" for note in record.notes),
    ]
    head = f"<title>{escape(record.title)}</title>\n<style>{variables()}\n{CSS}</style>"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{head}\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def _verdict(record: Record) -> str:
    if not record.checks:
        return ""
    failed = [check.line for check in record.checks if not check.good]
    what = f"does not hold: {'; '.join(failed)}" if failed else f"holds, all {len(record.checks)} lines"
    return f'<p class="verdict{" bad" if failed else ""}">The acceptance of this case {escape(what)}.</p>'


def _settlements(record: Record) -> str:
    first, *others = record.settled
    gap = max((abs(first.average - other.average) for other in others), default=0.0)
    rows = [
        ["average execution rate", *(f"{100 * s.average:.2f} % ({round(100 * s.average)} %)" for s in record.settled)],
        ["quality index", *(f"{s.index:g}" for s in record.settled)],
        [
            f"test: each minute above {100 * record.minute_limit:.0f} %",
            *(_word(s.minutes_passed) for s in record.settled),
        ],
        [
            f"test: average above {100 * record.average_limit:.0f} %",
            *(_word(s.average_passed) for s in record.settled),
        ],
        ["lowest minute", *(_lowest(s) for s in record.settled)],
    ]
    differ = f"<p>Both averages differ by {100 * gap:.4f} percentage points.</p>" if others else ""
    return "<h2>Settlement</h2>" + _html_table(["", *(s.who for s in record.settled)], rows) + differ


def _lowest(settled: Settled) -> str:
    known = [rate for rate in settled.rates if rate is not None]
    missing = len(settled.rates) - len(known)
    return (f"{100 * min(known):.2f} %" if known else "–") + (f", {missing} not known" if missing else "")


def _figure(record: Record, picture: Picture) -> str:
    svg = picture.svg(record)
    told = (
        f'<svg role="img" aria-labelledby="{picture.name}-title {picture.name}-words"'
        f"{svg[len('<svg') : svg.index('>') + 1]}"
        f'<title id="{picture.name}-title">{escape(picture.title)}</title>'
        f'<desc id="{picture.name}-words">{escape(picture.words)}</desc>'
    )
    return f"<figure><figcaption>{escape(picture.title)}</figcaption>\n{told}{svg[svg.index('>') + 1 :]}</figure>"


def _events(record: Record) -> str:
    from .plots import moments

    rows = [
        [str(number), record.clock(when), sentence(found)] for number, (when, found) in enumerate(moments(record), 1)
    ]
    return "<h2>Events</h2>" + _html_table(["no.", "time", "what"], rows, right={0}) if rows else ""


def _table(record: Record) -> str:
    if not record.table:
        return ""
    devices = record.devices
    head = ["time", "import (kW)", "published (kW)", "difference (kW)", "rate (%)", "load (kW)", "PV (kW)"]
    head += ["generation (kW)", *(f"{d.name} (kW)" for d in devices), *(f"{d.name} (%)" for d in record.storages)]
    rows = []
    for point in record.table:
        k = round((point.time - record.begin).total_seconds() / 60) - 1
        rates = record.settled[0].rates
        rate = rates[k] if 0 <= k < len(rates) else None
        figures = [
            point.found_kw, point.published_kw, point.difference_kw, None if rate is None else 100 * rate,
            at(record.load, point.time), at(record.pv, point.time), at(record.generation, point.time),
            *(at(d.power, point.time) for d in devices), *(at(d.soc, point.time) for d in record.storages),
        ]  # fmt: skip
        rows.append([record.clock(point.time), *("–" if kw is None else f"{kw:.1f}" for kw in figures)])
    return (
        "<h2>Every ten minutes</h2>"
        "<p>The rate is that of the minute that ends there; charge is in per cent.</p>"
        + _html_table(head, rows, right=set(range(1, len(head))))
    )


def _checks(record: Record) -> str:
    if not record.checks:
        return ""
    rows = [[check.line, "holds" if check.good else "does not hold", check.detail] for check in record.checks]
    return "<h2>Acceptance</h2>" + _html_table(["", "", "found"], rows)


def _parameters(record: Record) -> str:
    if not record.parameters:
        return ""
    rows = [[p.owner, p.name, p.value, p.unit, p.known, p.meaning] for p in record.parameters]
    return (
        "<h2>What the results stand on</h2><p>Stated figures are published; deduced ones follow from published "
        "numbers. Fitted ones were chosen so that the published results appear, and others fit as well; chosen ones "
        "are free. Neither is a figure of the study.</p>"
        + _html_table(["of", "figure", "value", "unit", "known as", "meaning"], rows)
    )


def _html_table(head: list[str], rows: Iterable[list[str]], right: Iterable[int] = ()) -> str:
    def cells(tag: str, texts: list[str]) -> str:
        scope, number = ' scope="col"' if tag == "th" else "", ' class="n"'
        return "".join(
            f"<{tag}{scope}{number if place in right else ''}>{_cell(text)}</{tag}>" for place, text in enumerate(texts)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{cells("th", head)}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(text: str) -> str:
    safe = escape(text)
    return f'<span class="bad">{safe}</span>' if text in ("does not hold", "fail") else safe


def _word(passed: bool) -> str:
    return "pass" if passed else "fail"
