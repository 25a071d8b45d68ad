"""The tables of the lifecycle database, version 1; SQLite and PostgreSQL take them as they stand.

A table may be added within a version: whoever opens a database makes those that are missing, and who knows less passes
them over.

Times are seconds since 1970 (UTC) as double precision, which both databases give back bit for bit, so that the hash
chain over events can be recomputed. JSON is kept as text in its canonical form.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, ForeignKey, Integer, MetaData, String, Table, Text, UniqueConstraint

SCHEMA_VERSION = 1
GENESIS = "0" * 64
AUDIT_HEAD = "audit_head"

METADATA = MetaData()

meta = Table("meta", METADATA, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False))

lease = Table(
    "lease",
    METADATA,
    Column("name", String(128), primary_key=True),
    Column("holder", String(256), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("expires", Double, nullable=False),
)

rollout = Table(
    "rollout",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("endpoint", String(64), nullable=False, index=True),
    Column("state", String(16), nullable=False, index=True),
    Column("stage", Integer, nullable=False, default=0),
    Column("reason", Text, nullable=False),
    Column("plan_digest", String(64), nullable=False),
    Column("request", Text, nullable=False),
    Column("version", String(64)),
    Column("artifact_sha256", String(64)),
    Column("folder", Text),
    Column("row_version", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("entered_at", Double, nullable=False),
)

event = Table(
    "event",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("subject", String(128), nullable=False, index=True),
    Column("before", String(64), nullable=False),
    Column("after", String(64), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

effect = Table(
    "effect",
    METADATA,
    Column("key", String(192), primary_key=True),
    Column("rollout", String(64), ForeignKey("rollout.id"), nullable=False, index=True),
    Column("action", String(32), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("done", Boolean, nullable=False, default=False),
    Column("result", Text),
    Column("intended_at", Double, nullable=False),
    Column("done_at", Double),
)

gate = Table(
    "gate",
    METADATA,
    Column("artifact_sha256", String(64), primary_key=True),
    Column("stage", String(16), primary_key=True),
    Column("passed", Boolean, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("at", Double, nullable=False),
)

route = Table(
    "route",
    METADATA,
    Column("endpoint", String(64), primary_key=True),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("epoch", Integer, nullable=False),
    Column("table_json", Text, nullable=False),
    Column("at", Double, nullable=False),
)

step = Table(
    "step",
    METADATA,
    Column("run_key", String(64), primary_key=True),
    Column("step", String(128), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("output", Text, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("at", Double, nullable=False),
)

verdict = Table(
    "verdict",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("endpoint", String(64), nullable=False),
    Column("version", String(64), nullable=False),
    Column("signal", String(64), nullable=False),
    Column("window_start", Double, nullable=False),
    Column("scale", Double, nullable=False),
    Column("state", String(16), nullable=False),
    Column("json", Text, nullable=False),
    UniqueConstraint("endpoint", "version", "signal", "window_start", "scale"),
)

episode = Table(
    "episode",
    METADATA,
    Column("endpoint", String(64), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("rule", String(64), primary_key=True),
    Column("id", String(64), nullable=False),
    Column("resolved", Boolean, nullable=False),
    Column("json", Text, nullable=False),
    Column("at", Double, nullable=False),
)

outbox = Table(
    "outbox",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("endpoint", String(64), nullable=False, index=True),
    Column("rule", String(64), nullable=False),
    Column("episode", String(64), nullable=False, index=True),
    Column("sink", String(64), nullable=False),
    Column("resolved", Boolean, nullable=False),
    Column("json", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Double, nullable=False),
    Column("put_at", Double, nullable=False),
    Column("error", Text, nullable=False),
)

alert = Table(  # what was said before there was an outbox; `upgrade` empties it
    "alert",
    METADATA,
    Column("endpoint", String(64), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("signal", String(64), primary_key=True),
    Column("sink", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("resolved", Boolean, nullable=False),
    Column("json", Text, nullable=False),
    Column("at", Double, nullable=False),
)

manifest = Table(
    "manifest",
    METADATA,
    Column("segment", String(256), primary_key=True),
    Column("files", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("at", Double, nullable=False),
)

version = Table(
    "version",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("artifact_sha256", String(64), nullable=False, index=True),
    Column("run_key", String(64), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("card", Text, nullable=False),
)

access_key = Table(
    "access_key",
    METADATA,
    Column("id", String(16), primary_key=True),
    Column("endpoint", String(64), nullable=False, index=True),
    Column("client", String(128), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("revoked_at", Double),
    Column("json", Text, nullable=False),
)

batch = Table(
    "batch",
    METADATA,
    Column("recipe", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("json", Text, nullable=False),
)
