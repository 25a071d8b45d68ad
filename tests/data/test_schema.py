import numpy as np
import pyarrow as pa
import pytest

from mlconfig.data.schema import check_schema, enforce, infer_schema, schema_notices
from mlconfig.errors import DataError

ROWS = 2000


def people(rows=ROWS):
    r = np.random.default_rng(0)
    return pa.table({
        "id": np.arange(rows) + 1000, "code": r.permutation(rows) * 7, "uuid": [f"u{i}" for i in range(rows)],
        "age": r.integers(18, 60, rows), "flag": r.integers(0, 2, rows), "spend": r.random(rows),
        "plan": np.where(r.random(rows) < 0.7, "basic", "pro"), "active": r.random(rows) < 0.5,
        "day": ["2024-01-01" if i % 2 else "2024-02-01T10:00:00" for i in range(rows)],
        "empty": pa.nulls(rows), "blank": pa.nulls(rows, pa.string()), "one": ["x"] * rows,
        "list": [[1]] * rows, "y": np.arange(rows),
    })  # fmt: skip


def test_kinds_follow_the_data():
    schema = infer_schema(people(), target="y")
    kinds = {column.name: column.kind for column in schema.columns}
    assert kinds == {
        "id": "numeric", "code": "numeric", "uuid": "categorical", "age": "numeric", "flag": "numeric", "spend": "numeric",
        "plan": "categorical", "active": "boolean", "day": "timestamp", "empty": None, "blank": "categorical",
        "one": "categorical", "list": None, "y": "numeric",
    }  # fmt: skip


def test_ids_are_marked_and_the_target_never():
    assert [c.name for c in infer_schema(people(), target="y").columns if c.id_like] == ["id", "code", "uuid"]
    assert not any(column.id_like for column in infer_schema(people(40), target="y").columns)


def test_figures_of_a_column():
    schema = infer_schema(
        pa.table({"p": ["b", "a", "b", None, "c"], "n": [3, 1, None, 2, 2], "y": [1] * 5}), target="y"
    )
    plan, number = schema.column("p"), schema.column("n")
    assert (plan.categories, plan.distinct, plan.nulls, plan.nullable) == (("b", "a", "c"), 3, 1, True)
    assert (number.minimum, number.maximum, number.distinct) == (1.0, 3.0, 3)


def test_notices_name_columns_of_little_use():
    notices = schema_notices(infer_schema(people(), target="y"))
    assert "`one` is constant" in notices
    assert "`blank` is empty" in notices
    assert "`list` is of type list<item: int64>, which no kind of feature fits" in notices
    assert "`uuid` looks like an id: 2000 different values in 2000 rows" in notices


def test_the_schema_survives_json():
    schema = infer_schema(people(), target="y")
    assert type(schema).model_validate_json(schema.model_dump_json()) == schema


def test_the_data_it_was_made_from_keeps_to_it():
    table = people()
    assert check_schema(table, infer_schema(table, target="y")) == ()


def test_breaches_are_told_and_growth_is_none():
    frozen = infer_schema(pa.table({"n": [1, 2], "p": ["a", "b"], "b": [True, False], "q": [1.0, None]}), target="n")
    grown = pa.table({"n": [1.5, 1e9], "p": ["z", "2024-01-01"], "b": [True, True], "q": [None, None], "new": [1, 2]})
    assert check_schema(grown, frozen) == ()
    broken = pa.table({"n": ["1", "x"], "p": [None, "a"], "q": [1.0, 2.0]})
    assert check_schema(broken, frozen) == (
        "column `n` was numeric (int64) and is now string",
        "column `p` had no nulls and now has 1 in 2 rows",
        "column `b` is missing",
    )
    assert check_schema(broken, frozen, columns=["b", "q"]) == ("column `b` is missing",)


def test_a_handful_of_nulls_is_no_breach():
    frozen = infer_schema(pa.table({"n": [1, 2]}), target="y")
    assert check_schema(pa.table({"n": [None] + [1] * 99}), frozen) == ()
    assert check_schema(pa.table({"n": [None, None] + [1] * 98}), frozen)


def test_enforcing_stops_with_all_breaches_or_warns():
    breaches = ("column `a` is missing", "column `b` is missing")
    assert enforce(breaches, "warn") == breaches
    assert enforce((), "stop") == ()
    with pytest.raises(DataError, match="column `a` is missing; column `b` is missing") as caught:
        enforce(breaches, "stop")
    assert "data.on_breach=warn" in caught.value.hint
