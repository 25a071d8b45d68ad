"""Files that a person hands over, read in a process that has loaded nothing else of Arrow."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from mlconfig.engine.rows import read_rows
from mlconfig.errors import DataError

READ = "import sys, pathlib; from mlconfig.engine.rows import read_rows; print(read_rows(pathlib.Path(sys.argv[1])).num_rows)"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_fresh_process_reads_it(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"labels.{ending}"
    if ending == "csv":
        file.write_text("prediction_id,label\na-1,1\na-2,0\n")
    else:
        parquet.write_table(pa.table({"prediction_id": ["a-1", "a-2"], "label": [1, 0]}), file)
    done = subprocess.run([sys.executable, "-c", READ, str(file)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("2\n", "")


def test_what_cannot_be_read_is_told_with_its_place(tmp_path: Path) -> None:
    empty = tmp_path / "labels.csv"
    empty.write_text("")
    with pytest.raises(DataError, match="cannot be read: Empty CSV file"):
        read_rows(empty)
    with pytest.raises(DataError, match=r"`.txt` is neither .csv nor .parquet"):
        read_rows(tmp_path / "labels.txt")
