"""Rules of personal data, erasure and retention: what cannot be kept apart, joined, watched or learned any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from mlconfig.recipe.rule import Found, rule_over
from mlconfig.sections import Data, Engine, Evaluation, Features, Governance, Monitoring, Retraining, Serving
from mlconfig.vocabulary import AUTO, format_duration


@rule_over("governance", "data")
def what_must_be_read_is_not_hidden(governance: Governance, data: Data) -> Found:
    """The target is learned, time orders, and keys join: what these need cannot be taken away from them."""
    for name, how in governance.pii.items():
        path = f"governance.pii.{name}"
        if name == data.target:
            yield path, f"`{name}` is the target: it is learned, logged and compared as it is", "remove it"
        if data.event_time is not None and name in data.event_time.columns:
            yield path, f"`{name}` is the event time, which windows and splits go by", "remove it"
        if data.split.by == "given" and name == data.split.column:
            yield path, f"`{name}` says which part a row is in", "remove it"
        if how == "drop" and name in (data.key or ()):
            yield path, f"`{name}` is in data.key, and what is dropped joins nothing", "hmac keeps joins by it"
        if how == "drop" and data.split.by == "group" and name == data.split.column:
            yield path, f"`{name}` says who stays together, and what is dropped keeps nobody so", "use hmac"


@rule_over("governance", "evaluation", "features")
def groups_can_be_told_apart(governance: Governance, evaluation: Evaluation, features: Features) -> Found:
    """A group is compared by what is logged, at training as in production."""
    for name in evaluation.fairness.groups:
        how, path = governance.pii.get(name), f"governance.pii.{name}"
        if how == "drop":
            yield path, f"`{name}` is in evaluation.fairness.groups, and what is dropped forms no group", "use hmac"
        elif how == "hmac" and features.names(name):
            what = f"`{name}` is a feature and in evaluation.fairness.groups: its digests are not its values"
            yield path, what, "a feature or a group by digest, not both"


@rule_over("governance")
def the_subject_is_kept(governance: Governance) -> Found:
    """What is dropped cannot be looked for."""
    subject = governance.subject
    if subject is not None and governance.pii.get(subject) == "drop":
        yield "governance.subject", f"`{subject}` is dropped (governance.pii), so no row could be found", "use hmac"


@rule_over("governance", "data")
def the_subject_is_a_column_of_its_own(governance: Governance, data: Data) -> Found:
    """What is predicted says nothing of whose a row is."""
    if governance.subject == data.target:
        yield "governance.subject", f"`{data.target}` is the target, which no request carries", "name another column"


@rule_over("governance", "features", "retraining")
def a_retrain_learns_what_was_logged(
    governance: Governance, features: Features, retraining: Retraining | None
) -> Found:
    """The log holds nothing of a personal feature, or its digest, and neither can be learned from."""
    if retraining is None or retraining.data.from_ == "source":
        return
    for name, how in governance.pii.items():
        if features.names(name):
            holds = "nothing of it" if how == "drop" else "its digest"
            what = f"learns from the log, which holds {holds} where the model takes `{name}` (governance.pii)"
            yield "retraining.data.from", what, f"write source, or leave `{name}` out of the features"


@rule_over("governance", "monitoring")
def what_is_hidden_is_not_watched(governance: Governance, monitoring: Monitoring | None) -> Found:
    """Of a personal column nothing is counted, so no signal may name one."""
    for name, signal in monitoring.signals.items() if monitoring is not None else ():
        names = signal.columns.names or () if signal.columns != AUTO else ()
        for column in names:
            if column in governance.pii:
                what = f"`{column}` is personal (governance.pii), and nothing of it is counted"
                yield f"monitoring.signals.{name}.columns", what, "take it out"


@rule_over("governance", "monitoring", "serving")
def rows_are_kept_until_they_were_judged(
    governance: Governance, monitoring: Monitoring | None, serving: Serving | None
) -> Found:
    """A window's rows must be there when it ends, and when its last labels come."""
    kept = governance.retention.predictions
    if kept is None or monitoring is None or serving is None:
        return
    for path, needed, why in _needed(monitoring):
        if kept < needed:
            what = f"{format_duration(kept)} is less than {path}, {format_duration(needed)}, {why}"
            yield "governance.retention.predictions", what, f"keep them longer, or lower {path}"
            return


def _needed(monitoring: Monitoring) -> Iterator[tuple[str, timedelta, str]]:
    yield "monitoring.labels.max_delay", monitoring.labels.max_delay, "so late labels would find no prediction"
    yield "monitoring.every", monitoring.every, "the length of a window"
    for name, signal in monitoring.signals.items():
        if signal.every is not None:
            yield f"monitoring.signals.{name}.every", signal.every, "the length of its window"


@rule_over("governance", "serving", "engine")
def what_is_kept_was_served(governance: Governance, serving: Serving | None, engine: Engine) -> Found:
    """Without an endpoint nothing is logged that could be kept or erased."""
    if serving is not None and engine.executor != "local":
        return
    off = "serving is `none`" if serving is None else "engine.executor is `local`"
    if governance.retention != type(governance.retention)():
        yield "governance.retention", f"has no effect: {off}, so nothing is logged", "remove it"
