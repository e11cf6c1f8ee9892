"""Lines of text by space, kind and key."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table; a database of before revisions were counted has it already."""
    if sql.inspect(op.get_bind()).has_table("layout"):
        op.drop_table("layout")
        return
    op.create_table(
        "record",
        sql.Column("space", sql.String(200), primary_key=True),
        sql.Column("kind", sql.String(100), primary_key=True),
        sql.Column("key", sql.String(500), primary_key=True),
        sql.Column("number", sql.BigInteger, nullable=False),
        sql.Column("text", sql.Text, nullable=False),
        sql.Index("record_order", "space", "number"),
    )
