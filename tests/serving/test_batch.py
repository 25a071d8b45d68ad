"""Scoring files: what comes out, whatever the input is and however it is cut, and what is refused."""

import asyncio
import datetime as dt
import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlconfig.contracts import WireRequest
from mlconfig.errors import DataError
from mlconfig.serving.batch import csv_units, parquet_units
from mlconfig.serving.batch.pool import Pool
from mlconfig.serving.batch.unit import Model
from mlconfig.serving.predictor import Predictor

TABLE = pa.table({
    "id": ["007", "008", "009", "010"],
    "age": pa.array([30, None, 41, 50], pa.int64()),
    "hours-per-week": [40.5, 20.0, 10.0, 0.0],
    "plan": ["pro", None, "unseen", "basic"],
    "day": [dt.date(2026, 1, 1)] * 4,
})  # fmt: skip
ANSWERS = ["prediction", "probability", "version"]


def write(table, file):
    pq.write_table(table, file, row_group_size=150) if file.suffix == ".parquet" else pc.write_csv(table, file)
    return file


def read(file):
    if file.is_dir():
        return pq.read_table(file)
    return pq.read_table(file) if file.suffix == ".parquet" else pc.read_csv(file)


def many(rows, seed=0):
    """Rows with text that repeats, text that does not, and commas, quotes and newlines in it."""
    rng = np.random.default_rng(seed)
    return pa.table({
        "id": [f'no "{row}",\n of {rows}' if row % 7 == 0 else str(row) for row in range(rows)],
        "age": pa.array([None if row % 11 == 0 else float(row % 90) for row in range(rows)]),
        "hours-per-week": rng.normal(40, 9, rows),
        "plan": [("basic", "pro", "team", None, "unseen")[place] for place in rng.integers(0, 5, rows)],
    })  # fmt: skip


@pytest.fixture
def small_units(monkeypatch):
    """Units of about a hundred rows."""
    monkeypatch.setattr(parquet_units, "UNIT_ROWS", 100)
    monkeypatch.setattr(parquet_units, "BLOCK_ROWS", 30)
    monkeypatch.setattr(csv_units, "BLOCK_ROWS", 30)
    monkeypatch.setattr(csv_units, "UNIT_BYTES", 2000)
    monkeypatch.setattr(csv_units, "_WINDOW", 700)


def test_parquet_keeps_its_columns_and_gets_answers(tmp_path, make_model, score):
    model, file = make_model(), write(TABLE, tmp_path / "in.parquet")
    result = score(model, file, tmp_path / "out.parquet")
    out = pq.read_table(tmp_path / "out.parquet")
    assert (result.rows, result.parts, out.column_names) == (4, 1, [*TABLE.column_names, *ANSWERS])
    assert out.select(TABLE.column_names).equals(TABLE)
    assert [field.type for field in out.schema][-3:] == [pa.string(), pa.float64(), pa.string()]
    feeds = {"num": np.array([[30, 40.5], [np.nan, 20], [41, 10], [50, 0]]),
             "cat": np.array([["pro"], ["__null__"], ["unseen"], ["basic"]], object)}  # fmt: skip
    expected = Predictor.load(model.folder, model.sha256).run(feeds)
    assert out.column("prediction").to_pylist() == expected.labels
    assert out.column("probability").to_pylist() == expected.scores.tolist()
    assert out.column("version").to_pylist() == ["1"] * 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "out.parquet", "versions"]


def test_csv_in_and_out_is_the_same_and_keeps_other_columns_verbatim(tmp_path, make_model, score):
    model = make_model()
    score(model, write(TABLE, tmp_path / "in.parquet"), tmp_path / "out.parquet")
    score(model, write(TABLE, tmp_path / "in.csv"), tmp_path / "out.csv")
    out = pc.read_csv(tmp_path / "out.csv", convert_options=pc.ConvertOptions(column_types={"id": pa.string()}))
    assert out.column("id").to_pylist() == ["007", "008", "009", "010"]
    assert out.column("day").to_pylist() == TABLE.column("day").to_pylist()
    for name in ("prediction", "probability"):
        assert out.column(name).to_pylist() == pq.read_table(tmp_path / "out.parquet").column(name).to_pylist()


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize("target", ["out.parquet", "out.csv", "out"])
def test_units_do_not_matter(tmp_path, make_model, score, monkeypatch, suffix, target, request):
    model, file = make_model(), write(many(1000), tmp_path / f"in{suffix}")
    assert score(model, file, tmp_path / f"whole-{target}").parts == 1
    request.getfixturevalue("small_units")
    result = score(model, file, tmp_path / target)
    assert (result.rows, result.parts > 5) == (1000, True)
    assert read(tmp_path / target).equals(read(tmp_path / f"whole-{target}"))
    assert read(tmp_path / target).column("id").to_pylist() == many(1000).column("id").to_pylist()


def test_row_groups_are_put_together_and_large_ones_are_cut(tmp_path, make_model, score, small_units):
    model, file = make_model(), tmp_path / "in.parquet"
    pq.write_table(many(1000), file, row_group_size=7)
    assert 6 < score(model, file, tmp_path / "a.parquet").parts < 20
    pq.write_table(many(1000), file, row_group_size=450)
    assert score(model, file, tmp_path / "b.parquet").parts == 9
    assert read(tmp_path / "a.parquet").equals(read(tmp_path / "b.parquet"))


def test_a_csv_file_with_stray_quotes_is_one_unit(tmp_path, small_units):
    rows = "".join(f'{row},a 5" pipe\n' for row in range(1000))
    (tmp_path / "in.csv").write_text("a,b\n" + rows)
    assert len(csv_units._bounds(np.memmap(tmp_path / "in.csv", np.uint8, "r"))) == 2


def test_a_folder_or_glob_is_its_files_in_order(tmp_path, make_model, score):
    model, folder = make_model(), tmp_path / "in"
    (folder / "below").mkdir(parents=True)
    write(many(50, 1), folder / "b.parquet")
    write(many(60, 2), folder / "below" / "a.parquet")
    write(many(40, 3).drop_columns(["id"]), folder / "c.parquet")
    (folder / "_SUCCESS").touch()
    (folder / ".hidden.parquet").write_text("no")
    score(model, folder, tmp_path / "out.parquet")
    expected = [*many(50, 1)["id"].to_pylist(), *many(60, 2)["id"].to_pylist(), *[None] * 40]
    assert pq.read_table(tmp_path / "out.parquet").column("id").to_pylist() == expected
    assert score(model, folder / "*.parquet", tmp_path / "top").rows == 90
    listed = json.loads((tmp_path / "top" / "_SUCCESS").read_text())
    assert [part["rows"] for part in listed["parts"]] == [50, 40]
    assert listed["model"] == {"version": "1", "sha256": model.sha256}
    assert sorted(path.name for path in (tmp_path / "top").iterdir()) == [
        "_SUCCESS",
        "part-00000.parquet",
        "part-00001.parquet",
    ]


def test_several_processes_give_the_same(tmp_path, make_model, score, monkeypatch):
    monkeypatch.setattr(csv_units, "UNIT_BYTES", 2000)  # not the rows of a block: how many go through a model at once
    monkeypatch.setattr(csv_units, "_WINDOW", 700)  # may change the last bit, and other processes see no patch
    model, file = make_model("multiclass"), write(many(3000), tmp_path / "in.csv")
    score(model, file, tmp_path / "one.parquet")
    with Pool(2) as pool:
        result = score(model, file, tmp_path / "two.parquet", pool)
    assert result.rows == 3000
    assert read(tmp_path / "one.parquet").equals(read(tmp_path / "two.parquet"))


def test_what_is_kept(tmp_path, make_model, score):
    model = make_model()
    file = write(TABLE.append_column("customer", pa.array([1, 2, 3, 4])), tmp_path / "in.parquet")
    for keep, names in {
        "all": [*TABLE.column_names, "customer"],
        "none": [],
        "key": ["customer"],
        "day,id": ["day", "id"],
    }.items():
        score(model, file, tmp_path / "out.parquet", keep=keep.split(","), overwrite=True)
        assert pq.read_table(tmp_path / "out.parquet").column_names == [*names, *ANSWERS]
    with pytest.raises(DataError, match="there is no column `dya` to keep\n  hint: did you mean `day` for `dya`"):
        score(model, file, tmp_path / "out.parquet", keep=["dya"], overwrite=True)


def test_several_classes_have_a_probability_each(tmp_path, make_model, score):
    score(make_model("multiclass"), write(TABLE, tmp_path / "in.parquet"), tmp_path / "out.parquet")
    out = pq.read_table(tmp_path / "out.parquet")
    each = [f"probability_{number}" for number in (1, 2, 3)]
    assert out.column_names[5:] == ["prediction", "probability", *each, "version"]
    assert out.schema.field("prediction").type == pa.int64()
    for row in out.to_pylist():
        assert row["probability"] == row[f"probability_{row['prediction']}"] == max(row[name] for name in each)


def test_a_regression_has_no_probability(tmp_path, make_model, score):
    score(make_model("regression"), write(TABLE, tmp_path / "in.parquet"), tmp_path / "out.parquet")
    out = pq.read_table(tmp_path / "out.parquet")
    assert out.column_names == [*TABLE.column_names, "prediction", "version"]
    assert out.schema.field("prediction").type == pa.float64()


def test_types_come_out_as_they_went_in(tmp_path, make_model, score):
    table = TABLE.append_column("at", pa.array([dt.datetime(2026, 1, 1, tzinfo=dt.UTC)] * 4)).append_column(
        "tags", pa.array([["a"], [], None, ["b", "c"]])
    )
    table = table.set_column(3, "plan", TABLE["plan"].dictionary_encode()).append_column(
        "big", TABLE["id"].cast(pa.large_string())
    )
    score(make_model(), write(table, tmp_path / "in.parquet"), tmp_path / "out.parquet")
    out = pq.read_table(tmp_path / "out.parquet")
    assert out.schema.remove_metadata().names[:8] == table.column_names
    assert [out.schema.field(name).type for name in table.column_names] == [field.type for field in table.schema]
    assert out.select(table.column_names).to_pylist() == table.to_pylist()


@pytest.mark.parametrize("source", ["in.parquet", "in.csv"])
@pytest.mark.parametrize("target", ["out.parquet", "out.csv", "out"])
def test_no_rows(tmp_path, make_model, score, source, target):
    result = score(make_model(), write(TABLE.slice(0, 0), tmp_path / source), tmp_path / target)
    out = read(tmp_path / target)
    assert (result.rows, out.num_rows, out.column_names) == (0, 0, [*TABLE.column_names, *ANSWERS])


def wrong(place, name, values):
    return TABLE.set_column(place, name, [values])


@pytest.mark.parametrize(
    ("table", "source", "target", "says"),
    [
        (TABLE.drop_columns(["plan", "age"]), "in.parquet", "o.parquet", "in.parquet: the file lacks `age`, `plan`"),
        (TABLE.rename_columns({"age": "Age"}), "in.csv", "o.csv", "did you mean `Age` for `age`?"),
        (TABLE.append_column("prediction", TABLE["age"]), "in.parquet", "o.parquet", "has a column `prediction` already"),
        (TABLE.append_column("age", TABLE["age"]), "in.csv", "o.csv", "in.csv: column name given twice: `age`"),
        (wrong(1, "age", [0, 0, 1e39, 0]), "in.parquet", "o.csv", "in.parquet, row 3, column `age`: a value is infinite"),
        (wrong(1, "age", [0, 0, 0, float("inf")]), "in.csv", "o", "in.csv, row 4, column `age`: a value is infinite"),
        (wrong(1, "age", ["1", "2", "x", "4"]), "in.csv", "o.csv", "in.csv, row 3, column `age`: the text is no number"),
        (wrong(1, "age", ["1", "2", "x", "4"]), "in.parquet", "o", "in.parquet, row 3, column `age`: the text is no number"),
        (wrong(1, "age", [[1]] * 4), "in.parquet", "o.csv", "in.parquet, column `age`: a column of type list<"),
        (TABLE, "in.parquet", "o.xlsx", "`.xlsx` is no kind of file that can be scored"),
        (TABLE, "in.parquet", "no/o.csv", "the result cannot be written: No such file or directory"),
        (TABLE, "in.parquet", "in.parquet", "the output is one of the input's files"),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_leaves_no_file(tmp_path, make_model, score, small_units, table, source, target, says):
    model = make_model()
    if len(set(table.column_names)) < table.num_columns:
        (tmp_path / source).write_text("age,age\n1,2\n")
    else:
        write(table, tmp_path / source)
    with pytest.raises(DataError, match=re.escape(says)):
        score(model, tmp_path / source, tmp_path / target)
    assert sorted(path.name for path in tmp_path.iterdir()) == [source, "versions"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("in.csv", b"", "in.csv: the file is empty: it has not even a line of column names"),
        ("in.csv", b"age,hours-per-week,plan\n1,2,a\n1,2\n", "in.csv, row 2: expected 3 columns, got 2"),
        ("in.csv", b"age,hours-per-week,plan\n1,2,\xff\xfe\n", "in.csv, row 1, column `plan`: the text is no UTF-8"),
        ("in.csv", b"age,hours-per-week,plan\r1,2,a\r", "in.csv: its lines end with a carriage return alone"),
        ("in.parquet", b"", "in.parquet: the file is empty"),
        ("in.parquet", b"PAR1 not really PAR1", "in.parquet: the file cannot be read:"),
        ("in.xlsx", b"x", "`.xlsx` is no kind of file that can be scored"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path, make_model, score, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=re.escape(says)):
        score(make_model(), tmp_path / name, tmp_path / "out.csv")


def test_a_place_with_nothing_in_it(tmp_path, make_model, score):
    model = make_model()
    write(TABLE, tmp_path / "rows.csv")
    with pytest.raises(DataError, match=r"no such file or folder\n  hint: did you mean .*/rows.csv\?"):
        score(model, tmp_path / "row.csv", tmp_path / "o.csv")
    with pytest.raises(DataError, match="no file matches"):
        score(model, tmp_path / "*.parquet", tmp_path / "o.csv")
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match=r"the folder holds no \.csv or \.parquet file"):
        score(model, tmp_path / "in", tmp_path / "o.csv")
    write(TABLE, tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r"files of several kinds: .csv, .parquet"):
        score(model, tmp_path / "r*", tmp_path / "o.csv")


def test_the_row_of_a_fault_is_counted_over_units(tmp_path, make_model, score, small_units):
    table = many(1000)
    ages = table["age"].cast(pa.string()).to_pylist()
    ages[777] = "x"
    bad = table.set_column(1, "age", [ages])
    for name, says in (("in.csv", "no number"), ("in.parquet", "no number")):
        with pytest.raises(DataError, match=f"{name}, row 778, column `age`: the text is {says}"):
            score(make_model(version=name), write(bad, tmp_path / name), tmp_path / "o.csv")


@pytest.mark.parametrize("target", ["out.csv", "out"])
def test_an_output_that_exists_is_replaced_only_when_asked(tmp_path, make_model, score, target):
    model, file = make_model(), write(TABLE, tmp_path / "in.parquet")
    score(model, file, tmp_path / target)
    with pytest.raises(DataError, match="the output exists\n  hint: --overwrite replaces it"):
        score(model, file, tmp_path / target)
    score(model, write(TABLE.slice(2), tmp_path / "in.parquet"), tmp_path / target, overwrite=True)
    assert read(tmp_path / target).num_rows == 2


def test_no_folder_is_replaced_that_is_not_ours_or_holds_the_input(tmp_path, make_model, score):
    model, folder = make_model(), tmp_path / "in"
    folder.mkdir()
    write(TABLE, folder / "a.parquet")
    with pytest.raises(DataError, match="the output folder holds the input"):
        score(model, folder, folder, overwrite=True)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "x").touch()
    with pytest.raises(DataError, match="was not written by a batch"):
        score(model, folder, tmp_path / "theirs", overwrite=True)
    (tmp_path / "empty").mkdir()
    assert score(model, folder, tmp_path / "empty").rows == 4


def test_a_disk_that_is_full_is_told(tmp_path, make_model, score, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlconfig.serving.batch.score.write_part", full)
    model, file = make_model(), write(TABLE, tmp_path / "in.parquet")
    with pytest.raises(
        DataError, match="the result cannot be written: No space left on device\n  hint: free some space"
    ):
        score(model, file, tmp_path / "out.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "versions"]


rows = st.lists(
    st.fixed_dictionaries({
        "age": st.none() | st.floats(-1e6, 1e6) | st.integers(-1000, 1000),
        "hours-per-week": st.floats(-1e6, 1e6),
        "plan": st.none() | st.sampled_from(["basic", "pro", "team"]) | st.text(max_size=5).filter(str.isprintable),
    }),
    min_size=1, max_size=12,
)  # fmt: skip


@pytest.fixture
def online(make_service, tmp_path):
    """The version that answers at an endpoint, and its answers to rows of JSON."""
    service = make_service()

    def ask(rows):
        answer = asyncio.run(service.predict("mlconfig", WireRequest("predict", json.dumps({"rows": rows}).encode())))
        return [
            (each["prediction"], np.float32(each["probability"])) for each in json.loads(answer.body)["predictions"]
        ]

    champion = service.state.table.champion
    return Model(tmp_path / champion.folder, champion.artifact_sha256, champion.version), ask


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows)
def test_a_batch_answers_what_the_endpoint_answers(tmp_path_factory, online, score, rows):
    """Row for row and bit for bit: requests are packed by ``RowPacker``, files by ``pack_table``."""
    model, ask = online
    folder = tmp_path_factory.mktemp("online")
    schema = pa.schema([("age", pa.float64()), ("hours-per-week", pa.float64()), ("plan", pa.string())])
    write(pa.Table.from_pylist(rows, schema), folder / "in.parquet")
    score(model, folder / "in.parquet", folder / "out.parquet")
    found = pq.read_table(folder / "out.parquet").to_pylist()
    assert [(row["prediction"], np.float32(row["probability"])) for row in found] == ask(rows)
