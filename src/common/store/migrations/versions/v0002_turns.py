"""What many processes need that share a space: revisions, what is gone, and a row to lock."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Give the tables names of our own, count revisions, remember what is gone."""
    op.rename_table("record", "janusgrid_record")
    op.drop_index("record_order", "janusgrid_record")
    op.add_column("janusgrid_record", sql.Column("revision", sql.BigInteger, nullable=False, server_default="0"))
    op.create_index("janusgrid_record_order", "janusgrid_record", ["space", "number"])
    op.create_index("janusgrid_record_news", "janusgrid_record", ["space", "revision"])
    op.create_table(
        "janusgrid_gone",
        sql.Column("space", sql.String(200), primary_key=True),
        sql.Column("kind", sql.String(100), primary_key=True),
        sql.Column("key", sql.String(500), primary_key=True),
        sql.Column("revision", sql.BigInteger, nullable=False),
        sql.Index("janusgrid_gone_news", "space", "revision"),
    )
    op.create_table(
        "janusgrid_space",
        sql.Column("space", sql.String(200), primary_key=True),
        sql.Column("revision", sql.BigInteger, nullable=False),
        sql.Column("number", sql.BigInteger, nullable=False),
        sql.Column("floor", sql.BigInteger, nullable=False),
    )
