"""What a history needs: series, their samples, and what happened."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "janusgrid_series",
        sql.Column("id", sql.Integer, primary_key=True),
        sql.Column("space", sql.String(200), nullable=False),
        sql.Column("name", sql.String(500), nullable=False),
        sql.UniqueConstraint("space", "name", name="janusgrid_series_name"),
    )
    op.create_table(
        "janusgrid_sample",
        sql.Column("series", sql.Integer, primary_key=True, autoincrement=False),
        sql.Column("time", sql.BigInteger, primary_key=True, autoincrement=False),
        sql.Column("number", sql.Double),
        sql.Column("text", sql.Text),
        sql.Column("state", sql.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "janusgrid_happening",
        sql.Column("id", sql.BigInteger().with_variant(sql.Integer, "sqlite"), primary_key=True),
        sql.Column("space", sql.String(200), nullable=False),
        sql.Column("time", sql.BigInteger, nullable=False),
        sql.Column("kind", sql.String(40), nullable=False),
        sql.Column("subject", sql.String(500), nullable=False),
        sql.Column("text", sql.Text, nullable=False),
        sql.Index("janusgrid_happening_time", "space", "time"),
    )
