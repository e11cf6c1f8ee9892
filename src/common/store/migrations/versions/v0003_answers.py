"""What VENs have answered to an event is taken out of its record, and kept by itself: a record for each VEN."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sql
from alembic import op

revision = "0003"
down_revision = "0002"

_records = sql.table(
    "janusgrid_record", *(sql.column(name) for name in ("space", "kind", "key", "number", "text", "revision"))
)


def upgrade() -> None:
    """Write the answers of each event that has some as records of their own, and the event without them."""
    connection = op.get_bind()
    at = _records.c
    for row in connection.execute(sql.select(_records).where(at.kind == "event")).mappings().all():
        event = _event(row["text"])
        if event is None:
            continue
        answers, overrides = event.pop("answers"), event.pop("overrides", {})
        if made := list(_answers(dict(row), answers, overrides)):
            connection.execute(_records.insert(), made)
        here = (at.space == row["space"], at.kind == row["kind"], at.key == row["key"])
        connection.execute(_records.update().where(*here).values(text=_document(event)))


def _event(text: str) -> dict[str, Any] | None:
    """Return an event of a VTN; None for anything else that is called so."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and {"vens", "answers"} <= set(found) else None


def _answers(row: dict[str, Any], answers: dict[str, str], overrides: dict[str, str]) -> Iterator[dict[str, Any]]:
    event = row["key"]
    for ven in {**answers, **overrides}:
        key = hashlib.sha256(f"{len(event)} {event}{ven}".encode()).hexdigest()[:40]
        text = _document({"event": event, "ven": ven, "answer": answers.get(ven), "override": overrides.get(ven)})
        yield {**row, "kind": "event answer", "key": key, "text": text}


def _document(values: dict[str, Any]) -> str:
    return json.dumps(values, separators=(",", ":"))
