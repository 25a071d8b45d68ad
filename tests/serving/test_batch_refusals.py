"""A batch refuses what the endpoint refuses, and says file, row and column."""

import asyncio
import datetime as dt
import json
import re

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from mlconfig.contracts import WireRequest
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.errors import DataError
from mlconfig.records.wall_clock import NO_TIME, wall_clock_seconds
from mlconfig.serving.batch.outputs import output_of
from mlconfig.serving.batch.places import SqlPlace
from mlconfig.serving.batch.run import Here, run_batch
from mlconfig.serving.batch.sql_input import SqlInput
from mlconfig.serving.batch.unit import Model
from mlconfig.serving.predictor import read_signature

COLUMNS = [
    {"name": "age", "kind": "numeric", "nullable": True},
    {"name": "hours-per-week", "kind": "numeric"},
    {"name": "plan", "kind": "categorical"},
    {"name": "ts", "kind": "timestamp"},
]
MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
ROW = {"age": 30.0, "hours-per-week": 40.0, "plan": "pro", "ts": MOMENT.isoformat()}
LONG = "é" * 1025


@pytest.fixture
def model(make_model):
    """All columns but ``age`` have to be there, and the moment is a feature."""
    return make_model(columns=COLUMNS, weight=1e4)


def table_of(**changed):
    """Six rows, of which the fourth has the changes."""
    return pa.Table.from_pylist([{**ROW, **(changed if place == 3 else {})} for place in range(6)])


def write(table, file):
    if file.suffix == ".parquet":
        pq.write_table(table, file)
    else:
        pc.write_csv(table, file)
    return file


def score_table(model, table, folder):
    """The rows as a table of SQLite, scored into a file."""
    import sqlalchemy as sa

    url = f"sqlite:///{folder / 'rows.db'}"
    engine = sa.create_engine(url)
    names = ", ".join(f'"{name}"' for name in table.column_names)
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE rows ({names})"))
        values = ", ".join(f":v{place}" for place in range(table.num_columns))
        rows = [{f"v{place}": each for place, each in enumerate(row.values())} for row in table.to_pylist()]
        connection.execute(sa.text(f"INSERT INTO rows VALUES ({values})"), rows)
    engine.dispose()
    source = SqlInput(SqlPlace.parse(f"{url}#rows"), "", read_signature(model.folder))
    try:
        return run_batch(model, source, output_of(folder / "out.parquet", None), Here())
    finally:
        source.close()


def score_any(score, model, table, source):
    """The rows as a file or a table of that name."""
    if source.suffix == ".db":
        return score_table(model, table, source.parent)
    return score(model, write(table, source), source.with_name("out.parquet"))


@pytest.mark.parametrize("source", ["in.parquet", "in.csv", "rows.db"])
@pytest.mark.parametrize("name", ["ts", "plan", "hours-per-week"])
def test_a_null_where_the_signature_has_none(tmp_path, model, score, source, name):
    table = table_of(**{name: None})
    with pytest.raises(
        DataError, match=f"row 4, column `{name}`: the value is null, which the signature does not allow"
    ):
        score_any(score, model, table, tmp_path / source)
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("plan", pa.array(["pro"] * 3 + [None] + ["pro"] * 2).dictionary_encode()),
        ("plan", pa.array([1.0, 2.0, 3.0, float("nan"), 1.0, 2.0])),
        ("ts", pa.array([MOMENT] * 3 + [None] + [MOMENT] * 2)),
        ("ts", pa.array([1.7e9] * 3 + [float("nan")] + [1.7e9] * 2)),
    ],
)
def test_nulls_of_other_types(tmp_path, model, score, name, values):
    table = table_of()
    table = table.set_column(table.column_names.index(name), name, [values])
    with pytest.raises(DataError, match=f"in.parquet, row 4, column `{name}`: the value is null"):
        score(model, write(table, tmp_path / "in.parquet"), tmp_path / "out.parquet")


def test_a_null_in_every_row(tmp_path, model, score):
    table = table_of()
    table = table.set_column(3, "ts", [pa.nulls(6)])
    with pytest.raises(DataError, match="row 1, column `ts`: the value is null"):
        score(model, write(table, tmp_path / "in.parquet"), tmp_path / "out.parquet")


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("source", ["in.parquet", "in.csv"])
def test_no_answer_is_not_finite(tmp_path, make_model, score, task, source):
    model = make_model(task, columns=COLUMNS, weight=1e4)
    with pytest.raises(DataError, match=f"{source}, row 4: the model has no finite answer for this row"):
        score(model, write(table_of(**{"hours-per-week": 3e38}), tmp_path / source), tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize("source", ["in.parquet", "in.csv", "rows.db"])
def test_a_category_is_as_long_as_at_the_endpoint(tmp_path, model, score, source):
    with pytest.raises(DataError, match="row 4, column `plan`: the text is longer than 1,024 characters"):
        score_any(score, model, table_of(plan=LONG), tmp_path / source)
    assert score(model, write(table_of(plan=LONG[:1024]), tmp_path / "fits.csv"), tmp_path / "fits.parquet").rows == 6


SECONDS = MOMENT.timestamp()


@pytest.mark.parametrize("source", ["in.parquet", "in.csv"])
@pytest.mark.parametrize("number", [int(SECONDS), SECONDS + 0.5, int(SECONDS) * 1000, int(SECONDS) * 10**9])
def test_a_moment_may_be_a_number(tmp_path, make_model, score, monkeypatch, source, number):
    from mlconfig.serving.predictor import Predictor

    seen, plain = [], Predictor.score
    monkeypatch.setattr(Predictor, "score", lambda self, feeds: (seen.append(feeds), plain(self, feeds))[1])
    table = table_of()
    numbers = table.set_column(3, "ts", [[number] * 6])
    mixed = table.set_column(3, "ts", [[*[str(number)] * 3, *[ROW["ts"]] * 3]])
    for place, each in enumerate((numbers, mixed)):
        model = make_model(columns=COLUMNS, version=f"{source}{place}")
        score(model, write(each, tmp_path / source), tmp_path / f"out{place}.parquet")
        assert seen[-1]["time"].ravel().tolist() == [int(SECONDS) + 3600] * 6, "on the clocks of Berlin"


def test_eight_digits_are_a_date_and_nothing_else_is_read_as_two():
    texts = pa.array(["20260131", "1712011512345", None, "2026-01-31"])
    assert wall_clock_seconds(texts, "UTC").tolist() == [1769817600, 1712011512, NO_TIME, 1769817600]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("source", ["in.parquet", "in.csv"])
@pytest.mark.parametrize("number", [-7e10, 1e21, float("inf")])
def test_a_moment_beyond_all_years(tmp_path, make_model, score, zone, source, number):
    model = make_model(columns=COLUMNS, time_zone=zone)
    table = table_of()
    table = table.set_column(3, "ts", [[1.7e9, 1.7e9, 1.7e9, number, 1.7e9, 1.7e9]])
    with pytest.raises(DataError, match=f"{source}, row 4, column `ts`: (the value|this text) is no (moment in )?time"):
        score(model, write(table, tmp_path / source), tmp_path / "out.parquet")


@pytest.fixture
def ask(make_service):
    """The endpoint's answer to one row: its probability, or null where it refuses."""
    service = make_service(columns=COLUMNS, weight=1e4)
    champion = service.state.table.champion

    def one(row):
        try:
            answer = asyncio.run(
                service.predict("mlconfig", WireRequest("predict", json.dumps({"rows": [row]}).encode()))
            )
        except RequestRefusedError:
            return None
        return json.loads(answer.body)["predictions"][0]["probability"] if answer.status == 200 else None

    return one, lambda home: Model(home / champion.folder, champion.artifact_sha256, champion.version)


@pytest.mark.parametrize(
    "changed",
    [{}, {"age": None}, {"ts": None}, {"plan": None}, {"hours-per-week": None}, {"hours-per-week": 3e38},
     {"plan": LONG}, {"plan": LONG[1:]}, {"ts": 1767322999}, {"ts": 1767322999123}, {"ts": 1e21}, {"ts": "soon"}],
)  # fmt: skip
def test_batch_and_endpoint_refuse_the_same_rows(tmp_path, ask, score, changed):
    endpoint, model = ask
    row = {**ROW, **changed}
    write(pa.Table.from_pylist([row]), tmp_path / "in.parquet")
    expected = endpoint(row)
    try:
        score(model(tmp_path), tmp_path / "in.parquet", tmp_path / "out.parquet")
    except DataError:
        assert expected is None
    else:
        found = pq.read_table(tmp_path / "out.parquet").column("probability").to_pylist()
        assert found == pytest.approx([expected])


@pytest.mark.parametrize(
    ("source", "target"),
    [("in", "in/sub"), ("in", "in/out.parquet"), ("in", "in/below/out.csv"), ("in/*.parquet", "in/out.parquet"),
     ("in/**/*.parquet", "in/below/out.parquet"), ("in/**/*.parquet", "in/sub"), ("in/*/*.parquet", "in/sub")],
)  # fmt: skip
def test_an_output_that_the_next_run_would_read(tmp_path, model, score, source, target):
    (tmp_path / "in" / "below").mkdir(parents=True)
    write(table_of(), tmp_path / "in" / "a.parquet")
    write(table_of(), tmp_path / "in" / "below" / "b.parquet")
    with pytest.raises(DataError, match="the output lies within the input, so the next run would read it"):
        score(model, tmp_path / source, tmp_path / target)
    assert not (tmp_path / target).exists()


@pytest.mark.parametrize(
    ("source", "target"),
    [("in", "in/_scored"), ("in", "in-scored"), ("in/*.parquet", "in/sub"), ("in/*.parquet", "in/out.csv")],
)
def test_an_output_that_no_run_reads(tmp_path, model, score, source, target):
    (tmp_path / "in").mkdir()
    write(table_of(), tmp_path / "in" / "a.parquet")
    for _ in range(2):
        assert score(model, tmp_path / source, tmp_path / target, overwrite=True).rows == 6


def test_text_that_is_no_utf8_is_placed(tmp_path, model, score):
    lines = [f"30,40,pro,{ROW['ts']}\n".encode()] * 5000
    lines[4321] = f"30,40,pr\xf6,{ROW['ts']}\n".encode("latin-1")
    (tmp_path / "in.csv").write_bytes(b"age,hours-per-week,plan,ts\n" + b"".join(lines))
    says = "in.csv, row 4322, column `plan`: the text is no UTF-8\n  hint: save the file as UTF-8"
    with pytest.raises(DataError, match=re.escape(says)):
        score(model, tmp_path / "in.csv", tmp_path / "out.csv")


def test_column_names_that_are_no_utf8(tmp_path, model, score):
    (tmp_path / "in.csv").write_bytes("age,h\xf6rs\n1,2\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"in\.csv: the line of column names is no UTF-8"):
        score(model, tmp_path / "in.csv", tmp_path / "out.csv")


@pytest.mark.parametrize(("delimiter", "word"), [(";", "semicolons"), ("\t", "tabs")])
def test_another_delimiter_is_told(tmp_path, model, score, delimiter, word):
    pc.write_csv(table_of(), tmp_path / "in.csv", pc.WriteOptions(delimiter=delimiter))
    with pytest.raises(DataError, match=f"hint: its columns are separated by {word}: write commas"):
        score(model, tmp_path / "in.csv", tmp_path / "out.csv")
