"""Erasure: whatever is kept of a subject goes, wherever it lies, beside a writer that goes on, and nothing of anybody else."""

import json
import threading

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from mlconfig.cli.main import cli
from mlconfig.engine.cycle import StoredManifest
from mlconfig.engine.erase import erase
from mlconfig.errors import EngineError
from mlconfig.lifecycle.redact import finder
from mlconfig.plan.steps import DeployStep
from mlconfig.records.feedback import encode_feedback, key_text
from mlconfig.records.prediction import encode_prediction, log_meta
from mlconfig.records.prediction_log import FEEDBACK, SEGMENTS, SHADOW, PredictionLog
from mlconfig.records.segment_writer import SegmentWriter
from mlconfig.records.signature import Signature
from mlconfig.serving.compaction import compact, compact_labels

RECIPE = """
task: binary
data:
  source: {name: csv, params: {path: rows.csv}}
  target: bought
  key: customer
features: {include: [visits, spend]}
model: logistic_regression
evaluation: {metric: accuracy, interval: {resamples: 40}}
monitoring: {every: 1h, labels: {join: data.key}}
"""
WHO, OTHER = "Erika Müller-17", "Otto Normal-18"


@pytest.fixture
def shop(project):
    lines = ["customer,visits,spend,bought"]
    for number in range(400):
        name = {17: WHO, 18: OTHER}.get(number, f"customer {number}")
        lines.append(f"{name},{(number * 7) % 13},{(number * 5) % 11},{int((number * 7) % 13 > 6)}")
    (project.folder / "rows.csv").write_text("\n".join(lines) + "\n")
    return project.write(RECIPE)


class Desk:
    """Predictions and labels as replicas write them."""

    def __init__(self, project, plan):
        self.endpoint = plan.step(DeployStep).endpoint
        self.folder = project.storage / "predictions" / self.endpoint
        with project.store() as store:
            version = store.routes.current(self.endpoint).champion
        signature = (project.storage / version.folder / "signature.json").read_bytes()
        self.meta = log_meta(Signature.model_validate_json(signature))
        self.version = json.dumps(version.version).encode()
        self.count = 0

    def writer(self, place, name):
        return SegmentWriter(self.folder / place, name, "b0", meta=self.meta)

    def predict(self, writer, customers, arrived=1.8e9):
        ids = []
        for customer in customers:
            self.count += 1
            ids.append(f"b0-{self.count:x}")
            inputs = json.dumps({"visits": 1, "spend": 2, "customer": customer}, ensure_ascii=False).encode()
            said = (b"0", 0.25, [0.75, 0.25], inputs)
            assert writer.append([encode_prediction(ids[-1].encode(), arrived, None, self.version, 1, *said)])
        return ids


def hits(storage, *needles):
    files = [file for file in sorted(storage.rglob("*")) if file.is_file()]
    forms = [form for needle in needles for form in (needle.encode(), json.dumps(needle)[1:-1].encode())]
    found = [file for file in files if any(form in file.read_bytes() for form in forms)]
    found += [file for file in files if file.suffix == ".parquet" and any(needle in rows(file) for needle in needles)]
    return [str(file.relative_to(storage)) for file in found]


def rows(file):
    """A compressed file's, so that its bytes do not tell."""
    return str(pq.ParquetFile(file).read().to_pylist())


def filled(shop):
    """A live version, and traffic of all kinds: compacted, closed, being written, shadowed, labelled by id and by key."""
    plan = shop.plan()
    shop.go_live(plan)
    desk = Desk(shop, plan)
    old = desk.writer(SEGMENTS, "r0")
    ids = desk.predict(old, [WHO, OTHER, WHO])
    old.close()
    labels = desk.writer(FEEDBACK, "r0")
    assert labels.append([encode_feedback(ids[0], None, b"1", 1, 1.8e9), encode_feedback(ids[1], None, b"0", 1, 1.8e9)])
    assert labels.append([encode_feedback(None, key_text([WHO]), b"1", 1, 1.8e9)])
    labels.close()
    with shop.store() as store:
        compact(desk.folder, StoredManifest(store, 1.8e9))
    compact_labels(desk.folder)
    more = desk.writer(FEEDBACK, "r1")
    assert more.append([encode_feedback(None, key_text([who]), b"1", 1, 1.8e9) for who in (OTHER, WHO)])
    shadow = desk.writer(f"{SHADOW}/{SEGMENTS}", "r0_shadow")
    desk.predict(shadow, [WHO, OTHER])
    shadow.close()
    live = desk.writer(SEGMENTS, "r1")
    desk.predict(live, [OTHER, WHO])
    (desk.folder / "parquet/day=2027-01-15/.r9.parquet.tmp").write_text(f"half a file of {WHO}")
    (shop.storage / "reports").mkdir()
    (shop.storage / "reports/shop.html").write_text(f"<p>{WHO}</p>")
    with shop.store() as store:
        store.steps.record("k", "read", "read", {"note": f"new category '{WHO}'"}, seconds=0.0, now=1.0)
    return plan, desk, live


def test_nothing_of_a_subject_is_left(shop):
    plan, desk, live = filled(shop)
    assert hits(shop.storage, WHO)
    found = erase(shop.workspace(plan), plan, WHO)
    assert hits(shop.storage, WHO) == []
    assert (found.predictions, found.shadows, found.labels, found.left) == (3, 1, 3, ())
    assert (found.tables, found.papers, found.reports, found.texts) == (1, 0, 1, 1)
    assert found.samples >= 1
    log = PredictionLog(desk.folder)
    assert [row["customer"] for row in log.predictions().column("inputs").to_pylist()] == [OTHER, OTHER]
    assert log.labels().num_rows == 2
    assert log.lost() == {}
    desk.predict(live, [OTHER])
    live.close()
    assert log.predictions().num_rows == 3
    with shop.store() as store:
        compact(desk.folder, StoredManifest(store, 1.8e9))
        (event,) = [each for each in store.audit.events() if each.kind == "erasure"]
        assert store.audit.verify() is None
    assert log.predictions().num_rows == 3
    assert log.lost() == {}
    assert found.subject in event.reason
    assert WHO not in event.reason


def test_it_can_be_run_again_and_finds_nothing(shop):
    plan, desk, live = filled(shop)
    erase(shop.workspace(plan), plan, WHO)
    assert erase(shop.workspace(plan), plan, WHO).found == 0
    assert erase(shop.workspace(plan), plan, "nobody").found == 0
    live.close()
    again = desk.writer(SEGMENTS, "r1")
    assert desk.predict(again, [OTHER])
    again.close()
    assert PredictionLog(desk.folder).lost() == {}


@pytest.mark.parametrize("stop", range(6))
def test_what_was_stopped_in_the_middle_is_finished_by_running_it_again(shop, monkeypatch, stop):
    plan, desk, live = filled(shop)
    places = ["rewrite_samples", "remove_steps", "remove_reports", "redact", "leftovers", "erase_labels"]

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        where = (
            "mlconfig.records.log_erasing.SubjectsRows" if places[stop] == "erase_labels" else "mlconfig.engine.erase"
        )
        patch.setattr(f"{where}.{places[stop]}", die)
        with pytest.raises(KeyboardInterrupt):
            erase(shop.workspace(plan), plan, WHO)
    erase(shop.workspace(plan), plan, WHO)
    live.close()
    log = PredictionLog(desk.folder)
    assert hits(shop.storage, WHO) == []
    assert log.labels().num_rows == 2
    assert log.lost() == {}


def test_nobody_elses_row_is_lost_beside_a_writer_that_goes_on(shop):
    plan, desk, live = filled(shop)
    ended, sent = threading.Event(), []

    def go_on():
        while not ended.is_set():
            sent.extend(desk.predict(live, [OTHER] * 20))

    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        for _ in range(3):
            assert not erase(shop.workspace(plan), plan, WHO).left
    finally:
        ended.set()
        writer.join()
    live.close()
    log = PredictionLog(desk.folder)
    assert sent
    assert set(sent) <= set(log.predictions().column("prediction_id").to_pylist())
    assert {row["customer"] for row in log.predictions().column("inputs").to_pylist()} == {OTHER}
    assert log.lost() == {}


def test_a_torn_tail_and_a_damaged_frame_hold_nothing_either(shop):
    plan, desk, live = filled(shop)
    live.close()
    (segment,) = sorted((desk.folder / SEGMENTS).glob("r1-*.seg"))
    data = segment.read_bytes()
    spoilt = data.replace(WHO.encode(), WHO.encode()[:-1] + b"7", 1)
    assert spoilt == data
    place = data.index(WHO.encode())
    spoilt = data[: place - 8] + b"?" + data[place - 7 :]
    segment.write_bytes(spoilt + data[place - 60 : place + len(WHO)])
    assert hits(shop.storage, WHO)
    erase(shop.workspace(plan), plan, WHO)
    assert hits(shop.storage, WHO) == []
    assert [row["customer"] for row in PredictionLog(desk.folder).predictions().column("inputs").to_pylist()] == [
        OTHER
    ] * 2


def test_numbers_and_digests_are_found_too(project):
    lines = ["customer,visits,bought", *(f"{number},{number % 13},{int(number % 13 > 6)}" for number in range(400))]
    (project.folder / "rows.csv").write_text("\n".join(lines) + "\n")
    project.write(RECIPE.replace("[visits, spend]", "[visits]") + "governance: {pii: {customer: hmac}}\n")
    plan = project.plan()
    project.go_live(plan)
    desk = Desk(project, plan)
    from mlconfig.records.pseudonym import Pseudonyms

    writer = desk.writer(SEGMENTS, "r0")
    digest = Pseudonyms.open(project.storage).of
    desk.predict(writer, [digest(17), digest(18), 17, "17", 170])
    found = erase(project.workspace(plan), plan, "17")
    writer.close()
    assert found.predictions == 3
    left = PredictionLog(desk.folder).predictions().column("inputs").to_pylist()
    assert [row["customer"] for row in left] == [digest(18), "170"]


def test_the_verb_asks_first_and_tells_what_it_did(shop):
    filled(shop)[2].close()
    given = [f"name={shop.name}", f"tracking.uri='{shop.mlflow}'", f"engine.storage='{shop.storage}'"]
    words = ["erase", str(shop.folder / "recipe.yaml"), *given, "--subject", "-"]
    refused = CliRunner().invoke(cli, words, input=f"{WHO}\nn\n")
    assert refused.exit_code != 0
    assert hits(shop.storage, WHO)
    done = CliRunner().invoke(cli, [*words, "--yes", "-o", "json"], input=f"{WHO}\n")
    told = json.loads(done.stdout)
    assert (told["predictions"], told["labels"], told["left"]) == (3, 3, [])
    assert hits(shop.storage, WHO) == []
    again = CliRunner().invoke(cli, [*words, "--yes"], input=f"{WHO}\n")
    assert again.stdout.splitlines() == [
        "nothing was there to erase",
        f"  the trail calls the subject {told['subject']}",
    ]
    assert WHO not in done.output + again.output


def test_what_cannot_be_erased_is_refused(shop):
    plan = shop.plan()
    with pytest.raises(EngineError, match="nothing of"):
        erase(shop.workspace(plan), plan, WHO)
    shop.go_live(plan)
    with pytest.raises(EngineError, match="the subject is empty"):
        erase(shop.workspace(plan), plan, "")
    nobody = shop.write(RECIPE.replace("  key: customer\n", "").replace("data.key", "prediction_id")).plan()
    with pytest.raises(EngineError, match="does not say whose a row is"):
        erase(shop.workspace(nobody), nobody, WHO)
    two = shop.write(RECIPE.replace("key: customer", "key: [customer, spend]")).plan()
    with pytest.raises(EngineError, match=r"the subject is 2 columns: customer, spend"):
        erase(shop.workspace(two), two, WHO)
    found = erase(shop.workspace(two), two, json.dumps([WHO, 8]))
    assert (found.found, found.tables) == (1, 1)


def test_a_short_value_is_hidden_only_where_it_stands_alone():
    hide = finder(("7", "Otto"))
    assert (
        hide("7 of 17 windows; new: '7', Otto's and Ottomar")
        == "7 of 17 windows; new: '[erased]', [erased]'s and Ottomar"
    )
    assert hide("7") == "[erased]"
