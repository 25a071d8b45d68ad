"""Plugins that break one law each: transforms, models, detectors and exporters."""

import itertools
from dataclasses import replace
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import KBinsDiscretizer, MinMaxScaler, StandardScaler

from mlconfig.builtin.exporter_onnx import OnnxExporter
from mlconfig.contracts import (
    Detector,
    DetectorTags,
    Exporter,
    ExporterTags,
    Model,
    ModelTags,
    Transform,
    TransformTags,
)  # fmt: skip
from mlconfig.errors import PackagingError
from mlconfig.records.verdict import Finding
from mlconfig.testing import laws_detector, laws_exporter, laws_model, laws_transform

counter = itertools.count()
NUMBERS = TransformTags(kinds=frozenset({"numeric"}), exports_onnx=False, keeps_nulls=True)


class Step(TransformerMixin, BaseEstimator):
    """x − offset, by default."""

    def __init__(self, offset=1.0):
        self.offset = offset

    def fit(self, X, y=None):
        self.n_ = np.asarray(X).shape[1]
        return self

    def transform(self, X):
        return np.asarray(X) - self.offset

    def __sklearn_is_fitted__(self):
        return hasattr(self, "n_")


class Shift(Transform):
    """A transform without fault, around a class that subclasses name."""

    tags: ClassVar[TransformTags] = NUMBERS
    step: ClassVar[type] = Step

    def build(self):
        return self.step()


ONE = Step()


class BuildsOne(Shift):
    """Always the same object."""

    def build(self):
        return ONE


class BuildsFitted(Shift):
    """Fitted before it is asked to."""

    def build(self):
        return Step().fit(np.zeros((1, 2)))


class DiesOfNulls(Shift):
    """scikit-learn's bins take no NaN."""

    step = KBinsDiscretizer


class DropsStep(Step):
    def transform(self, X):
        X = np.asarray(X)
        return X[~np.isnan(X).any(axis=1)]


class DropsRows(Shift):
    """Rows with nulls are left out."""

    step = DropsStep


class SaysText(Shift):
    """Gives numbers and says text."""

    tags: ClassVar[TransformTags] = replace(NUMBERS, gives="categorical")


class SaysFilled(Shift):
    """Keeps nulls and says it does not."""

    tags: ClassVar[TransformTags] = replace(NUMBERS, keeps_nulls=False)


class NoiseStep(Step):
    def transform(self, X):
        return np.asarray(X) + next(counter)


class Noisy(Shift):
    """Other values each time."""

    step = NoiseStep


class BatchStep(Step):
    def transform(self, X):
        X = np.asarray(X)
        return X - np.where(np.isnan(X).all(), 0.0, np.nanmean(np.append(X, 0.0)))


class BatchMean(Shift):
    """Centres on the batch."""

    step = BatchStep


class OverwriteStep(Step):
    def transform(self, X):
        if isinstance(X, np.ndarray):
            X[np.isnan(X)] = 0.0
        return np.asarray(X)


class Overwrites(Shift):
    """Fills nulls in place."""

    step = OverwriteStep


class UnclonableStep(Step):
    def __init__(self, offset=1.0):
        self.offset = offset * 2


class Unclonable(Shift):
    """Its constructor computes."""

    step = UnclonableStep


class LambdaStep(Step):
    def fit(self, X, y=None):
        self.function_ = lambda values: values
        return super().fit(X)


class Unpicklable(Shift):
    """Learns a lambda."""

    step = LambdaStep


class SaysOnnx(Shift):
    """Has no converter."""

    tags: ClassVar[TransformTags] = replace(NUMBERS, exports_onnx=True)


class SkewedStep(StandardScaler):
    def transform(self, X):
        return super().transform(X) + 0.01


class Skewed(Shift):
    """Its graph forgets something."""

    tags: ClassVar[TransformTags] = replace(NUMBERS, exports_onnx=True)
    step = SkewedStep

    def register_onnx(self):
        from skl2onnx import update_registered_converter
        from skl2onnx.operator_converters.scaler_op import convert_sklearn_scaler
        from skl2onnx.shape_calculators.scaler import calculate_sklearn_scaler_output_shapes as shape

        update_registered_converter(SkewedStep, "SkewedStep", shape, convert_sklearn_scaler)


class Linear(Model):
    """A model without fault."""

    tags: ClassVar[ModelTags] = ModelTags()

    def fit(self, fit):
        return (LinearRegression() if fit.task == "regression" else LogisticRegression()).fit(fit.X, fit.y)


class NoRegression(Linear):
    """Cannot do one of its tasks."""

    def fit(self, fit):
        return LogisticRegression().fit(fit.X, fit.y)


class ShiftedLabels(LogisticRegression):
    def predict(self, X):
        return super().predict(X) + 5


class WrongCodes(Linear):
    """Answers with other codes."""

    tags: ClassVar[ModelTags] = ModelTags(tasks=frozenset({"binary"}))

    def fit(self, fit):
        return ShiftedLabels().fit(fit.X, fit.y)


class IgnoresX(Linear):
    """Fits on zeros."""

    def fit(self, fit):
        return super().fit(replace(fit, X=np.zeros_like(fit.X)))


class UnseededModel(Linear):
    """Another model each time."""

    def fit(self, fit):
        rows = np.random.default_rng(next(counter)).permutation(len(fit.X))[:200]
        return super().fit(replace(fit, X=fit.X[rows], y=fit.y[rows]))


class ScalesInPlace(Linear):
    """Alters X."""

    def fit(self, fit):
        fit.X[:] = MinMaxScaler().fit_transform(fit.X)
        return super().fit(fit)


class LambdaModel(Linear):
    """Keeps a lambda."""

    def fit(self, fit):
        fitted = super().fit(fit)
        fitted.function = lambda: 1
        return fitted


class NoValidation(Linear):
    """Knows no validation rows."""

    def fit(self, fit):
        assert fit.X_validation is None
        return super().fit(fit)


class DoubleProba(LogisticRegression):
    def predict_proba(self, X):
        return super().predict_proba(X) * 2


class NoDistribution(Linear):
    """Probabilities that sum to 2."""

    tags: ClassVar[ModelTags] = ModelTags(tasks=frozenset({"binary"}))

    def fit(self, fit):
        return DoubleProba().fit(fit.X, fit.y)


class SaysRounds(Linear):
    """Has no rounds."""

    tags: ClassVar[ModelTags] = ModelTags(has_rounds=True)


class Plain(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return (np.asarray(X)[:, 0] > 0).astype(int)

    def predict_proba(self, X):
        return np.eye(2)[self.predict(X)]


class SaysExports(Linear):
    """Has no converter."""

    tags: ClassVar[ModelTags] = ModelTags(tasks=frozenset({"binary"}))

    def fit(self, fit):
        return Plain().fit(fit.X, fit.y)


def finding(column, drifts=True):
    return Finding(column=column, statistic="s", drift_score=1.0, threshold=0.5, is_drift=drifts)


class Always(Detector):
    """Sees drift in everything."""

    def check(self, evidence):
        return tuple(finding(name) for name in evidence.columns)


class Never(Detector):
    """Sees drift in nothing."""

    def check(self, evidence):
        return tuple(finding(name, drifts=False) for name in evidence.columns)


class Mute(Detector):
    """Judges nothing."""

    def check(self, evidence):
        return ()


class Alters(Never):
    """Writes into the reference."""

    def check(self, evidence):
        counts = evidence.reference.columns["plan"].counts
        counts.flags.writeable = True
        counts[0] += 1
        return super().check(evidence)


class Notes(Never):
    """Leaves a note."""

    def check(self, evidence):
        evidence.notes["seen"] = 1.0
        return super().check(evidence)


class Forgetful(Never):
    """Remembers."""

    seen: ClassVar[list[int]] = []

    def check(self, evidence):
        self.seen.append(1)
        return super().check(evidence)[: len(self.seen) % 2]


class OtherColumns(Detector):
    """Looks at all columns of the profile."""

    def check(self, evidence):
        return tuple(finding(name) for name in evidence.reference.columns)


class Twice(Detector):
    """Two findings a column."""

    def check(self, evidence):
        return tuple(finding(name) for name in evidence.columns) * 2


class SaysColumnwise(Detector):
    """One finding about all."""

    def check(self, evidence):
        return (finding(None),)


class SaysWhole(Always):
    """A finding about all beside others."""

    tags: ClassVar[DetectorTags] = DetectorTags(columnwise=False)

    def check(self, evidence):
        return (*super().check(evidence), finding(None))


class DropsNulls(Detector):
    """The mean of what is not null."""

    def check(self, evidence):
        means = evidence.reference.mean("income"), evidence.current.mean("income")
        return (finding("income", drifts=abs(means[0] - means[1]) > 1.0),)


class Calibrates(Never):
    """Writes into what a score is worth."""

    tags: ClassVar[DetectorTags] = DetectorTags(reads=frozenset({"scores"}))

    def check(self, evidence):
        evidence.scores.calibration[0] = 0.5
        return super().check(evidence)


class TellsTwice(Detector):
    """The same about all, twice."""

    tags: ClassVar[DetectorTags] = DetectorTags(columnwise=False)

    def check(self, evidence):
        return (finding(None), finding(None))


class SilentOnSilence(Always):
    """Says that it judges silence and looks at columns alone."""

    tags: ClassVar[DetectorTags] = DetectorTags(reads=frozenset({"profile", "facts"}), judges_silence=True)

    def check(self, evidence):
        return super().check(evidence) if evidence.current.rows else ()


class ColumnsInSilence(SilentOnSilence):
    """Tells columns where there is no row."""

    def check(self, evidence):
        return (*(finding(name) for name in evidence.columns), finding(None))


class TellsNothing(Always):
    """Says that it reports distances, and does not."""

    tags: ClassVar[DetectorTags] = DetectorTags(reports=True)


class TellsAll(Detector):
    """Tells one distance whatever is asked for."""

    tags: ClassVar[DetectorTags] = DetectorTags(reports=True)
    told: ClassVar[dict] = {"ks": 0.1, "kl": 0.2}

    def check(self, evidence):
        return tuple(finding(name).model_copy(update={"details": self.told}) for name in evidence.columns)


class ForgetsOne(TellsAll):
    """Tells a distance only where it is asked for together with others."""

    def check(self, evidence):
        return super().check(evidence) if len(evidence.report) > 1 else Always.check(self, evidence)


class Text(OnnxExporter):
    """No bytes."""

    def export(self, pipeline, packed, task, precision):
        return "a file"


class Path(OnnxExporter):
    """A path for a name."""

    tags: ClassVar[ExporterTags] = ExporterTags(file="a/model.onnx")


class Strips(OnnxExporter):
    """Alters the pipeline."""

    def export(self, pipeline, packed, task, precision):
        data = super().export(pipeline, packed, task, precision)
        pipeline.steps[0][1].mean_ += 1.0
        return data


class Skips(OnnxExporter):
    """Leaves the scaler out."""

    def export(self, pipeline, packed, task, precision):
        return super().export(pipeline[1:], packed, task, precision)


class WritesAnything(OnnxExporter):
    """Passes over what it does not know."""

    def export(self, pipeline, packed, task, precision):
        try:
            return super().export(pipeline, packed, task, precision)
        except PackagingError:
            return b"nothing"


class Pickle(Exporter):
    """A native format: nothing is said about graphs."""

    tags: ClassVar[ExporterTags] = ExporterTags(file="model.pkl")

    def export(self, pipeline, packed, task, precision):
        import pickle

        return pickle.dumps(pipeline)


SOUND = [Shift(), Linear(), Pickle()]

BROKEN = [
    (laws_transform.it_builds_an_unfitted_transformer, BuildsOne()),
    (laws_transform.it_builds_an_unfitted_transformer, BuildsFitted()),
    (laws_transform.it_takes_the_kinds_it_declares, DiesOfNulls()),
    (laws_transform.it_takes_the_kinds_it_declares, DropsRows()),
    (laws_transform.it_gives_the_kind_it_declares, SaysText()),
    (laws_transform.nulls_end_unless_kept, SaysFilled()),
    (laws_transform.same_rows_same_output, Noisy()),
    (laws_transform.each_row_stands_for_itself, BatchMean()),
    (laws_transform.it_leaves_its_input_alone, Overwrites()),
    (laws_transform.it_can_be_cloned, Unclonable()),
    (laws_transform.fitted_it_can_be_pickled, Unpicklable()),
    (laws_transform.its_onnx_graph_gives_the_same, SaysOnnx()),
    (laws_transform.its_onnx_graph_gives_the_same, Skewed()),
    (laws_model.it_handles_its_tasks, NoRegression()),
    (laws_model.it_handles_its_tasks, WrongCodes()),
    (laws_model.it_learns_a_plain_signal, IgnoresX()),
    (laws_model.same_fit_same_model, UnseededModel()),
    (laws_model.it_leaves_its_data_alone, ScalesInPlace()),
    (laws_model.fitted_it_can_be_pickled, LambdaModel()),
    (laws_model.it_takes_validation_rows, NoValidation()),
    (laws_model.probabilities_are_probabilities, NoDistribution()),
    (laws_model.with_rounds_it_stops_early, SaysRounds()),
    (laws_model.its_onnx_graph_answers_the_same, SaysExports()),
    (laws_model.its_onnx_graph_answers_the_same, NoDistribution()),
    (laws_detector.it_alters_no_evidence, Alters()),
    (laws_detector.it_alters_no_evidence, Notes()),
    (laws_detector.same_evidence_same_findings, Forgetful()),
    (laws_detector.findings_name_the_given_columns, OtherColumns()),
    (laws_detector.findings_name_the_given_columns, Twice()),
    (laws_detector.findings_name_the_given_columns, SaysColumnwise()),
    (laws_detector.findings_name_the_given_columns, SaysWhole()),
    (laws_detector.identical_data_is_no_drift, Always()),
    (laws_detector.a_gross_change_is_drift, Never()),
    (laws_detector.a_gross_change_is_drift, Mute()),
    (laws_detector.an_empty_window_is_no_drift, Always()),
    (laws_detector.nothing_but_nulls_is_never_fine, DropsNulls()),
    (laws_detector.it_alters_no_evidence, Calibrates()),
    (laws_detector.findings_name_the_given_columns, TellsTwice()),
    (laws_detector.silence_where_rows_were_expected_is_drift, SilentOnSilence()),
    (laws_detector.silence_where_rows_were_expected_is_drift, ColumnsInSilence()),
    (laws_detector.it_tells_the_distances_that_are_asked_for, TellsNothing()),
    (laws_detector.it_tells_the_distances_that_are_asked_for, TellsAll()),
    (laws_detector.it_tells_the_distances_that_are_asked_for, ForgetsOne()),
    (laws_exporter.it_gives_bytes, Text()),
    (laws_exporter.it_gives_bytes, Path()),
    (laws_exporter.it_leaves_the_pipeline_alone, Strips()),
    (laws_exporter.the_graph_answers_as_the_pipeline, Skips()),
    (laws_exporter.what_cannot_be_written_is_refused, WritesAnything()),
]
