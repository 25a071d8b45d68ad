"""A past stretch of production as the reference."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from mlconfig.contracts import Context
from mlconfig.contracts.catalog import Catalog
from mlconfig.contracts.detector import Evidence, ScoreEvidence
from mlconfig.monitoring.fold import fold_windows
from mlconfig.monitoring.log import COUNTED
from mlconfig.monitoring.production import baseline_of

from .conftest import BEGIN, HOUR, Log, inputs, make_watch

DAY = 24 * HOUR
PERIOD = {"use": "production", "period": {"since": "2024-01-01", "until": "2024-02-01"}, "min_rows": 500}


@pytest.fixture
def counted():
    """A watched version, and hours of its log as they were counted."""

    def count(hours, rows=40, **columns):
        watched, log = make_watch(reference_rows=2000), Log()
        for hour in hours:
            log.hour(hour, rows, **columns)
        blocks = log.blocks(version="1", columns=COUNTED)
        return watched, sorted(fold_windows(blocks, watched.counter, "arrival", HOUR).items())

    return count


def test_the_hours_are_one_reference_and_their_season(counted):
    watched, hours = counted(range(8 * 24), 5)
    found = baseline_of(hours, watched, 8 * DAY, "UTC")
    assert found.inputs.rows == found.outputs.rows == found.scores.rows == 8 * 24 * 5
    assert len(found.season.cells) == 7 * 24
    assert sum(cell.rows for cell in found.season.cells.values()) == 8 * 24 * 5
    assert found.season.days == 8
    assert sum(cell.rows for cell in found.output_season.cells.values()) == 8 * 24 * 5


def test_less_than_a_week_has_no_season_and_nothing_is_no_reference(counted):
    watched, hours = counted(range(3))
    assert baseline_of(hours, watched, 3 * HOUR, "UTC").season is None
    assert baseline_of([], watched, 30 * DAY, "UTC") is None


def test_hours_stand_where_the_clock_of_the_zone_was(counted):
    watched, hours = counted(range(8 * 24), 2)
    utc, kolkata = (baseline_of(hours, watched, 8 * DAY, zone).season.cells for zone in ("UTC", "Asia/Kolkata"))
    assert {hour: cell.rows for hour, cell in utc.items()} != {hour: cell.rows for hour, cell in kolkata.items()}
    assert sum(cell.rows for cell in kolkata.values()) == 8 * 24 * 2


def test_windows_are_compared_with_what_production_was(counted):
    watched, hours = counted(range(3), 400, x=[2.0] * 400)
    reference = baseline_of(hours, watched, 3 * HOUR, "UTC")
    log = Log()
    for hour in range(10, 12):
        log.hour(hour, 600, x=[2.0] * 600)

    def drift(produced):
        base = make_watch(reference_rows=2000, reference=PERIOD, min_rows=100)
        watched = replace(base, production=produced)
        return [v for v in log.passed(watched, 12).verdicts if v.signal == "input_drift"]

    assert {verdict.vote for verdict in drift(reference)} == {False}
    assert drift(reference)[0].reference == "rows of 2024-01-01 to 2024-02-01"
    missing = drift(None)[0]
    assert missing.state == "unknown"
    assert missing.reason == "no rows of 2024-01-01 to 2024-02-01 are logged"
    assert missing.window.start > BEGIN


@pytest.mark.parametrize("kept", [True, False])
def test_no_rows_of_training_stand_in_for_those_of_production(counted, kept):
    _, hours = counted(range(3), 400)
    signals = {"domain": {"name": "domain_classifier", "every": "1h"}}
    watched = make_watch(signals=signals, reference=PERIOD)
    watched.baseline.__dict__["rows"] = pa.table(inputs(np.random.default_rng(0), 2000)).select(["x", "z", "plan"])
    reference = baseline_of(hours, watched, 3 * HOUR, "UTC") if kept else None
    log = Log()
    log.hour(10, 600)
    found = log.passed(watched.with_production(reference), 11).verdicts
    (domain,) = (verdict for verdict in found if verdict.signal == "domain")
    assert (domain.vote, domain.state) == (None, "unknown")
    assert domain.reason.endswith("counts are kept and no rows, which `domain_classifier` compares")
    assert domain.reason.startswith("of 2024-01-01")


@pytest.mark.parametrize("detector", ["confidence", "cbpe"])
def test_figures_of_production_are_not_called_held_out(counted, detector):
    watched, hours = counted(range(3), 400)
    scores = hours[0][1].scores
    evidence = Evidence(
        watched.baseline.inputs, watched.baseline.inputs, (), 0.01,
        scores=ScoreEvidence(
            "binary", scores, scores, np.linspace(0, 1, 512), watched.metric, "accuracy", words="rows of May to June"
        ),
    )  # fmt: skip
    (finding,) = Catalog().create("detector", detector, {}, Context()).check(evidence)
    assert "on rows of May to June" in finding.message
    assert "held-out" not in finding.message
