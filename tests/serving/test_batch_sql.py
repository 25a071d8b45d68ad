"""Rows of a database, and results in one: PostgreSQL and SQLite."""

import datetime as dt
import uuid
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from mlconfig.errors import DataError
from mlconfig.serving.batch import sql_input
from mlconfig.serving.batch.outputs import output_of
from mlconfig.serving.batch.places import SqlPlace
from mlconfig.serving.batch.pool import Pool
from mlconfig.serving.batch.run import Here, Settings, run_batch
from mlconfig.serving.batch.sql_input import SqlInput
from mlconfig.serving.batch.sql_output import SqlOutput
from mlconfig.serving.predictor import read_signature

ROWS = 2500
NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def _postgres():
    for user in ("postgres", "root"):
        engine = sa.create_engine(
            f"postgresql+psycopg://{user}@127.0.0.1:5432/test", connect_args={"connect_timeout": 2}
        )
        try:
            with engine.connect():
                return engine
        except sa.exc.OperationalError:
            engine.dispose()
    return None


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """A database of this test's own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'rows.db'}"
        return
    engine = _postgres()
    if engine is None:
        pytest.skip("no PostgreSQL answers on 127.0.0.1:5432 (database `test`, user postgres or root, trust)")
    schema = f"batch_{uuid.uuid4().hex[:12]}"
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
    yield f"postgresql://{engine.url.username}@127.0.0.1:5432/test?options=-csearch_path%3D{schema}"
    with engine.begin() as connection:
        connection.execute(sa.text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


@pytest.fixture
def engine(url):
    made = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    yield made
    made.dispose()


@pytest.fixture
def rows(engine, monkeypatch):
    """A table `applicants`, in chunks of 400 rows."""
    monkeypatch.setattr(sql_input, "CHUNK_ROWS", 400)
    table = sa.Table(
        "applicants", sa.MetaData(), sa.Column("no", sa.Integer, primary_key=True), sa.Column("age", sa.Integer),
        sa.Column("hours-per-week", sa.Numeric(8, 2)), sa.Column("plan", sa.Text), sa.Column("at", sa.DateTime(timezone=True)),
        sa.Column("empty", sa.Text), sa.Column("note", sa.Text),
    )  # fmt: skip
    made = [
        {"no": no * 3, "age": None if no % 10 == 0 else 18 + no % 70, "hours-per-week": Decimal(no % 60) / 4,
         "plan": ("basic", "pro", "team", None)[no % 4], "at": NOON + dt.timedelta(hours=no), "empty": None,
         "note": ("", 'a "quoted", text\nof two lines', None)[no % 3]}
        for no in range(ROWS)
    ]  # fmt: skip
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(table.insert(), made)
    return made


def run(model, url, output, key="", query="", watcher=None, runner=None, **settings):
    place = SqlPlace.parse(url if query else f"{url}#applicants", query)
    source = SqlInput(place, key, read_signature(model.folder))
    try:
        return run_batch(model, source, output, runner or Here(), Settings(**settings), watcher)
    finally:
        source.close()


def expected(model, score, rows, tmp_path):
    """The same rows scored as a file."""
    import pyarrow as pa

    table = pa.table({
        "age": pa.array([row["age"] for row in rows], pa.float64()),
        "hours-per-week": [float(row["hours-per-week"]) for row in rows],
        "plan": [row["plan"] for row in rows],
    })  # fmt: skip
    pq.write_table(table, tmp_path / "same.parquet")
    score(model, tmp_path / "same.parquet", tmp_path / "same-out.parquet")
    return pq.read_table(tmp_path / "same-out.parquet").select(["prediction", "probability"]).to_pylist()


@pytest.mark.parametrize("key", ["", "no"])
def test_a_table_is_scored_into_a_file(tmp_path, make_model, score, url, rows, key):
    model = make_model()
    result = run(model, url, output_of(tmp_path / "out.parquet", None), key)
    out = pq.read_table(tmp_path / "out.parquet")
    assert (result.rows, result.parts) == (ROWS, 7)
    assert out.column("no").to_pylist() == [row["no"] for row in rows]
    assert out.column("note").to_pylist() == [row["note"] for row in rows]
    assert out.select(["prediction", "probability"]).to_pylist() == expected(model, score, rows, tmp_path)
    assert [path.name for path in tmp_path.glob(".*")] == []


@pytest.mark.parametrize("key", ["", "no"])
def test_several_processes_take_rows_from_one_reader(tmp_path, make_model, url, rows, key):
    model = make_model()
    with Pool(2) as pool:
        run(model, url, output_of(tmp_path / "out.parquet", None), key, runner=pool)
    run(model, url, output_of(tmp_path / "one.parquet", None), key)
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "one.parquet").read_bytes()


def test_a_query_is_scored_into_a_table(tmp_path, make_model, score, url, rows, engine):
    model = make_model()
    query = """SELECT *, 'a:b %s' AS odd FROM applicants WHERE "no" < 3000 ORDER BY "no";"""
    result = run(model, url, SqlOutput(SqlPlace.parse(f"{url}#scored"), tmp_path / "s"), query=query)
    assert result.rows == 1000
    with engine.connect() as connection:
        found = connection.execute(sa.text('SELECT * FROM scored ORDER BY "no"')).mappings().fetchall()
        names = sa.inspect(connection).get_table_names()
    assert [dict(row)["odd"] for row in found] == ["a:b %s"] * 1000
    assert [row["note"] for row in found] == [row["note"] for row in rows[:1000]]
    assert [float(row["hours-per-week"]) for row in found] == [float(row["hours-per-week"]) for row in rows[:1000]]
    answers = [{"prediction": row["prediction"], "probability": row["probability"]} for row in found]
    assert answers == expected(model, score, rows[:1000], tmp_path)
    assert sorted(names) == ["applicants", "scored"]
    if url.startswith("postgresql"):
        assert [row["at"] for row in found] == [row["at"] for row in rows[:1000]]


def test_a_table_that_exists_is_replaced_only_when_asked_and_whole(tmp_path, make_model, url, rows, engine):
    model, place = make_model(), SqlPlace.parse(f"{url}#scored")

    def count():
        with engine.connect() as connection:
            return connection.execute(sa.text("SELECT count(*) FROM scored")).scalar()

    run(model, url, SqlOutput(place, tmp_path / "s"), keep=["no"])
    with pytest.raises(DataError, match="the output exists"):
        run(model, url, SqlOutput(place, tmp_path / "s"))

    class Dies(SqlOutput):
        def _load(self, connection, staging, rows):
            super()._load(connection, staging, rows)
            raise OSError(5, "the line broke")

    with pytest.raises(OSError, match="the line broke"):
        run(model, url, Dies(place, tmp_path / "s"), keep=["no"], key="no", overwrite=True)
    assert count() == ROWS
    with engine.connect() as connection:
        assert sorted(sa.inspect(connection).get_table_names()) == ["applicants", "scored"]
    result = run(model, url, SqlOutput(place, tmp_path / "s"), keep=["no"], key="no", overwrite=True)
    assert (result.resumed, count()) == (ROWS, ROWS)
    assert not list((tmp_path / "s").glob(".scored*"))


@pytest.mark.parametrize("key", ["", "no", "at"])
def test_it_goes_on_by_its_key(tmp_path, make_model, url, rows, key):
    if key == "at" and url.startswith("sqlite"):
        pytest.skip("SQLite has no type for moments")
    model, output = make_model(), output_of(tmp_path / "out.parquet", None)

    class Stops(Here):
        def run(self, work, units, told):
            for number, done in enumerate(super().run(work, units, told)):
                if number == 3:
                    raise KeyboardInterrupt
                yield done

    with pytest.raises(KeyboardInterrupt):
        run(model, url, output, key, runner=Stops())
    result = run(model, url, output_of(tmp_path / "out.parquet", None), key)
    assert (result.rows, result.resumed) == (ROWS, 1200 if key else 0)
    assert pq.read_table(tmp_path / "out.parquet").column("no").to_pylist() == [row["no"] for row in rows]


def test_nothing_is_changed_by_a_query(tmp_path, make_model, url, rows, engine):
    with pytest.raises(DataError, match="the database refused"):
        run(make_model(), url, output_of(tmp_path / "o.parquet", None), query="DELETE FROM applicants RETURNING *")
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM applicants")).scalar() == ROWS


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"query": "SELECT 1 AS x, 2 AS x"}, "column name given twice: `x`|the rows lack `age`"),  # SQLite renames one
        ({"query": 'SELECT "no", age FROM applicants'}, "the rows lack `hours-per-week`, `plan`"),
        ({"query": "SELEC"}, "the database refused: "),
        ({"key": "nope"}, "`nope` is no column"),
        ({"key": "plan"}, "the key `plan` is null in some rows"),
        ({"key": "k", "query": "SELECT *, 1 AS k FROM applicants"}, "the key `k` is not unique"),
    ],
)
def test_what_cannot_be_read(tmp_path, make_model, url, rows, changes, says):
    with pytest.raises(DataError, match=says):
        run(make_model(), url, output_of(tmp_path / "o.parquet", None), **changes)
    assert not list(tmp_path.glob("*o.parquet*"))


def test_no_rows_and_no_table(tmp_path, make_model, url, rows):
    model = make_model()
    assert (
        run(model, url, output_of(tmp_path / "o.parquet", None), query="SELECT * FROM applicants WHERE 1 = 0").rows == 0
    )
    assert pq.read_table(tmp_path / "o.parquet").num_rows == 0
    with pytest.raises(DataError, match="the database refused"):
        SqlInput(SqlPlace.parse(f"{url}#absent"), "", read_signature(model.folder))
    with pytest.raises(DataError, match="no table is named"):
        SqlInput(SqlPlace.parse(url), "", read_signature(model.folder))
    with pytest.raises(DataError, match="no table is named"):
        SqlOutput(SqlPlace.parse(url), tmp_path)


def test_a_sqlite_file_is_not_made_by_reading_and_passwords_are_not_shown(tmp_path, make_model):
    signature = read_signature(make_model().folder)
    with pytest.raises(DataError, match="there is no such file or folder"):
        SqlInput(SqlPlace.parse(f"sqlite:///{tmp_path / 'absent.db'}#x"), "", signature)
    assert not (tmp_path / "absent.db").exists()
    with pytest.raises(DataError) as refused:
        SqlInput(SqlPlace.parse("postgresql://someone:s3cr3t@127.0.0.1:1/none#x"), "", signature)
    assert "someone:***@127.0.0.1:1/none#x" in str(refused.value)
    assert "s3cr3t" not in str(refused.value)
