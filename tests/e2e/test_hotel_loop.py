"""The loop closes on real, drifting data: hotel bookings of July to October 2015 are learned, the months after replayed.

Requests go over HTTP with the arrival date as event time, labels come as feedback, and the controller does the rest by
itself: it alerts on drift, sees quality fall, retrains by the declared policy, and promotes what passes the gate.
"""

import calendar
import csv
import json
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import httpx
import pytest

from mlconfig.engine.champion import Champion
from mlconfig.engine.heartbeat import last_heartbeat
from mlconfig.engine.workspace import Workspace
from mlconfig.lifecycle.states import State
from mlconfig.lifecycle.store import Store
from mlconfig.recipe.load import load_recipe
from mlconfig.records.packing import Packing, pack_rows

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "recipes" / "hotel_bookings.yaml"
DATA = ROOT.parent / "shared" / "data" / "hotel_bookings" / "hotel_bookings.csv"
NAME = "hotel_bookings"
WINDOW = 30 * 86400.0
FIRST, WINDOWS = datetime(2015, 11, 1, tzinfo=UTC).timestamp(), 14
MONTHS = list(calendar.month_name)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.ray,
    pytest.mark.skipif(not DATA.exists(), reason=f"the hotel bookings are not at {DATA}"),
]


def arrivals():
    """Rows of the source after October 2015 by window, each with its event time and label."""
    with DATA.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        month = MONTHS.index(row["arrival_date_month"])
        moment = datetime(int(row["arrival_date_year"]), month, int(row["arrival_date_day_of_month"]), tzinfo=UTC)
        row["event_time"] = moment
    later = sorted((row for row in rows if row["event_time"].timestamp() >= FIRST), key=lambda row: row["event_time"])
    by_window = groupby(later, key=lambda row: int((row["event_time"].timestamp() - FIRST) // WINDOW))
    return {number: list(group) for number, group in by_window if number < WINDOWS}


def typed(row, signature):
    """A row as a client of the endpoint writes it."""
    said = {"event_time": row["event_time"].isoformat()}
    for column in signature.features:
        text = row[column.name]
        if text in ("", "NULL", "NA"):
            said[column.name] = None
        elif column.kind == "numeric":
            said[column.name] = int(float(text)) if column.integer else float(text)
        else:
            said[column.name] = text
    return said


def until(condition, what, seconds=90.0):
    """Wait for a condition, and say what was waited for when it does not come."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds:.0f} s"
        time.sleep(0.2)
    return found


class Replay:
    """The endpoint's clients: sends a window's requests, then its labels."""

    def __init__(self, report):
        self.client = httpx.Client(base_url=f"{report['url']}/v1/{report['endpoint']}", timeout=30)

    def version(self):
        """The version that answers."""
        return self.client.get("").json()["version"]

    def send(self, rows, signature):
        """Answers of a window: predicted label and version of each row."""
        answers = []
        for start in range(0, len(rows), 100):
            block = rows[start : start + 100]
            reply = self.client.post("/predict", json={"rows": [typed(row, signature) for row in block]})
            assert reply.status_code == 200, reply.text
            told = reply.json()
            answers += [(each, told["version"]) for each in told["predictions"]]
            labels = [
                {"prediction_id": each["prediction_id"], "label": int(row["is_canceled"])}
                for each, row in zip(told["predictions"], block, strict=True)
            ]
            assert self.client.post("/feedback", json={"rows": labels}).json() == {"accepted": len(block)}
        return answers


def accuracy(labels, said):
    return sum(int(label) == int(each) for label, each in zip(labels, said, strict=True)) / len(labels)


def mlconfig(*arguments):
    """Run a verb as its users do."""
    run = subprocess.run(
        [sys.executable, "-m", "mlconfig", *arguments], capture_output=True, text=True, check=False, timeout=300
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.fixture
def applied(tmp_path):
    overrides = [f"data.source.params.path='{DATA}'", f"engine.storage='{tmp_path / 's'}'"]
    recipe = load_recipe(RECIPE, overrides)
    try:
        report = json.loads(mlconfig("apply", str(RECIPE), *overrides, "-o", "json"))
        yield Workspace(recipe.project, recipe.engine), report
    finally:
        began = time.monotonic()
        mlconfig("destroy", str(RECIPE), *overrides)
        print(f"destroyed in {time.monotonic() - began:.1f} s")


def test_the_loop_closes_on_real_drifting_data(applied, capsys):
    workspace, report = applied
    assert report["version"] == "1"
    assert report["metrics"]["accuracy"] > 0.8
    with Store.open(workspace.state_uri) as store:
        frozen = Champion(workspace.storage, store.routes.current(NAME).champion)
        table = replay_history(Replay(report), workspace, store, frozen)
        fill_states(store, table)
        rollouts = store.rollouts.all(NAME)
    with capsys.disabled():
        print_table(table, rollouts)
    assert_the_story(table, rollouts)


def replay_history(replay, workspace, store, frozen):
    """Send window after window; a row of figures for each, beside those of the first version."""
    predictor, signature, table = frozen.predictor(), frozen.signature, []
    for number, rows in arrivals().items():
        answers = replay.send(rows, signature)
        labels = [int(row["is_canceled"]) for row in rows]
        feeds = pack_rows([typed(row, signature) for row in rows], Packing.of(signature))
        table.append(
            {
                "start": FIRST + number * WINDOW,
                "rows": len(rows),
                "version": Counter(version for _, version in answers).most_common(1)[0][0],
                "live": accuracy(labels, [each["prediction"] for each, _ in answers]),
                "frozen": accuracy(labels, predictor.run(feeds).labels),
            }
        )
        if number:  # the rows of this window have completed the one before
            wait_for_the_controller(workspace, store, table[-2]["start"], table[-2]["version"])
            until(lambda: replay.version() == champion(store), "the replica's switch")
    return table


def champion(store):
    """The version that shall answer."""
    return store.routes.current(NAME).champion.version


def wait_for_the_controller(workspace, store, start, version):
    """Until a window is judged, and what that caused is done.

    A version is judged by its own answers, so a window that it did not answer, because it went live later, has no verdict.
    """

    def judged():
        verdicts = store.verdicts.history(NAME, version, scale=WINDOW)
        signals = {verdict.signal for verdict in verdicts if verdict.window.start == start}
        return champion(store) != version or {"input_drift", "performance"} <= signals

    until(judged, f"the verdict on the window of {day(start)}")
    begun = last_heartbeat(workspace, NAME).turn
    until(lambda: last_heartbeat(workspace, NAME).turn > begun, "the policy's decision", 300.0)
    until(lambda: store.rollouts.open(NAME) is None, "the end of the rollout")


def day(seconds):
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def fill_states(store, table):
    for row in table:
        for verdict in store.verdicts.history(NAME, row["version"], scale=WINDOW):
            if verdict.window.start == row["start"]:
                row[verdict.signal] = verdict.state


def print_table(table, rollouts):
    print(f"\n{'window':<11}{'rows':>5} {'version':>7} {'live':>6} {'frozen':>6}  {'drift':<8} performance")
    for row in table:
        states = f"{row.get('input_drift', '—'):<8} {row.get('performance', '—')}"
        print(
            f"{day(row['start']):<11}{row['rows']:>5} {row['version']:>7} {row['live']:>6.2f} {row['frozen']:>6.2f}  {states}"
        )
    for rollout in rollouts:
        print(f"  version {rollout.version}: {rollout.state}, {rollout.reason}")


def assert_the_story(table, rollouts):
    """Quality high, drift alert, quality down, retrain by the policy, gate passed, live, quality up; with margins."""
    first = min(row["live"] for row in table[:2])
    assert first > 0.75, "quality is high at first"
    drifted = next(n for n, row in enumerate(table) if row.get("input_drift") in ("alert", "lasting"))
    fallen = next(n for n, row in enumerate(table) if row.get("performance") in ("alert", "lasting"))
    assert drifted < fallen, "drift is told before quality falls"
    assert table[fallen]["live"] < first - 0.02, "quality fell"
    retrains = [rollout for rollout in rollouts if rollout.request.get("kind") == "retrain"]
    assert retrains, "the policy asked for a retrain"
    assert retrains[0].reason.startswith("performance:")
    assert any(each.state in (State.LIVE, State.SUPERSEDED) for each in retrains), (
        "a new version passed its gate and went live"
    )
    renewed = [row for row in table if row["version"] != "1"]
    gains = [row["live"] - row["frozen"] for row in renewed]
    assert sum(gains) / len(gains) > 0.03, "retrained versions are better than the frozen one"
    assert sum(gains[-2:]) / 2 > 0.10, "and by far in the end, where the frozen one fails"
