import subprocess
import sys

import pyarrow as pa
import pytest

from mlconfig.builtin.source_csv import CsvSource
from mlconfig.contracts.plugin import Context
from mlconfig.errors import DataError

ROWS = "age,plan,spend\n30,basic,1.5\n41,NULL,\n,pro,2\n"


def source(folder, path="a.csv", **params):
    return CsvSource(CsvSource.Params(path=path, **params), Context(project=folder))


def write(folder, text, name="a.csv"):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def error_of(read):
    with pytest.raises(DataError) as caught:
        read()
    return str(caught.value)


def test_types_are_inferred_and_null_words_are_nulls(tmp_path):
    write(tmp_path, ROWS)
    table = source(tmp_path).read()
    assert table.to_pydict() == {"age": [30, 41, None], "plan": ["basic", None, "pro"], "spend": [1.5, None, 2.0]}
    assert table.schema.field("age").type == pa.int64()


def test_a_type_that_changes_after_the_first_block_is_still_found(tmp_path):
    write(tmp_path, "x,y\n" + "1,2\n" * 400_000 + "1.5,2\n")
    assert source(tmp_path).read().schema.field("x").type == pa.float64()


def test_declared_types_win_over_inferred_ones(tmp_path):
    write(tmp_path, "code,n\n007,1\n008,2\n")
    assert source(tmp_path, columns={"code": "string"}).read()["code"].to_pylist() == ["007", "008"]


def test_a_folder_and_a_glob_are_read_in_the_order_of_names(tmp_path):
    write(tmp_path, "x,y\n2,b\n", "days/2.csv")
    write(tmp_path, "x,y\n1.5,a\n", "days/1.csv")
    assert source(tmp_path, "days").read()["x"].to_pylist() == [1.5, 2.0]
    assert source(tmp_path, "days/*.csv").read()["y"].to_pylist() == ["a", "b"]


def test_the_fingerprint_follows_names_and_content_and_not_the_place(tmp_path):
    write(tmp_path, ROWS, "here/a.csv")
    write(tmp_path, ROWS, "there/a.csv")
    here, there = source(tmp_path / "here").fingerprint(), source(tmp_path / "there").fingerprint()
    assert here == there
    assert here.startswith("sha256:")
    write(tmp_path, ROWS + "1,x,2\n", "there/a.csv")
    assert source(tmp_path / "there").fingerprint() != here


def test_a_missing_file_names_close_ones(tmp_path):
    write(tmp_path, ROWS, "hotel_bookings.csv")
    text = error_of(source(tmp_path, "hotel_booking.csv").fingerprint)
    assert "no such file or folder" in text
    assert f"did you mean {tmp_path}/hotel_bookings.csv?" in text


def test_a_missing_folder_names_the_nearest_there_is(tmp_path):
    assert f"the nearest that does is {tmp_path}" in error_of(source(tmp_path, "data/x/a.csv").read)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty"),
        ("a,b\n", "a header and no rows"),
        ("1,2.5,3\n4,5,6\n", "a.csv:1: the first line holds values, not names: 1, 2.5, 3"),
        ("a;b;c\n1;2;3\n", "the file looks divided by ';': set `delimiter`"),
        ("a,b\n1,2\n1,2,3\n", "Row #3: Expected 2 columns, got 3"),
        ("a,,c\n1,2,3\n", "column 2 has no name"),
        ("a,b,a\n1,2,3\n", "column name given twice: a"),
        (b"a,b\n\xe4,1\n", "set `encoding`, latin-1 for example"),
    ],
)
def test_each_fault_of_a_file_is_told_with_its_place(tmp_path, text, expected):
    write(tmp_path, text)
    message = error_of(source(tmp_path).read)
    assert expected in message
    assert str(tmp_path / "a.csv") in message


def test_a_type_for_a_column_that_is_not_there_names_the_nearest(tmp_path):
    write(tmp_path, ROWS)
    assert "did you mean `plan`?" in error_of(source(tmp_path, columns={"plann": "string"}).read)


def test_other_encodings_and_delimiters(tmp_path):
    write(tmp_path, "stadt;n\nMünchen;1\n".encode("latin-1"))
    assert source(tmp_path, delimiter=";", encoding="latin-1").read()["stadt"].to_pylist() == ["München"]


def test_an_unknown_encoding_is_refused_before_anything_is_read():
    with pytest.raises(ValueError, match="`utf9` is no encoding"):
        CsvSource.Params(path="a.csv", encoding="utf9")


def test_files_that_do_not_fit_together_say_so(tmp_path):
    write(tmp_path, "x,y\n1,2\n", "d/1.csv")
    write(tmp_path, "x,y\nred,2\n", "d/2.csv")
    assert "give the column one type in `columns`" in error_of(source(tmp_path, "d").read)


def test_fingerprints_load_no_heavy_library(tmp_path):
    write(tmp_path, ROWS)
    code = f"""
import sys
from pathlib import Path
from mlconfig.contracts.plugin import Context
from mlconfig.builtin.source_csv import CsvSource
from mlconfig.builtin.source_parquet import ParquetSource
from mlconfig.builtin.source_sklearn_dataset import SklearnDatasetSource
from mlconfig.builtin.source_synthetic import SyntheticSource
context = Context(project=Path({str(tmp_path)!r}))
CsvSource(CsvSource.Params(path="a.csv"), context).fingerprint()
ParquetSource(ParquetSource.Params(path="a.csv"), context).fingerprint()
SklearnDatasetSource(SklearnDatasetSource.Params(name="iris")).fingerprint()
SyntheticSource().fingerprint()
print(sorted({{"pandas", "sklearn", "scipy", "pyarrow"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
