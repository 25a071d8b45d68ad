import time

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from mlconfig.data.fingerprint import table_digest

ROWS = st.lists(
    st.tuples(st.none() | st.integers(-(2**60), 2**60), st.none() | st.text(max_size=5), st.none() | st.booleans()),
    max_size=30,
)


def table(rows):
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    types = (pa.int64(), pa.string(), pa.bool_())
    return pa.table(
        [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)], names=["i", "s", "b"]
    )


@given(ROWS, st.integers(0, 30), st.integers(0, 30))
def test_chunks_do_not_matter(rows, first, second):
    whole = table(rows)
    parts = [whole.slice(0, first), whole.slice(first, second), whole.slice(first + second)]
    assert table_digest(pa.concat_tables(parts)) == table_digest(whole)


@given(ROWS, ROWS)
def test_equal_digests_mean_equal_tables(one, other):
    assert (table_digest(table(one)) == table_digest(table(other))) == (one == other)


def test_order_names_and_types_matter():
    base = pa.table({"a": [1, 2], "b": [3, 4]})
    others = [
        base.take([1, 0]), base.select(["b", "a"]), base.rename_columns(["a", "c"]), pa.table({"a": [1.0, 2.0], "b": [3, 4]}),
        pa.table({"a": [1, None], "b": [3, 4]}), pa.table({"a": [1, 0], "b": [3, 4]}),
    ]  # fmt: skip
    assert len({table_digest(other) for other in [base, *others]}) == 7


def test_text_is_not_confused_by_where_it_is_cut():
    assert table_digest(pa.table({"a": ["ab", "c"]})) != table_digest(pa.table({"a": ["a", "bc"]}))


def test_it_is_fast():
    r = np.random.default_rng(0)
    big = pa.table({f"x{i}": r.random(500_000) for i in range(10)})
    started = time.process_time()
    table_digest(big)
    assert big.nbytes / (time.process_time() - started) > 200e6
