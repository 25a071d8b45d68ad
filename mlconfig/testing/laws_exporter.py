"""Laws of an exporter: the file answers as the pipeline does, and what cannot be written is refused."""

from __future__ import annotations

import pickle
from typing import Any, Literal

import numpy as np

from mlconfig.contracts import Exporter, Packed
from mlconfig.errors import PackagingError
from mlconfig.testing.law import Law, LawBrokenError, demand
from mlconfig.testing.samples import CLASSES, FEATURES, fit_of, later_inputs
from mlconfig.vocabulary import Task

Array = np.ndarray[Any, Any]
Precision = Literal["float32", "float64"]
TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
PRECISIONS: tuple[Precision, ...] = ("float32", "float64")
PACKED = Packed(tuple(f"x{place}" for place in range(FEATURES)), (), ())


def laws_for(plugin: Exporter) -> list[Law]:
    """All of them; those about the graph where the file is one of ONNX."""
    laws: list[Law] = [it_gives_bytes, it_leaves_the_pipeline_alone]
    graph: list[Law] = [the_graph_answers_as_the_pipeline, what_cannot_be_written_is_refused]
    return laws + (graph if plugin.tags.file.endswith(".onnx") else [])


def pipeline(task: Task) -> Any:
    """A fitted scaler and linear model, both scikit-learn's own."""
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    model = LinearRegression() if task == "regression" else LogisticRegression()
    fit = fit_of(task)
    return Pipeline([("scale", StandardScaler()), ("model", model)]).fit(fit.X, fit.y)


def it_gives_bytes(plugin: Exporter) -> None:
    """``export`` gives the file's bytes, for every task and precision, and its name is a bare one."""
    bare = plugin.tags.file == plugin.tags.file.strip("/").rsplit("/", 1)[-1] and plugin.tags.file
    demand(bare, f"the file is named `{plugin.tags.file}`", "give a bare file name in the tags")
    for task in TASKS:
        for precision in PRECISIONS:
            data = plugin.export(pipeline(task), PACKED, task, precision)
            demand(isinstance(data, bytes) and data, f"{task}, {precision}: {type(data).__name__}", "return bytes")


def it_leaves_the_pipeline_alone(plugin: Exporter) -> None:
    """Exporting does not alter the pipeline: it is the reference of the parity check."""
    for task in TASKS:
        fitted = pipeline(task)
        before = pickle.dumps(fitted)
        plugin.export(fitted, PACKED, task, "float32")
        demand(pickle.dumps(fitted) == before, f"{task}: the pipeline was altered", "export a deep copy")


def the_graph_answers_as_the_pipeline(plugin: Exporter) -> None:
    """The graph takes ``num`` and answers ``label`` and ``probabilities``, or ``value``, as the pipeline does."""
    for task in TASKS:
        fitted = pipeline(task)
        for precision, tolerance in zip(PRECISIONS, (1e-5, 1e-6), strict=True):
            inputs = later_inputs().astype(precision)
            answers = _run(plugin.export(fitted, PACKED, task, precision), inputs)
            for name, wanted in _wanted(fitted, task, inputs).items():
                demand(name in answers, f"{task}: outputs {list(answers)}", f"name an output `{name}`")
                near = np.allclose(answers[name].reshape(wanted.shape), wanted, rtol=tolerance, atol=tolerance)
                demand(near, f"{task}, {precision}: `{name}` differs", "write the same arithmetic, in that precision")


def _wanted(fitted: Any, task: Task, inputs: Array) -> dict[str, Array]:
    if task == "regression":
        return {"value": np.asarray(fitted.predict(inputs))}
    given = np.asarray(fitted.predict_proba(inputs))
    assert given.shape[1] == CLASSES[task]
    return {"label": np.asarray(fitted.predict(inputs)), "probabilities": given}


def _run(data: bytes, inputs: Array) -> dict[str, Array]:
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, (np.asarray(answer) for answer in session.run(names, {"num": inputs})), strict=True))


def what_cannot_be_written_is_refused(plugin: Exporter) -> None:
    """A step without a converter is refused with ``PackagingError``: a file that answers something else is never made."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    fit = fit_of("binary")
    strange = Pipeline([("strange", _Strange()), ("model", LogisticRegression())]).fit(fit.X, fit.y)
    try:
        plugin.export(strange, PACKED, "binary", "float32")
    except PackagingError:
        return
    raise LawBrokenError("it wrote a step that it cannot know", "raise PackagingError and name the step")


class _Strange:
    """A transformer that nobody has a converter for."""

    def fit(self, _: Array, y: Any = None) -> _Strange:  # noqa: ARG002 — scikit-learn's signature
        """Nothing to learn."""
        return self

    def transform(self, inputs: Array) -> Array:
        """Something that no graph has: the bytes' checksum of each row."""
        return np.asarray([[float(sum(row.tobytes()))] for row in np.ascontiguousarray(inputs)])
