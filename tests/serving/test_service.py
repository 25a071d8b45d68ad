"""Swapping versions: the new one is loaded before, the old one stays on any failure."""

import asyncio
import hashlib
import json
import re
from functools import partial

import numpy as np
import pytest

from mlconfig.builtin.protocol_mlconfig import MlconfigProtocol
from mlconfig.contracts import Asked, RequestRefusedError, WireRequest
from mlconfig.errors import ServingError
from mlconfig.records.prediction_log import PredictionLog, log_folder
from mlconfig.records.route import RouteVersion
from mlconfig.sections.serving import Batching, Serving
from mlconfig.serving.app import App
from mlconfig.serving.batcher import Batcher, Waiting
from mlconfig.serving.predictor import Predictor
from mlconfig.serving.service import Service

PROTOCOLS = {"mlconfig": MlconfigProtocol()}

BODY = b'{"age": 30, "hours-per-week": 40, "plan": "pro"}'


@pytest.fixture
def service(tmp_path):
    made = Service("churn", tmp_path, Serving(), PROTOCOLS, replica="r0")
    yield made
    made.close()


def predict(service, *bodies):
    async def run():
        return await asyncio.gather(*(service.predict("mlconfig", WireRequest("predict", body)) for body in bodies))

    return [json.loads(answer.body) for answer in asyncio.run(run())]


def test_a_swap_changes_the_answer_and_its_version(service, tmp_path, make_version, make_route_table):
    assert service.swap(make_route_table(make_version(tmp_path, "1"), 1))
    (first,) = predict(service, BODY)
    assert service.swap(make_route_table(make_version(tmp_path, "2", weight=-3.0), 2))
    (second,) = predict(service, BODY)
    assert (first["version"], second["version"]) == ("1", "2")
    assert first["probability"] != second["probability"]


def test_older_and_foreign_routes_are_refused(service, tmp_path, make_version, make_route_table):
    version = make_version(tmp_path)
    assert service.swap(make_route_table(version, 5, epoch=2))
    for table in (make_route_table(version, 4, epoch=2), make_route_table(version, 6, epoch=1)):
        assert not service.swap(table)
        assert "is older than 5/2, which is served" in service.problem
    assert not service.swap(make_route_table(version, 9, endpoint="other"))
    assert "a route of `other` was given to `churn`" in service.problem
    assert service.state.table.generation == 5
    assert service.swap(make_route_table(version, 5, epoch=2))  # the same again
    assert service.problem is None


def test_the_same_champion_is_not_loaded_again(service, tmp_path, make_version, make_route_table):
    version = make_version(tmp_path)
    service.swap(make_route_table(version, 1))
    loaded = service.state.versions.champion.predictor
    (tmp_path / version.folder / "model.onnx").unlink()
    assert service.swap(make_route_table(version, 2))
    assert service.state.versions.champion.predictor is loaded
    assert service.state.table.generation == 2


@pytest.mark.parametrize("fault", ["bytes", "missing", "signature", "graph", "output"])
def test_a_version_that_cannot_be_loaded_leaves_the_old_one(service, tmp_path, make_version, make_route_table, fault):
    service.swap(make_route_table(make_version(tmp_path, "1"), 1))
    bad = make_version(tmp_path, "2")
    folder = tmp_path / bad.folder
    if fault == "bytes":
        (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes() + b" ")
    elif fault == "missing":
        (folder / "model.onnx").unlink()
    elif fault == "signature":
        (folder / "signature.json").write_text("{}")
    elif fault == "graph":
        (folder / "model.onnx").write_bytes(b"junk")
        bad = RouteVersion(version="2", folder=bad.folder, artifact_sha256=hashlib.sha256(b"junk").hexdigest())
    else:
        text = (folder / "signature.json").read_text()
        (folder / "signature.json").write_text(text.replace('"task":"binary"', '"task":"regression"'))
    assert not service.swap(make_route_table(bad, 2))
    says = {
        "bytes": "the bytes are not those that passed the gate", "missing": "the model cannot be read",
        "signature": "the signature is damaged", "graph": "the graph cannot be run",
        "output": "the graph has no output `value`",
    }  # fmt: skip
    assert says[fault] in service.problem
    assert predict(service, BODY)[0]["version"] == "1"
    assert service.fault == service.problem


def test_requests_of_two_versions_in_one_batch_keep_their_own(service, tmp_path, make_version, make_route_table):
    """A swap between decoding and answering, to a version with other columns."""
    service.swap(make_route_table(make_version(tmp_path, "1"), 1))
    columns = [
        {"name": "a", "kind": "numeric"}, {"name": "b", "kind": "numeric"}, {"name": "c", "kind": "categorical"},
        {"name": "id", "kind": "categorical", "role": "context"},
    ]  # fmt: skip
    other = make_route_table(
        make_version(tmp_path, "2", weight=5, columns=columns, event_time=None, key=[], example={}), 2
    )

    async def run():
        before = asyncio.ensure_future(service.predict("mlconfig", WireRequest("predict", BODY)))
        asyncio.get_running_loop().call_soon(service.swap, other)
        await asyncio.sleep(0)  # it is decoded, and the swap comes next
        after = service.predict("mlconfig", WireRequest("predict", b'{"a": 30, "b": 40, "c": "pro", "id": "x"}'))
        return await asyncio.gather(before, after)

    first, second = (json.loads(answer.body) for answer in asyncio.run(run()))
    assert (first["version"], second["version"]) == ("1", "2")
    rows = PredictionLog(log_folder(tmp_path, "churn")).predictions().to_pylist()
    assert [row["version"] for row in rows] == ["1", "2"]
    assert (rows[0]["inputs"]["hours-per-week"], rows[1]["inputs"]["id"]) == (40.0, "x")


def test_swaps_under_load_lose_nothing(service, tmp_path, make_version, make_route_table):
    versions = [make_version(tmp_path, str(n), weight=n) for n in range(1, 4)]
    service.swap(make_route_table(versions[0], 1))

    async def run():
        answers, generation = [], 1
        while generation < 30:
            generation += 1
            swap = asyncio.to_thread(service.swap, make_route_table(versions[generation % 3], generation))
            results = await asyncio.gather(
                swap, *(service.predict("mlconfig", WireRequest("predict", BODY)) for _ in range(20))
            )
            assert results[0], service.problem
            answers += results[1:]
        return answers

    by_version = {}
    for answer in (json.loads(answer.body) for answer in asyncio.run(run())):
        by_version.setdefault(answer["version"], set()).add(answer["probability"])
    assert {version: len(scores) for version, scores in by_version.items()} == {"1": 1, "2": 1, "3": 1}
    assert PredictionLog(log_folder(tmp_path, "churn")).predictions().num_rows == 29 * 20


def test_the_batcher_never_splits_a_request_and_bounds_its_queue():
    batches = []

    def flush(batch):
        batches.append([len(waiting.asked.rows) for waiting in batch])
        for waiting in batch:
            waiting.give([])

    batcher = Batcher(flush, Batching(max_rows=64, max_queue=300))

    def submit(rows):
        answer = asyncio.get_running_loop().create_future()
        batcher.submit(Waiting(None, Asked([None] * rows, [], []), 0.0, answer.set_result))
        return answer

    async def run():
        answers = [submit(rows) for rows in (30, 30, 30, 100, 10, 54, 20)]
        with pytest.raises(RequestRefusedError) as refused:
            submit(27)
        assert (refused.value.status, refused.value.retry_after) == (503, 1)
        await asyncio.gather(*answers)
        await submit(1000)  # alone it is taken: a queue of one is no overload

    asyncio.run(run())
    assert batches == [[30, 30], [30], [100], [10, 54], [20], [1000]]


def test_predictions_hold_codes_labels_scores_and_probabilities(tmp_path, make_version):
    feeds = {"num": np.array([[30, 40], [np.nan, 10]]), "cat": np.array([["pro"], ["__null__"]], object)}
    for task, columns in (("binary", 2), ("multiclass", 3)):
        version = make_version(tmp_path, task, task)
        answer = Predictor.load(tmp_path / version.folder, version.artifact_sha256).run(feeds)
        assert answer.codes.dtype == np.int64
        assert answer.probabilities.shape == (2, columns)
        assert answer.labels == [
            {"binary": ["no", "yes"], "multiclass": [1, 2, 3]}[task][code] for code in answer.codes
        ]
        chosen = [1, 1] if task == "binary" else answer.codes
        np.testing.assert_array_equal(answer.scores, answer.probabilities[[0, 1], chosen])
    version = make_version(tmp_path, "r", "regression")
    answer = Predictor.load(tmp_path / version.folder, version.artifact_sha256).run(feeds)
    assert (answer.codes, answer.probabilities, answer.labels) == (None, None, answer.scores.tolist())


def test_a_missing_folder_says_so(tmp_path):
    with pytest.raises(ServingError, match=re.escape("the signature cannot be read: No such file or directory")):
        Predictor.load(tmp_path / "nowhere", "0" * 64)


def test_a_batch_that_fails_leaves_nobody_waiting(caplog):
    def flush(batch):
        batch[0].give("answered")
        raise ZeroDivisionError

    said = answers_of(flush, 2)
    assert (said[0], said[1].status) == ("answered", 500)
    assert "a batch failed" in caplog.text


def test_who_cannot_be_told_keeps_nobody_else_from_it(caplog):
    def flush(batch):
        for waiting in batch:
            waiting.give("answered")
            waiting.give("again")

    assert answers_of(flush, 3, deaf=(1,)) == ["answered", None, "answered"]
    assert "an answer could not be given" in caplog.text


def answers_of(flush, count, deaf=()):
    """What each of some requests is told; the deaf fail at it."""
    said = [None] * count

    async def run():
        batcher, told = Batcher(flush, Batching()), asyncio.Event()

        def tell(place, outcome):
            if place in deaf:
                raise ZeroDivisionError
            assert said[place] is None
            said[place] = outcome
            if None not in [each for number, each in enumerate(said) if number not in deaf]:
                told.set()

        for place in range(count):
            batcher.submit(Waiting(None, Asked([None], [], []), 0.0, partial(tell, place)))
        await asyncio.wait_for(told.wait(), 10)

    asyncio.run(run())
    return said


class Clumsy(MlconfigProtocol):
    """A plugin that cannot put anything into words."""

    def codec(self, surface):
        codec = super().codec(surface)

        class Silent:
            def __getattr__(self, name):
                return getattr(codec, name)

            def encode(self, asked, answers):
                return next(iter([]))

        return Silent()

    def refusal(self, problem):
        raise ZeroDivisionError


def test_a_protocol_that_fails_at_answers_and_refusals_leaves_nobody_without_one(
    tmp_path, make_version, make_route_table, caplog
):
    service = Service("churn", tmp_path, Serving(), {"mlconfig": Clumsy()}, replica="r0")
    assert service.swap(make_route_table(make_version(tmp_path, "1"), 1))
    app, told = App(service), []
    route = app.find({"path": "/v1/churn/predict"})

    async def run():
        with pytest.raises(RuntimeError, match="could not be encoded"):
            await asyncio.wait_for(service.predict("mlconfig", WireRequest("predict", BODY)), 5)
        app.answer_whole(route, {b"content-type": b"application/json"}, BODY, told.append)
        app.answer_whole(route, {b"content-type": b"text/html"}, BODY, told.append)
        await asyncio.sleep(0)  # one pass of the loop is a batch
        await asyncio.sleep(0)

    asyncio.run(run())
    service.close()
    assert sorted(reply.status for reply in told) == [415, 500]
    assert "could not put a refusal into words" in caplog.text
