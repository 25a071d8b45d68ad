"""Signals, states, statistics and causes in words that need no knowledge of the literature."""

from __future__ import annotations

from typing import NamedTuple

from mlconfig.pages.wording import number, share
from mlconfig.records.columns import PREDICTION_LABEL, PREDICTION_SCORE, PREDICTION_VALUE
from mlconfig.records.verdict import Finding, State


class SignalWords(NamedTuple):
    """``title``: what is watched; ``wrong``: the sentence when it is not fine."""

    title: str
    wrong: str


SIGNALS = {
    "data_quality": SignalWords("Data quality", "The data that arrive are not like those of training."),
    "input_drift": SignalWords("Inputs, column by column", "Inputs are distributed differently from the reference."),
    "multivariate_drift": SignalWords("Relations between inputs", "Columns go together differently from before."),
    "domain": SignalWords("Inputs as a whole", "A classifier can tell today's rows from the reference."),
    "prediction_drift": SignalWords("Answers", "The model answers differently from the reference."),
    "confidence": SignalWords("Confidence", "The model is less sure of its answers than before."),
    "performance": SignalWords("Quality, measured by labels", "Answers have become worse, the labels say."),
    "estimated_performance": SignalWords("Quality, estimated", "Answers have probably become worse; an estimate."),
    "fairness": SignalWords("Fairness between groups", "Groups are treated less evenly than allowed."),
    "service": SignalWords("Service", "Requests fail, or take longer than allowed."),
}
STATES: dict[State, str] = {
    "ok": "fine",
    "suspect": "suspected",
    "alert": "alert",
    "lasting": "lasting",
    "unknown": "not judged",
}
RANK: dict[State, int] = {"unknown": 0, "ok": 1, "suspect": 2, "alert": 3, "lasting": 4}
STATISTICS = {
    "psi": "PSI",
    "ks": "KS",
    "ks_p_value": "KS p",
    "js": "Jensen–Shannon",
    "kl": "KL",
    "chi2": "chi²",
    "chi2_p_value": "chi² p",
    "wasserstein": "Wasserstein",
    "null_fraction_increase": "more nulls",
    "out_of_range_fraction": "out of range",
    "new_category_fraction": "new categories",
    "performance_drop": "loss of quality",
    "domain_auc": "AUC of the classifier",
    "correlation_change": "change of correlation",
}
DISTANCES = ("psi", "ks", "js", "kl", "chi2", "wasserstein")
"""What is told beside the figure that decides, in this order."""
ANSWERS = {
    PREDICTION_LABEL: "predicted class",
    PREDICTION_SCORE: "score",
    PREDICTION_VALUE: "predicted value",
}


def signal_words(signal: str) -> SignalWords:
    """Of a signal; one that a recipe named itself is told by its name."""
    return SIGNALS.get(signal) or SignalWords(plain(signal), "It is beyond its limit.")


def plain(name: str) -> str:
    """A name of ours as words: ``my_signal`` is ``My signal``."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def statistic_words(statistic: str) -> str:
    """Of a statistic; an unknown one is told by its name."""
    return STATISTICS.get(statistic) or statistic.replace("_", " ")


def figure(statistic: str, value: float) -> str:
    """A statistic's value, shares in percent."""
    return share(value) if statistic.endswith(("_fraction", "_fraction_increase", "_share")) else number(value)


def column_words(column: str) -> str:
    """A column as people call it; the answers have names of ours."""
    return ANSWERS.get(column, column)


def ratio(finding: Finding) -> float:
    """How many times its limit a finding is; at least 1 where it is beyond it, 99 where the limit is 0."""
    if finding.threshold <= 0:
        return 99.0 if finding.is_drift else 0.0
    multiple = max(finding.drift_score / finding.threshold, 0.0)
    return max(multiple, 1.0) if finding.is_drift else multiple
