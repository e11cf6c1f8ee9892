"""How a database is laid out: its tables, and the revision of `migrations` that makes them so."""

from __future__ import annotations

import sqlalchemy as sql

HEAD = "0004"
"""The revision that this version of the program reads and writes."""

VERSIONS = "janusgrid_version"
"""The table that says which revision a database has; other programs may keep theirs beside it."""

metadata = sql.MetaData()

records = sql.Table(
    "janusgrid_record",
    metadata,
    sql.Column("space", sql.String(200), primary_key=True),
    sql.Column("kind", sql.String(100), primary_key=True),
    sql.Column("key", sql.String(500), primary_key=True),
    sql.Column("number", sql.BigInteger, nullable=False),
    sql.Column("text", sql.Text, nullable=False),
    sql.Column("revision", sql.BigInteger, nullable=False, server_default="0"),
    sql.Index("janusgrid_record_order", "space", "number"),
    sql.Index("janusgrid_record_news", "space", "revision"),
)
"""What is kept. `number` is the order in which it was first kept, `revision` the turn in which it was changed last."""

gone = sql.Table(
    "janusgrid_gone",
    metadata,
    sql.Column("space", sql.String(200), primary_key=True),
    sql.Column("kind", sql.String(100), primary_key=True),
    sql.Column("key", sql.String(500), primary_key=True),
    sql.Column("revision", sql.BigInteger, nullable=False),
    sql.Index("janusgrid_gone_news", "space", "revision"),
)
"""What is kept no more, for processes that still know it."""

spaces = sql.Table(
    "janusgrid_space",
    metadata,
    sql.Column("space", sql.String(200), primary_key=True),
    sql.Column("revision", sql.BigInteger, nullable=False),
    sql.Column("number", sql.BigInteger, nullable=False),
    sql.Column("floor", sql.BigInteger, nullable=False),
)
"""A row for each space that processes share: who locks it has the turn. `gone` reaches back to revision `floor`."""

series = sql.Table(
    "janusgrid_series",
    metadata,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("space", sql.String(200), nullable=False),
    sql.Column("name", sql.String(500), nullable=False),
    sql.UniqueConstraint("space", "name", name="janusgrid_series_name"),
)
"""The points whose history is kept."""

samples = sql.Table(
    "janusgrid_sample",
    metadata,
    sql.Column("series", sql.Integer, primary_key=True, autoincrement=False),
    sql.Column("time", sql.BigInteger, primary_key=True, autoincrement=False),
    sql.Column("number", sql.Double),
    sql.Column("text", sql.Text),
    sql.Column("state", sql.Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""Their values. `time` is in microseconds since 1970, UTC; `state` packs type and quality (`store.history`)."""

happenings = sql.Table(
    "janusgrid_happening",
    metadata,
    sql.Column("id", sql.BigInteger().with_variant(sql.Integer, "sqlite"), primary_key=True),
    sql.Column("space", sql.String(200), nullable=False),
    sql.Column("time", sql.BigInteger, nullable=False),
    sql.Column("kind", sql.String(40), nullable=False),
    sql.Column("subject", sql.String(500), nullable=False),
    sql.Column("text", sql.Text, nullable=False),
    sql.Index("janusgrid_happening_time", "space", "time"),
)
"""Events, controls and reports."""
