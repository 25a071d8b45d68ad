"""``features: auto`` worked out on the data's schema: which columns the model sees, as what, and through which transforms."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence

from mlconfig.contracts.transform import TransformTags
from mlconfig.errors import DataError
from mlconfig.records.dataset import ColumnSchema, DataSchema, FeatureColumn, FeatureTransform, ResolvedFeatures
from mlconfig.sections.features import ColumnFeatures, Features
from mlconfig.vocabulary import AUTO, FrozenDict, Kind

TagsOf = Callable[[str], TransformTags]

_WHERE = "features"
_CASTS: Mapping[Kind, frozenset[Kind]] = {
    "numeric": frozenset({"numeric", "boolean", "categorical", "timestamp"}),
    "boolean": frozenset({"boolean", "numeric", "categorical"}),
    "categorical": frozenset({"categorical", "numeric", "boolean", "timestamp"}),
    "timestamp": frozenset({"timestamp", "categorical"}),
}
"""What a column found to be of a kind may be declared as."""


def resolve_features(
    features: Features,
    schema: DataSchema,
    tags_of: TagsOf,
    *,
    target: str,
    key: Sequence[str] = (),
    event_time_columns: Sequence[str] = (),
    reserved: Mapping[str, str] | None = None,
) -> ResolvedFeatures:
    """The columns that the model sees, in the schema's order (or that of ``include``), and why others are left out.

    ``include: auto`` takes every column that can be of use. Left out are the target, keys, ids, columns that are constant,
    empty or of no kind, reserved ones, and an event time that stands in one column: it would tell the model when and not
    what. Several columns that make up the event time stay, because month and day may carry a season. A column that is named,
    in ``include`` or under ``columns``, is taken all the same, unless ``exclude`` names it too.

    Args:
        features: the section.
        schema: of the data at first training.
        tags_of: abilities of a transform by name.
        target: never a feature.
        key: columns that name the entity.
        event_time_columns: as the recipe declares them.
        reserved: further columns that are no features unless named, with the reason (``data.split.column``).

    Raises:
        DataError: a name is no column, the target is named, a transform does not take a column's kind, a column ends as
            text, or no column is left.
    """
    _check_names(features, schema, target)
    reasons = _reasons(schema, target, key, event_time_columns, reserved or {})
    named = set(features.columns) | set(() if features.include == AUTO else features.include)
    wanted = [column.name for column in schema.columns] if features.include == AUTO else list(features.include)
    wanted += [name for name in features.columns if name not in wanted]
    left_out = {column.name: "not in `features.include`" for column in schema.columns if column.name not in wanted}
    left_out |= {name: reasons[name] for name in wanted if name in reasons and name not in named}
    left_out |= dict.fromkeys(features.exclude, "excluded by `features.exclude`")
    left_out[target] = reasons[target]
    columns = tuple(_resolve(features, schema, name, tags_of) for name in wanted if name not in left_out)
    if not columns:
        why = "; ".join(f"`{name}`: {reason}" for name, reason in left_out.items())
        raise DataError(f"no column is left for the model ({why})", where=_WHERE, hint="name some in features.include")
    return ResolvedFeatures.model_validate({"columns": columns, "left_out": left_out})


def _check_names(features: Features, schema: DataSchema, target: str) -> None:
    there = [column.name for column in schema.columns]
    places = {"columns": tuple(features.columns), "exclude": features.exclude}
    places["include"] = () if features.include == AUTO else features.include
    for place, names in places.items():
        for name in names:
            if name not in there:
                near = difflib.get_close_matches(name, there, n=3) or there[:8]
                hint = f"did you mean {', '.join(f'`{other}`' for other in near)}?"
                raise DataError(f"the data has no column `{name}`", where=f"{_WHERE}.{place}", hint=hint)
            if name == target and place != "exclude":
                raise DataError(f"`{name}` is the target and can be no feature", where=f"{_WHERE}.{place}")


def _reasons(
    schema: DataSchema, target: str, key: Sequence[str], event_time: Sequence[str], reserved: Mapping[str, str]
) -> dict[str, str]:
    """Why a column is not taken by itself; the strongest reason of each."""
    reasons = {column.name: reason for column in schema.columns if (reason := _useless(column))}
    reasons |= reserved
    if len(event_time) == 1:
        reasons[event_time[0]] = "it is the event time: it tells when, not what; name it to use its parts"
    reasons |= dict.fromkeys(key, "it is the key")
    return reasons | {target: "it is the target"}


def _useless(column: ColumnSchema) -> str:
    if column.nulls == column.rows:
        return "it is empty"
    if column.kind is None:
        return f"no kind of feature fits its type {column.type}"
    if column.id_like:
        return f"it looks like an id ({column.distinct} different values in {column.rows} rows); name it to use it"
    return "it is constant" if column.distinct <= 1 and column.nulls == 0 else ""


def _resolve(features: Features, schema: DataSchema, name: str, tags_of: TagsOf) -> FeatureColumn:
    found = schema.column(name)
    assert found is not None
    declared = features.columns.get(name, ColumnFeatures())
    kind = _kind(found, declared)
    by_kind = features.kinds.get(kind, FrozenDict())
    chain = by_kind if declared.transforms is None else declared.transforms
    nulls_end = _check_chain(name, kind, [(transform, tags_of(transform)) for transform in chain])
    return FeatureColumn(
        name=name,
        kind=kind,
        transforms=tuple(FeatureTransform(name=transform, params=params) for transform, params in chain.items()),
        nullable=found.nullable or nulls_end,
        integer=kind == "numeric" and found.type.startswith(("int", "uint")),
    )


def _kind(found: ColumnSchema, declared: ColumnFeatures) -> Kind:
    where = f"{_WHERE}.columns.{found.name}"
    if found.kind is None:
        raise DataError(f"no kind of feature fits the type {found.type}", where=where, hint="leave it out")
    if declared.kind == AUTO:
        return found.kind
    if declared.kind not in _CASTS[found.kind]:
        raise DataError(f"a {found.kind} column cannot be taken as {declared.kind}", where=where)
    return declared.kind


def _check_chain(name: str, kind: Kind, chain: Sequence[tuple[str, TransformTags]]) -> bool:
    """Refuse a chain that does not fit; tell whether missing values end in it."""
    where, now = f"{_WHERE}.columns.{name}.transforms", kind
    for transform, tags in chain:
        if now not in tags.kinds:
            takes = ", ".join(sorted(tags.kinds))
            raise DataError(f"`{transform}` does not take {now} columns, only {takes}", where=where)
        now = tags.gives or now
    if now not in ("numeric", "boolean"):
        hint = "end with one_hot or ordinal" if now == "categorical" else "end with date_parts"
        raise DataError(
            f"the {kind} column `{name}` reaches the model as {now}, not as numbers", where=where, hint=hint
        )
    return any(not tags.keeps_nulls for _, tags in chain)
