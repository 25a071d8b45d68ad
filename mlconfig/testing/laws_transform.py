"""Laws of a transform: a scikit-learn transformer that treats each row by itself, and the same in ONNX."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from mlconfig.contracts import Transform
from mlconfig.testing.law import Law, demand
from mlconfig.testing.samples import frame, later_rows, training_rows
from mlconfig.vocabulary import Kind

Array = np.ndarray[Any, Any]


def laws_for(plugin: Transform) -> list[Law]:
    """All of them; parity where the tags say that it exports."""
    laws: list[Law] = [
        it_builds_an_unfitted_transformer, it_takes_the_kinds_it_declares, it_gives_the_kind_it_declares,
        nulls_end_unless_kept, same_rows_same_output, each_row_stands_for_itself, it_leaves_its_input_alone,
        it_can_be_cloned, fitted_it_can_be_pickled,
    ]  # fmt: skip
    return [*laws, its_onnx_graph_gives_the_same] if plugin.tags.exports_onnx else laws


def _kinds(plugin: Transform) -> list[Kind]:
    return sorted(plugin.tags.kinds)


def _fitted(plugin: Transform, kind: Kind) -> Any:
    return plugin.build().fit(frame(training_rows(kind)))


def _output(transformer: Any, rows: Array) -> Array:
    given = transformer.transform(frame(rows))
    return np.asarray(given.toarray() if hasattr(given, "toarray") else given)


def _same(one: Array, other: Array) -> bool:
    if one.shape != other.shape or one.dtype.kind != other.dtype.kind:
        return False
    return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))


def it_builds_an_unfitted_transformer(plugin: Transform) -> None:
    """``build`` gives a new, unfitted transformer with scikit-learn's API each time."""
    first, second = plugin.build(), plugin.build()
    demand(all(hasattr(first, name) for name in ("fit", "transform", "get_params")), f"{first!r}", "derive it from "
           "sklearn.base.TransformerMixin and BaseEstimator")  # fmt: skip
    demand(first is not second, "build() gave the same object twice", "make a new one in build()")
    learned = sorted(name for name in vars(first) if name.endswith("_") and not name.startswith("_"))
    demand(not learned, f"it has learned state already: {', '.join(learned)}", "learn in fit()")


def it_takes_the_kinds_it_declares(plugin: Transform) -> None:
    """It fits and transforms each kind of its tags, with nulls, levels never seen and extremes: one row in, one row out."""
    for kind in _kinds(plugin):
        transformer = _fitted(plugin, kind)
        for rows in (training_rows(kind), later_rows(kind), later_rows(kind)[:1], later_rows(kind)[:0]):
            shape = _output(transformer, rows).shape
            demand(
                len(shape) == 2 and shape[0] == len(rows) and shape[1] > 0,
                f"{kind}: {rows.shape} became {shape}",
                "give a matrix with as many rows as came in",
            )


def it_gives_the_kind_it_declares(plugin: Transform) -> None:
    """What comes out is of the kind in ``gives`` (null: of the kind that went in); numbers are floats, text is str."""
    for kind in _kinds(plugin):
        given, dtype = plugin.tags.gives or kind, _output(_fitted(plugin, kind), later_rows(kind)).dtype
        wanted = {"categorical": "OU", "timestamp": "i"}.get(given, "f")
        demand(
            dtype.kind in wanted,
            f"{kind} became {dtype}, not {given}",
            "correct `gives` in the tags, or the output's type",
        )


def nulls_end_unless_kept(plugin: Transform) -> None:
    """Unless the tags say ``keeps_nulls``, nothing missing comes out: models without nulls rely on it."""
    if plugin.tags.keeps_nulls:
        return
    for kind in _kinds(plugin):
        given = _output(_fitted(plugin, kind), later_rows(kind))
        missing = np.isnan(given) if given.dtype.kind == "f" else np.isin(given.astype(str), ("__null__", "None"))
        demand(
            not missing.any(),
            f"{kind}: {int(missing.sum())} values are missing",
            "fill them, or declare `keeps_nulls=True`",
        )


def same_rows_same_output(plugin: Transform) -> None:
    """The same rows give the same output: transformed twice, and fitted anew on the same training rows."""
    for kind in _kinds(plugin):
        first, second = _fitted(plugin, kind), _fitted(plugin, kind)
        seen = _output(first, later_rows(kind))
        again = _output(first, later_rows(kind)), _output(second, later_rows(kind))
        demand(
            all(_same(seen, other) for other in again),
            f"{kind}: other values the second time",
            "seed what is random (context.random_state); learn nothing in transform()",
        )


def each_row_stands_for_itself(plugin: Transform) -> None:
    """A row's output does not depend on the rows beside it: serving sees one row where training sees many."""
    for kind in _kinds(plugin):
        transformer, rows = _fitted(plugin, kind), later_rows(kind)
        together = _output(transformer, rows)
        alone = np.concatenate([_output(transformer, rows[place : place + 1]) for place in range(len(rows))])
        demand(_same(together, alone), f"{kind}: one row alone gives other values than in a batch", "learn in fit() all "
               "that is taken from several rows")  # fmt: skip


def it_leaves_its_input_alone(plugin: Transform) -> None:
    """Neither fit nor transform alters the rows it is given."""
    for kind in _kinds(plugin):
        given = frame(training_rows(kind))
        plugin.build().fit(given).transform(given)
        array = training_rows(kind)
        plugin.build().fit(array).transform(array)
        untouched = _same(given.to_numpy(), training_rows(kind)) and _same(array, training_rows(kind))
        demand(untouched, f"{kind}: the rows were altered", "work on a copy: np.where, not X[mask] = …")


def it_can_be_cloned(plugin: Transform) -> None:
    """``sklearn.base.clone`` gives an unfitted one with the same params, which learns the same."""
    from sklearn.base import clone

    for kind in _kinds(plugin):
        original = plugin.build()
        copied = clone(original)
        params = original.get_params(deep=False), copied.get_params(deep=False)
        demand(
            repr(params[0]) == repr(params[1]),
            f"{params[0]} became {params[1]}",
            "store constructor arguments untouched",
        )
        seen = [_output(one.fit(frame(training_rows(kind))), later_rows(kind)) for one in (original, copied)]
        demand(
            _same(seen[0], seen[1]),
            f"{kind}: the clone gives other values",
            "keep settings in constructor arguments alone",
        )


def fitted_it_can_be_pickled(plugin: Transform) -> None:
    """A fitted transformer can be pickled and gives the same afterwards."""
    for kind in _kinds(plugin):
        transformer = _fitted(plugin, kind)
        back = pickle.loads(pickle.dumps(transformer))  # noqa: S301 — made here
        same = _same(_output(transformer, later_rows(kind)), _output(back, later_rows(kind)))
        demand(same, f"{kind}: other values after pickling", "keep all learned state in attributes that can be pickled")


def its_onnx_graph_gives_the_same(plugin: Transform) -> None:
    """With ``exports_onnx``, the graph made of it gives what it gives, row for row, in float32 and in float64."""
    plugin.register_onnx()
    for kind in _kinds(plugin):
        for precision in ("float32", "float64") if kind in ("numeric", "boolean") else ("float32",):
            _check_parity(plugin, kind, precision)


def _check_parity(plugin: Transform, kind: Kind, precision: str) -> None:
    rows, training = later_rows(kind), training_rows(kind)
    if rows.dtype.kind == "f":
        rows, training = rows.astype(precision), training.astype(precision)
    transformer = plugin.build().fit(training)
    wanted, given = _output(transformer, rows), _run_graph(transformer, rows)
    if wanted.dtype.kind == "f":
        tolerance = 1e-5 if precision == "float32" else 1e-9
        near = np.allclose(given.reshape(wanted.shape), wanted, rtol=tolerance, atol=tolerance, equal_nan=True)
    else:
        near = np.array_equal(given.reshape(wanted.shape).astype(str), wanted.astype(str))
    demand(near, f"{kind}, {precision}: the graph gives other values", "write the converter with the same arithmetic, in the "
           "input's precision; NaN and unseen levels included — or declare `exports_onnx=False`")  # fmt: skip


def _run_graph(transformer: Any, rows: Array) -> Array:
    import onnxruntime
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType

    types = {
        "float32": FloatTensorType,
        "float64": DoubleTensorType,
        "int64": Int64TensorType,
        "object": StringTensorType,
    }
    inputs = [("x", types[str(rows.dtype)]([None, rows.shape[1]]))]
    graph = convert_sklearn(transformer, initial_types=inputs, target_opset={"": 21, "ai.onnx.ml": 3})
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": rows})[0])
