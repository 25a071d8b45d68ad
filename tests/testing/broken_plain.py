"""Plugins that break one law each: of all plugins, sources, searchers, triggers, sinks, metrics and protocols."""

import itertools
import math
import random
import time
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, Field

from mlconfig.builtin.metrics_classification import Accuracy
from mlconfig.builtin.metrics_regression import Rmse
from mlconfig.builtin.protocol_mlconfig import MlconfigCodec, MlconfigProtocol
from mlconfig.builtin.searcher_grid import GridSearch
from mlconfig.builtin.searcher_random import RandomSearch
from mlconfig.contracts import (
    MetricTags,
    Operation,
    SearcherTags,
    Sink,
    SinkTags,
    Source,
    SourceTags,
    TransformTags,
    Trigger,
    TriggerTags,
    WireReply,
)  # fmt: skip
from mlconfig.testing import (
    laws_metric,
    laws_plugin,
    laws_protocol,
    laws_searcher,
    laws_sink,
    laws_source,
    laws_trigger,
)
from mlconfig.vocabulary import Frozen

counter = itertools.count()


class Rows(Source):
    """A source without fault."""

    class Params(Frozen):
        """How many rows."""

        rows: int = Field(3, description="How many.")

    tags: ClassVar[SourceTags] = SourceTags(deterministic=True)

    def fingerprint(self):
        return f"sha256:{self.params.rows}"

    def read(self):
        return pa.table({"a": list(range(self.params.rows)), "b": [float("nan")] * self.params.rows})


class Mutable(Rows):
    class Params(BaseModel):
        """How many rows."""

        rows: int = Field(3, description="How many.")


class TakesExtras(Rows):
    class Params(Frozen, extra="ignore"):
        """How many rows."""

        rows: int = Field(3, description="How many.")


class Silent(Rows):
    class Params(Frozen):
        """How many rows."""

        rows: int = 3


class Unwritable(Rows):
    class Params(Frozen):
        """How many rows."""

        rows: int = Field(3, description="How many.", exclude=True)


class Busy(Rows):
    """Works when it is made."""

    def __init__(self, params=None, context=None):
        super().__init__(params, context)
        self.digest = self.fingerprint()


class Rewriting(Rows):
    """Changes its params when it is made."""

    def __init__(self, params=None, context=None):
        super().__init__(params, context)
        self.params = self.params.model_copy(update={"rows": 5})


class ForeignTags(Rows):
    """Tags of another kind."""

    tags: ClassVar = TransformTags()


class ZeroRevision(Rows):
    """Revisions begin at 1."""

    revision: ClassVar[int] = 0


class Undescribed(Rows):
    pass


def local_class():
    class Hidden(Rows):
        """Cannot be found again by name."""

    return Hidden()


class LongDigest(Rows):
    """A fingerprint of 300 letters."""

    def fingerprint(self):
        return "x" * 300


class ClockDigest(Rows):
    """A fingerprint that counts."""

    def fingerprint(self):
        return f"sha256:{next(counter)}"


class EatsItsRows(Rows):
    """Reading changes what is fingerprinted."""

    reads: ClassVar[list[int]] = []

    def fingerprint(self):
        return f"{len(self.reads)}"

    def read(self):
        self.reads.append(1)
        return super().read()


class ReadsDict(Rows):
    """No table."""

    def read(self):
        return {"a": [1]}


class Unseeded(Rows):
    """Other rows each time."""

    def read(self):
        return pa.table({"a": [next(counter)]})


class ClockSearch(RandomSearch):
    """Not seeded."""

    def start(self, space):
        super().start(space)
        self._random = random.Random(next(counter))


class Outside(RandomSearch):
    """Leaves the space."""

    def ask(self):
        return super().ask() | {"model.params.leaves": 1000}


class FloatForInt(RandomSearch):
    """Whole numbers as floats."""

    def ask(self):
        return super().ask() | {"model.params.depth": 3.0}


class ExtraPath(RandomSearch):
    """A path nobody asked for."""

    def ask(self):
        return super().ask() | {"more": 1}


class GoesOn(RandomSearch):
    """Does not begin anew."""

    def start(self, space):
        kept = getattr(self, "_random", None)
        super().start(space)
        self._random = kept or self._random


class DiesOfNan(RandomSearch):
    """Stops after a failed trial."""

    def tell(self, values, loss):
        self.failed = math.isnan(loss)

    def ask(self):
        return None if getattr(self, "failed", False) else super().ask()


class SaysItEnds(RandomSearch):
    """Endless, and says it is finite."""

    tags: ClassVar[SearcherTags] = SearcherTags(finite=True)


class SaysItGoesOn(GridSearch):
    """Finite, and says it is endless."""

    tags: ClassVar[SearcherTags] = SearcherTags(finite=False)


class Always(Trigger):
    """Fires, in empty words."""

    tags: ClassVar[TriggerTags] = TriggerTags(needs_monitoring=True)

    def fires(self, view):
        return " "


class SaysTrue(Trigger):
    """No words."""

    def fires(self, view):
        return True


class ReadsClock(Trigger):
    """Looks at a clock."""

    def fires(self, view):
        return f"it is {time.perf_counter_ns()}"


class Sorts(Trigger):
    """Sorts what it was shown."""

    def fires(self, view):
        view.verdicts.reverse()


class AsciiSink(Sink):
    """Knows no other letters."""

    def send(self, alert):
        print(alert.what.encode("ascii"))


class DropsResolved(Sink):
    """Passes over what has ended."""

    def send(self, alert):
        if not alert.resolved:
            print(alert.what)


class Once(Sink):
    """Refuses a repeated alert."""

    seen: ClassVar[set[str]] = set()

    def send(self, alert):
        if alert.what in self.seen:
            raise ValueError("sent before")
        self.seen.add(alert.what)


class Answers(Sink):
    """Returns something."""

    def send(self, alert):
        return True


class Rewrites(Sink):
    """Alters what others get too."""

    def send(self, alert):
        object.__setattr__(alert, "what", "something")


class WrongDirection(Accuracy):
    """Says that less is better."""

    tags: ClassVar[MetricTags] = MetricTags(tasks=frozenset({"binary", "multiclass"}), greater_is_better=False)


class Constant(Accuracy):
    """Always the same."""

    def score(self, y, predicted):
        return 0.5


class OrderMatters(Accuracy):
    """The first rows count more."""

    def score(self, y, predicted):
        return float(np.average(y == predicted, weights=1.0 / np.arange(1, len(y) + 1))) if len(y) else float("nan")


class NumpyFloat(Accuracy):
    """Not Python's."""

    def score(self, y, predicted):
        return np.float64(super().score(y, predicted))


class ZeroOfNothing(Accuracy):
    """0 where nothing was measured."""

    def score(self, y, predicted):
        return super().score(y, predicted) if len(y) else 0.0


class WantsTwoClasses(Accuracy):
    """Fails on a slice of one class."""

    def score(self, y, predicted):
        if len(set(y.tolist())) == 1:
            raise ValueError("one class")
        return super().score(y, predicted)


class WrongResamples(Rmse):
    """The mean of squares, not its root."""

    def resampled(self, y, predicted, counts):
        return super().resampled(y, predicted, counts) ** 2


class SortsTruth(Rmse):
    """Sorts in place."""

    def score(self, y, predicted):
        y.sort()
        return super().score(y, predicted)


class Slashless(MlconfigProtocol):
    """A path without its slash."""

    def operations(self):
        return (Operation("predict", "predict"),)


class ForAnybody(MlconfigProtocol):
    """Predicts for whoever asks."""

    def operations(self):
        return (Operation("predict", "/p", scope=None),)


class Mute(MlconfigProtocol):
    """Refuses without a word."""

    def refusal(self, problem):
        return WireReply(b"no")


class Codec(MlconfigCodec):
    """Trusts its clients, and answers the first row."""

    def decode(self, request):
        return int(request.body)

    def encode(self, asked, answers):
        return super().encode(asked, answers[:1])


class Trusting(MlconfigProtocol):
    """Has such a codec."""

    def codec(self, surface):
        return Codec(surface)


SOUND = [Rows(), RandomSearch(), GridSearch(), Accuracy(), Rmse(), MlconfigProtocol()]

BROKEN = [
    (laws_protocol.paths_are_its_own, Slashless()),
    (laws_protocol.operations_are_fit_for_what_they_do, ForAnybody()),
    (laws_protocol.garbage_is_refused, Trusting()),
    (laws_protocol.a_refusal_says_what_is_wrong, Mute()),
    (laws_protocol.each_row_has_its_answer, Trusting()),
    (laws_plugin.params_are_frozen, Mutable()),
    (laws_plugin.params_forbid_extras, TakesExtras()),
    (laws_plugin.params_say_what_they_are, Silent()),
    (laws_plugin.params_survive_json, Unwritable(Unwritable.Params(rows=9))),
    (laws_plugin.constructor_stores_its_arguments, Busy()),
    (laws_plugin.constructor_stores_its_arguments, Rewriting()),
    (laws_plugin.tags_are_of_the_kind, ForeignTags()),
    (laws_plugin.revision_is_a_whole_number, ZeroRevision()),
    (laws_plugin.class_says_what_it_does, Undescribed()),
    (laws_plugin.it_can_be_pickled, local_class()),
    (laws_source.fingerprint_is_a_short_text, LongDigest()),
    (laws_source.fingerprint_is_stable, ClockDigest()),
    (laws_source.reading_leaves_the_fingerprint, EatsItsRows()),
    (laws_source.read_gives_a_table, ReadsDict()),
    (laws_source.reading_again_gives_the_same_rows, Unseeded()),
    (laws_searcher.same_seed_same_values, ClockSearch()),
    (laws_searcher.values_lie_in_the_space, Outside()),
    (laws_searcher.values_lie_in_the_space, FloatForInt()),
    (laws_searcher.values_are_of_the_spaces_paths, ExtraPath()),
    (laws_searcher.starting_begins_anew, GoesOn()),
    (laws_searcher.it_copes_with_failed_trials, DiesOfNan()),
    (laws_searcher.a_finite_searcher_ends, SaysItEnds()),
    (laws_searcher.an_endless_searcher_goes_on, SaysItGoesOn(GridSearch.Params(points=2))),
    (laws_trigger.it_answers_null_or_words, Always()),
    (laws_trigger.it_answers_null_or_words, SaysTrue()),
    (laws_trigger.same_view_same_answer, ReadsClock()),
    (laws_trigger.it_leaves_the_view_alone, Sorts()),
    (laws_trigger.without_verdicts_it_does_not_fire, Always()),
    (laws_trigger.what_is_unknown_or_fine_does_not_fire, Always()),
    (laws_sink.an_alert_in_any_script_is_delivered, AsciiSink()),
    (laws_sink.an_alert_in_any_script_is_delivered, DropsResolved()),
    (laws_sink.the_same_alert_may_come_twice, Once()),
    (laws_sink.the_same_alert_may_come_twice, Answers()),
    (laws_sink.it_leaves_the_alert_alone, Rewrites()),
    (laws_metric.the_perfect_prediction_is_best, WrongDirection()),
    (laws_metric.worse_is_worse_in_the_declared_direction, Constant()),
    (laws_metric.rows_have_no_order, OrderMatters()),
    (laws_metric.it_gives_a_float, NumpyFloat()),
    (laws_metric.without_rows_it_is_undefined, ZeroOfNothing()),
    (laws_metric.one_class_alone_does_not_break_it, WantsTwoClasses()),
    (laws_metric.resamples_are_scores_of_the_drawn_rows, WrongResamples()),
    (laws_metric.it_leaves_its_input_alone, SortsTruth()),
]
REMOTE = type("Remote", (AsciiSink,), {"tags": SinkTags(remote=True), "__doc__": "Leaves the machine."})
