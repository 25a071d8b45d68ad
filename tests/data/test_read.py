from datetime import UTC, datetime

import pyarrow as pa
import pytest

from mlconfig.contracts.source import Source
from mlconfig.data.read import read_table
from mlconfig.errors import DataError
from mlconfig.records.columns import EVENT_TIME
from mlconfig.sections.data import Data


class TableSource(Source):
    """A source of a table at hand."""

    def __init__(self, table):
        super().__init__()
        self.table = table

    def fingerprint(self):
        return "table"

    def read(self):
        return self.table


def read(columns, zone="UTC", **data):
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    return read_table(TableSource(table), Data.model_validate({"source": "csv", "target": "y", **data}), zone)


def error_of(columns, **data):
    with pytest.raises(DataError) as caught:
        read(columns, **data)
    return str(caught.value)


def test_rows_without_a_target_are_left_out_with_a_notice():
    table, notices = read({"x": [1, 2, 3], "y": [0.5, float("nan"), None]})
    assert table["x"].to_pylist() == [1]
    assert notices == ("2 of 3 rows have no `y` and are left out",)


def test_only_the_period_is_read_and_timeless_rows_are_told():
    days = ["2024-01-01", "2024-01-02", None]
    table, notices = read({"t": days, "y": [1, 2, 3]}, event_time="t", period={"until": "2024-01-02"})
    assert table["y"].to_pylist() == [1]
    assert EVENT_TIME in table.column_names
    assert notices == ("1 of 3 rows have no event time and are left out",)


def test_types_are_plain():
    table, _ = read({
        "d": pa.array(["a", "b"]).dictionary_encode(), "i": pa.array([1, 2], pa.int8()), "f": pa.array([1.5, 2], pa.float32()),
        "u": pa.array([1, 2**64 - 1], pa.uint64()), "s": pa.array(["a", None], pa.large_string()), "y": [True, False],
    })  # fmt: skip
    assert [str(field.type) for field in table.schema] == ["string", "int64", "double", "double", "string", "bool"]


def test_times_become_what_clocks_show_in_the_time_zone():
    noon = datetime(2024, 7, 1, 12, tzinfo=UTC)
    columns = {"a": pa.array([noon], pa.timestamp("us", tz="UTC")), "b": ["2024-07-01T14:00:00"], "y": [1]}
    table, _ = read(columns, "Europe/Berlin")
    assert table["a"].to_pylist() == table["b"].to_pylist() == [datetime.fromisoformat("2024-07-01T14:00")]


def test_each_missing_column_is_told_with_its_key_and_the_nearest_names():
    assert "data.target: the data has no column `y`\n  hint: did you mean `yy`?" in error_of({"yy": [1]})
    assert "data.key: the data has no column `idd`" in error_of({"id": [1], "y": [1]}, key="idd")
    text = error_of({"id": [1], "y": [1]}, split={"by": "group", "column": "grp"})
    assert "data.split.column: the data has no column `grp`" in text


@pytest.mark.parametrize(
    ("columns", "data", "expected"),
    [
        ({"x": [1], "y": pa.array([None], pa.int64())}, {}, "no row has a value of the target `y`"),
        ({EVENT_TIME: [1.0], "y": [1]}, {}, "is a column of ours"),
        ({"x": [1], "y": [1]}, {"period": {"until": "2024-01-01"}}, "`period` needs `data.event_time`"),
        (
            {"t": ["2024-05-01", "2024-06-01"], "y": [1, 0]},
            {"event_time": "t", "period": {"until": "2024-01-01"}},
            "the data spans 2024-05-01T00:00:00Z to 2024-06-01T00:00:00Z",
        ),
        (pa.table([[1], [2], [3]], names=["x", "x", "y"]), {}, "column name given twice: x"),
        ({"x": [1], "": [2], "y": [1]}, {}, "column 2 has no name"),
    ],
)
def test_what_cannot_be_learned_from_is_told(columns, data, expected):
    assert expected in error_of(columns, **data)
