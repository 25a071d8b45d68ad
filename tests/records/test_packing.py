import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlconfig.errors import DataError
from mlconfig.records.packing import NO_TIME, Packing, frame_of, pack_rows, pack_table, take_rows, wall_clock_seconds
from mlconfig.records.signature import Signature, SignatureColumn

PACKING = Packing(("age", "member"), ("plan", "zone"), ("at",))
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 — wall-clock time has no zone
moments = st.integers(-2_208_988_800, 4_102_444_800).map(lambda seconds: EPOCH + timedelta(seconds=seconds))
rows = st.lists(
    st.fixed_dictionaries(
        {
            "age": st.none() | st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6),
            "member": st.none() | st.booleans(),
            "plan": st.none()
            | st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), min_size=1, max_size=5),
            "zone": st.none() | st.integers(0, 99),
            "at": st.none() | moments,
        }
    ),
    min_size=1,
    max_size=8,
)


def same(left, right):
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].dtype == right[name].dtype
        assert np.array_equal(left[name], right[name], equal_nan=name == "num"), name


@settings(max_examples=150, deadline=None)
@given(rows, st.sampled_from(["float32", "float64"]))
def test_json_and_arrow_and_csv_pack_to_the_same_values(rows, precision):
    """What a value is written as makes no difference."""
    floats = [None if row["age"] is None else float(row["age"]) for row in rows]
    table = pa.table(
        {
            "age": pa.array(floats, pa.float64()),
            "member": pa.array([row["member"] for row in rows], pa.bool_()),
            "plan": pa.array([row["plan"] for row in rows], pa.string()).dictionary_encode(),
            "zone": pa.array([row["zone"] for row in rows], pa.int64()),
            "at": pa.array([row["at"] for row in rows], pa.timestamp("ms")),
        }
    )
    packed = pack_table(table, PACKING, "UTC", precision)
    listed = [row | {"at": row["at"] and row["at"].isoformat()} for row in rows]
    same(packed, pack_rows(json.loads(json.dumps(listed)), PACKING, "UTC", precision))
    text = io.StringIO()
    writer = csv.DictWriter(
        text, list(PACKING.names), quoting=csv.QUOTE_NOTNULL if hasattr(csv, "QUOTE_NOTNULL") else 1
    )
    writer.writeheader()
    known = [row for row in listed if None not in row.values()]
    if known:
        writer.writerows(known)
        read = pa.csv.read_csv(
            io.BytesIO(text.getvalue().encode()),
            convert_options=pa.csv.ConvertOptions(column_types={"plan": pa.string()}),
        )
        same(pack_rows(known, PACKING, "UTC", precision), pack_table(read, PACKING, "UTC", precision))


def test_missing_values_have_one_spelling_each():
    feeds = pack_rows([{}], PACKING)
    assert np.isnan(feeds["num"]).all()
    assert feeds["cat"].tolist() == [["__null__", "__null__"]]
    assert feeds["time"].tolist() == [[NO_TIME]]
    assert [feeds[name].dtype for name in ("num", "cat", "time")] == [np.float32, object, np.int64]


def test_numbers_and_booleans_written_as_text_are_read():
    table = pa.table({"age": ["3.5", "", "true", None], "member": [True, False, None, True]})
    feeds = pack_table(table, Packing(("age", "member")))
    assert np.array_equal(feeds["num"], np.asarray([[3.5, 1], [np.nan, 0], [1, np.nan], [np.nan, 1]]), equal_nan=True)


def test_categories_of_numbers_are_written_as_in_json():
    packing = Packing(categorical=("c",))
    for values in ([3, None], [3.0, None], [Decimal(3), None], ["3", None]):
        assert pack_table(pa.table({"c": values}), packing)["cat"].tolist() == [["3"], ["__null__"]]
    assert pack_table(pa.table({"c": [True, False]}), packing)["cat"].tolist() == [["true"], ["false"]]
    assert pack_rows([{"c": 1.5}, {"c": "x"}, {"c": True}], packing)["cat"].tolist() == [["1.5"], ["x"], ["true"]]


def test_dictionaries_pack_as_their_values_do_also_where_they_hold_nulls_or_numbers():
    packing = Packing(("n",), ("c", "d"))
    words = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 2], pa.int8()), pa.array(["x", None, "y"]))
    numbers = pa.array([3.0, None, 2.5, 3.0]).dictionary_encode()
    coded = pa.table({"n": numbers, "c": words, "d": numbers})
    plain = pa.table({name: coded[name].combine_chunks().dictionary_decode() for name in coded.column_names})
    same(pack_table(coded, packing), pack_table(plain, packing))
    assert pack_table(coded, packing)["cat"].tolist() == [["x", "3"], ["__null__"] * 2, ["__null__", "2.5"], ["y", "3"]]
    assert pack_table(coded.slice(0, 0), packing)["cat"].shape == (0, 2)


def test_an_empty_group_is_no_input_and_no_rows_are_no_rows():
    table = pa.table({"age": pa.array([], pa.float64())})
    assert {name: block.shape for name, block in pack_table(table, Packing(("age",))).items()} == {"num": (0, 1)}


@pytest.mark.parametrize(
    ("column", "packing", "message"),
    [
        (["1", "x"], Packing(("c",)), "column `c`: the text in row 2 is no number"),
        ([[1]], Packing(("c",)), "column `c`: a column of type list.* holds no numbers"),
        ([[1]], Packing(categorical=("c",)), "column `c`: a column of type list.* holds no categories"),
        (["2020-13-01"], Packing(timestamp=("c",)), "column `c`, row 1: this text is no time in ISO 8601"),
        ([True], Packing(timestamp=("c",)), "column `c`: a column of type bool holds no time"),
        ([1], Packing(("d",)), "the rows lack `d`"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place_and_without_the_value(column, packing, message):
    with pytest.raises(DataError, match=message) as caught:
        pack_table(pa.table({"c": column}), packing)
    assert "2020-13" not in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(moments, st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"]))
def test_every_spelling_of_a_moment_shows_the_same_wall_clock(moment, name):
    """A timestamp with a zone, ISO text with an offset, and seconds since 1970 agree, as Python's zoneinfo reads them."""
    aware = moment.replace(tzinfo=UTC)
    seconds = int(aware.timestamp())
    local = aware.astimezone(ZoneInfo(name)).replace(tzinfo=None)
    expected = (local.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    spellings = [
        pa.array([aware], pa.timestamp("us", tz="America/Lima")),
        pa.array([aware.isoformat()]),
        pa.array([aware.astimezone(ZoneInfo("Asia/Tokyo")).isoformat()]),
        pa.array([seconds]),
        pa.array([float(seconds)]),
        pa.array([local], pa.timestamp("ns")),
        pa.array([local.isoformat()]),
    ]
    if seconds >= 10**9:
        spellings += [pa.array([seconds * 1000]), pa.array([seconds * 10**6]), pa.array([seconds * 10**9])]
    assert {int(wall_clock_seconds(each, name)[0]) for each in spellings} == {expected}


def test_dates_are_midnights_and_fractions_are_cut_off_downwards():
    assert wall_clock_seconds(pa.array([date(1970, 1, 2), None]), "Asia/Tokyo").tolist() == [86_400, NO_TIME]
    assert wall_clock_seconds(pa.array(["1969-12-31T23:59:59.5"]), "UTC").tolist() == [-1]
    assert wall_clock_seconds(pa.array([-0.5, float("nan")]), "UTC").tolist() == [-1, NO_TIME]
    assert wall_clock_seconds(pa.array([-500], pa.timestamp("ms")), "UTC").tolist() == [-1]


def test_a_signature_and_its_frame_are_in_the_packed_order():
    columns = [("c", "categorical"), ("b", "boolean"), ("t", "timestamp"), ("n", "numeric")]
    signature = Signature(
        name="m", task="binary", target="y",
        columns=(
            *(SignatureColumn(name=name, kind=kind) for name, kind in columns),
            SignatureColumn(name="id", kind="numeric", role="context"),
        ),
    )  # fmt: skip
    packing = Packing.of(signature)
    assert packing == Packing(("b", "n"), ("c",), ("t",))
    feeds = pack_rows([{"c": "x", "b": True, "t": "2020-01-01", "n": 1}, {}], packing)
    frame = frame_of(feeds, packing)
    assert list(frame.columns) == list(packing.names)
    assert [str(kind) for kind in frame.dtypes] == ["float32", "float32", "object", "int64"]
    assert take_rows(feeds, slice(1, 2))["cat"].tolist() == [["__null__"]]
