import pytest

from mlconfig.contracts.catalog import Catalog
from mlconfig.errors import DataError
from mlconfig.features.resolve import resolve_features
from mlconfig.records.dataset import ColumnSchema, DataSchema
from mlconfig.sections.features import Features

CATALOG = Catalog()


def column(name, kind="numeric", **changes):
    base = {"type": {"numeric": "int64", "categorical": "string"}.get(kind, "bool"), "nullable": False, "rows": 100}
    return ColumnSchema(name=name, kind=kind, **(base | {"nulls": 0, "distinct": 10} | changes))


SCHEMA = DataSchema(
    columns=(
        column("id", id_like=True, distinct=100),
        column("age"),
        column("plan", "categorical"),
        column("member", "boolean", distinct=2),
        column("at", "timestamp", type="timestamp[us]"),
        column("same", distinct=1),
        column("empty", "categorical", nulls=100, distinct=0, nullable=True),
        column("nested", None, type="list<item: int64>"),
        column("customer", "categorical"),
        column("fold", "categorical", distinct=3),
        column("seldom", nulls=90, distinct=1, nullable=True),
        column("y", "boolean"),
    )
)


def resolve(section="auto", **options):
    features = Features.model_validate({} if section == "auto" else section)
    fixed = {
        "target": "y",
        "key": ("customer",),
        "event_time_columns": ("at",),
        "reserved": {"fold": "it says the split"},
    }
    return resolve_features(features, SCHEMA, lambda name: CATALOG.load("transform", name).tags, **(fixed | options))


def test_auto_takes_what_can_be_of_use_and_says_why_the_rest_is_out():
    resolved = resolve()
    assert [column.name for column in resolved.columns] == ["age", "plan", "member", "seldom"]
    out = resolved.left_out
    assert out["id"] == "it looks like an id (100 different values in 100 rows); name it to use it"
    assert out["at"] == "it is the event time: it tells when, not what; name it to use its parts"
    assert out["same"] == "it is constant"
    assert out["empty"] == "it is empty"
    assert out["nested"] == "no kind of feature fits its type list<item: int64>"
    assert (out["customer"], out["fold"], out["y"]) == ("it is the key", "it says the split", "it is the target")
    assert {column.name for column in SCHEMA.columns} == {column.name for column in resolved.columns} | set(out)


def test_columns_that_make_up_the_event_time_stay():
    resolved = resolve(event_time_columns=("age", "plan"))
    assert {"age", "plan"} <= {column.name for column in resolved.columns}


def test_kinds_come_with_their_transforms():
    by_name = {column.name: column for column in resolve().columns}
    assert [(each.name, dict(each.params)) for each in by_name["plan"].transforms] == [
        ("impute", {"value": "missing"}),
        ("one_hot", {"min_count": 10}),
    ]
    assert by_name["age"].integer
    assert not by_name["member"].integer
    assert by_name["age"].nullable  # imputed, so a request may leave it empty


def test_what_a_chain_passes_on_a_request_must_have_unless_the_data_lacked_it():
    resolved = resolve({"kinds": {"numeric": {"standard_scale": {}}}})
    assert {column.name: column.nullable for column in resolved.columns if column.kind == "numeric"} == {
        "age": False,
        "seldom": True,
    }


def test_named_columns_are_taken_even_if_auto_would_not():
    assert [each.name for each in resolve({"include": ["at", "id"]}).columns] == ["at", "id"]
    taken = [each.name for each in resolve({"columns": {"id": {}}}).columns]
    assert taken == ["id", "age", "plan", "member", "seldom"]
    assert resolve({"include": ["age"]}).left_out["plan"] == "not in `features.include`"


def test_exclude_wins_over_all():
    resolved = resolve({"exclude": ["age", "id"], "columns": {"id": {}}})
    assert [column.name for column in resolved.columns] == ["plan", "member", "seldom"]
    assert resolved.left_out["id"] == "excluded by `features.exclude`"


def test_a_column_may_be_declared_as_another_kind():
    resolved = resolve({"columns": {"age": {"kind": "categorical", "transforms": {"ordinal": {}}}}})
    (age,) = (column for column in resolved.columns if column.name == "age")
    assert (age.kind, age.integer, [each.name for each in age.transforms]) == ("categorical", False, ["ordinal"])


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"include": ["aeg"]}, r"features\.include: the data has no column `aeg`\n  hint: did you mean `age`"),
        ({"exclude": ["planned"]}, r"features\.exclude: the data has no column `planned`\n  hint: did you mean `plan`"),
        (
            {"columns": {"mmber": {}}},
            r"features\.columns: the data has no column `mmber`\n  hint: did you mean `member`",
        ),
        ({"include": ["y"]}, r"features\.include: `y` is the target and can be no feature"),
        ({"columns": {"nested": {}}}, r"features\.columns\.nested: no kind of feature fits the type list"),
        (
            {"columns": {"age": {"transforms": {"one_hot": {}}}}},
            r"`one_hot` does not take numeric columns, only categorical",
        ),
        (
            {"columns": {"plan": {"transforms": {"impute": {}}}}},
            r"`plan` reaches the model as categorical.*\n.*one_hot or ordinal",
        ),
        (
            {"include": ["at"], "kinds": {"timestamp": {}}},
            r"`at` reaches the model as timestamp.*\n.*end with date_parts",
        ),
        ({"columns": {"member": {"kind": "timestamp"}}}, r"a boolean column cannot be taken as timestamp"),
        (
            {"exclude": ["age", "plan", "member", "seldom"]},
            r"no column is left for the model .*`id`: it looks like an id",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_advice(section, message):
    with pytest.raises(DataError, match=message):
        resolve(section)
