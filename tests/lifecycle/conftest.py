"""The same suite over SQLite and PostgreSQL: each test has a database of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from mlconfig.lifecycle import Lease, Store
from mlconfig.records.route import RouteVersion
from mlconfig.records.verdict import GateVerdict

ENDPOINT = "churn"


def _postgres_engine():
    for user in ("postgres", "root"):
        engine = create_engine(f"postgresql+psycopg://{user}@127.0.0.1:5432/test", connect_args={"connect_timeout": 2})
        try:
            with engine.connect():
                return engine
        except OperationalError:
            engine.dispose()
    return None


@pytest.fixture(scope="session")
def postgres():
    engine = _postgres_engine()
    yield engine
    if engine is not None:
        engine.dispose()


@pytest.fixture
def postgres_uri(postgres) -> Iterator[str]:
    if postgres is None:
        pytest.skip("no PostgreSQL answers on 127.0.0.1:5432 (database `test`, user postgres or root, trust)")
    schema = f"mlconfig_{uuid.uuid4().hex[:12]}"
    with postgres.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    yield f"postgresql://{postgres.url.username}@127.0.0.1:5432/test?options=-csearch_path%3D{schema}"
    with postgres.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))


@pytest.fixture
def sqlite_uri(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'lifecycle.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def uri(request) -> str:
    return request.getfixturevalue("sqlite_uri" if request.param == "sqlite" else "postgres_uri")


@pytest.fixture
def store(uri: str) -> Iterator[Store]:
    with Store.open(uri) as opened:
        yield opened


@pytest.fixture
def lease(store: Store) -> Lease:
    lease = store.leases.acquire(ENDPOINT, "first", now=0.0)
    assert lease is not None
    return lease


def sha(version: str) -> str:
    return version.encode().hex().ljust(64, "0")


def route_version(version: str) -> RouteVersion:
    return RouteVersion(version=version, artifact_sha256=sha(version), folder=f"artifacts/{version}")


@pytest.fixture
def live(store: Store, lease: Lease):
    """Promotes a version whose gate passed."""

    def promote(version: str, now: float = 1.0):
        store.gates.record(GateVerdict(artifact_sha256=sha(version), passed=True), now=now)
        before = store.routes.current(ENDPOINT)
        generation = 0 if before is None else before.generation
        return store.routes.promote(
            ENDPOINT, route_version(version), expected_generation=generation, reason="test", now=now, lease=lease
        )

    return promote
