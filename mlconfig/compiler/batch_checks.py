"""Checks of ``serving.batch``: forms that there are, their params, and places that do not get in each other's way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from pydantic import ValidationError

from mlconfig.compiler.bench import Bench
from mlconfig.recipe.rule import nearest
from mlconfig.recipe.validate import problems_of
from mlconfig.sections.batch import INPUTS, OUTPUTS, Files, Rows, Table
from mlconfig.vocabulary import Frozen, PluginRef

SUFFIXES = (".csv", ".parquet")


def check_batches(bench: Bench) -> None:
    """Each batch's input and output; no two of them write the same place."""
    serving = bench.recipe.serving
    taken: dict[tuple[str, ...], str] = {}
    for name, batch in serving.batch.items() if serving is not None else ():
        path = f"serving.batch.{name}"
        source = _params(bench, f"{path}.input", batch.input, INPUTS)
        target = _params(bench, f"{path}.output", batch.output, OUTPUTS)
        for side, ref, params in (("input", batch.input, source), ("output", batch.output, target)):
            if isinstance(params, Files):
                _check_suffix(bench, f"{path}.{side}", ref.name, params.path)
        if target is None:
            continue
        place = _place(target)
        if source is not None and place == _place(source):
            bench.problem(f"{path}.output", "it is the input too", "give it another place")
        elif place in taken:
            bench.problem(f"{path}.output", f"the batch `{taken[place]}` writes there too", "give it another place")
        taken.setdefault(place, name)


def _params(bench: Bench, path: str, ref: PluginRef, forms: Mapping[str, type[Frozen]]) -> Frozen | None:
    form = forms.get(ref.name)
    if form is None:
        bench.problem(f"{path}.name", f"a batch reads and writes no `{ref.name}`", nearest(ref.name, forms))
        return None
    try:
        return form.model_validate(dict(ref.params))
    except ValidationError as error:
        bench.problems += problems_of(error, f"{path}.params", bench.recipe.origin, form)
        return None


def _check_suffix(bench: Bench, path: str, form: str, place: str) -> None:
    suffix = PurePath(place).suffix
    if suffix in SUFFIXES and suffix != f".{form}":
        bench.problem(f"{path}.params.path", f"the file's name says {suffix[1:]}, and {form} is asked for")


def _place(params: Frozen) -> tuple[str, ...]:
    """What two of them have in common when they are the same place."""
    if isinstance(params, Files):
        return (str(PurePath(params.path)),)
    assert isinstance(params, Rows | Table)
    return (params.url, params.table or "", getattr(params, "query", None) or "")
