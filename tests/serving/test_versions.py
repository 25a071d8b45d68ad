"""More than one version in a replica: a sticky canary, shadows that nobody waits for, and what answers in a version's place."""

import asyncio
import gc
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from mlconfig.builtin.protocol_mlconfig import MlconfigProtocol
from mlconfig.contracts.protocol import WireRequest
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.records.prediction_log import SHADOW, PredictionLog, log_folder
from mlconfig.records.route import Canary, RouteTable
from mlconfig.records.segments import lock_segment
from mlconfig.sections.serving import Batching, Constant, Limits, Serving
from mlconfig.serving.app import App
from mlconfig.serving.compaction import FileManifest, compact
from mlconfig.serving.service import Service
from mlconfig.serving.shadowing import MOST_BEHIND

PROTOCOLS = {"mlconfig": MlconfigProtocol()}
ROW = {"age": 30, "hours-per-week": 40.5, "plan": "pro"}
PATH = "/v1/churn/predict"


@pytest.fixture
def serve(tmp_path, make_version):
    """A service of versions by weight: the champion, and beside it what keywords name."""
    made = []

    def start(settings=None, clock=lambda: 100.0, task="binary", spoil=None, **beside):
        weights = {"champion": 1.0, "previous": 2.0, "canary": 3.0, "shadow": 4.0}
        found = {name: make_version(tmp_path, f"{len(made)}{name}", task, weight) for name, weight in weights.items()}
        if spoil is not None:
            (tmp_path / found[spoil].folder / "model.onnx").write_bytes(b"no model")
        canary = beside.get("percent")
        table = RouteTable(
            endpoint="churn", generation=1, created_at=1.0, champion=found["champion"],
            previous=found["previous"] if beside.get("previous") else None,
            canary=None if canary is None else Canary(version=found["canary"], percent=canary, expires=160.0),
            shadows=(found["shadow"],) if beside.get("shadow") else (),
        )  # fmt: skip
        service = Service("churn", tmp_path, settings or Serving(), PROTOCOLS, replica="r0", clock=clock)
        made.append(service)
        assert service.swap(table), service.problem
        return service

    yield start
    for service in made:
        service.close()


def ask(service, *bodies):
    async def run():
        transport = httpx.ASGITransport(app=App(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await asyncio.gather(*(client.post(PATH, json=body) for body in bodies))

    return asyncio.run(run())


def broken(service, which):
    """Have a version fail from now on."""

    def fail(feeds):
        raise RuntimeError("out of order")

    getattr(service.state.versions, which).predictor.score = fail


def log_of(service, part=""):
    service.flush()
    return PredictionLog(log_folder(service.storage, "churn") / part).predictions().to_pylist()


def by_customer(service, customers):
    answers = ask(service, *({**ROW, "customer": customer} for customer in customers))
    return {customer: answer.json()["version"] for customer, answer in zip(customers, answers, strict=True)}


def test_a_canary_answers_its_share_and_keeps_its_customers(serve):
    chosen = {percent: by_customer(serve(percent=percent), range(1000)) for percent in (0.0, 5.0, 20.0, 100.0)}
    mine = {
        percent: {c for c, version in found.items() if version.endswith("canary")} for percent, found in chosen.items()
    }
    assert [len(mine[percent]) for percent in (0.0, 100.0)] == [0, 1000]
    assert 30 <= len(mine[5.0]) <= 70
    assert 160 <= len(mine[20.0]) <= 240
    assert mine[5.0] <= mine[20.0], "a share that grows keeps whom it had"


def test_rows_of_one_request_keep_their_own_version(serve):
    service = serve(percent=50.0)
    alone = by_customer(service, range(40))
    rows = [{**ROW, "customer": customer} for customer in range(40)]
    answer = ask(service, {"rows": rows})[0].json()
    assert answer["version"].endswith("champion")
    together = {c: row.get("version", answer["version"]) for c, row in enumerate(answer["predictions"])}
    assert together == alone
    logged = {row["inputs"]["customer"]: row["version"] for row in log_of(service)[40:]}
    assert logged == alone


def test_a_canary_that_is_not_renewed_gets_nothing(serve):
    now = [100.0]
    service = serve(percent=100.0, clock=lambda: now[0])
    assert ask(service, ROW)[0].json()["version"].endswith("canary")
    now[0] = 160.0
    assert ask(service, ROW)[0].json()["version"].endswith("champion")


def test_a_row_without_a_key_goes_by_its_prediction_id(serve):
    versions = [answer.json()["version"] for answer in ask(serve(percent=50.0), *[ROW] * 200)]
    assert 60 <= sum(version.endswith("canary") for version in versions) <= 140


def test_a_shadow_answers_the_same_rows_under_the_same_ids_and_apart(serve):
    service = serve(shadow=True)
    answers = ask(service, ROW, {"rows": [ROW, {**ROW, "age": None}]})
    ids = [answers[0].json()["prediction_id"], *(row["prediction_id"] for row in answers[1].json()["predictions"])]
    log, shadow = log_of(service), log_of(service, SHADOW)
    assert [row["prediction_id"] for row in log] == [row["prediction_id"] for row in shadow] == ids
    assert {row["version"][1:] for row in shadow} == {"shadow"}
    assert [row["inputs"] for row in shadow] == [row["inputs"] for row in log]
    assert all(one["score"] != other["score"] for one, other in zip(log, shadow, strict=True))
    broken(service, "champion")
    service.state.versions.shadows[0].predictor.score = None
    assert ask(service, ROW)[0].status_code == 500, "the champion's own failure"


def test_both_logs_are_compacted(serve):
    service = serve(shadow=True)
    ask(service, ROW, ROW)
    before = log_of(service), log_of(service, SHADOW)
    service.close()
    folder = log_folder(service.storage, "churn")
    manifest = FileManifest(folder / "manifest.jsonl")
    for log in (folder, folder / SHADOW):
        compact(log, manifest)
        assert list((log / "segments").glob("*.seg")) == []
    assert len(manifest.rows()) == 2
    assert [len(rows) for rows in before] == [2, 2]
    assert [row["prediction_id"] for row in log_of(service)] == [
        row["prediction_id"] for row in log_of(service, SHADOW)
    ]


def test_shadows_are_asked_about_many_requests_at_once_and_soon(serve):
    service = serve(shadow=True)
    asked, all_of_them, loops = [], asyncio.Event(), []
    run = service.state.versions.shadows[0].predictor.score

    def noted(feeds):
        asked.append(len(feeds["num"]))
        if sum(asked) == 100:
            loops[0].call_soon_threadsafe(all_of_them.set)
        return run(feeds)

    service.state.versions.shadows[0].predictor.score = noted

    async def one_by_one():
        loops.append(asyncio.get_running_loop())
        transport = httpx.ASGITransport(app=App(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            for _ in range(100):
                assert (await client.post(PATH, json=ROW)).status_code == 200
            await all_of_them.wait()

    asyncio.run(asyncio.wait_for(one_by_one(), 20))
    assert len(asked) < 50
    assert max(asked) <= 64


def test_nobody_waits_for_a_slow_shadow_and_none_of_its_rows_are_lost(serve):
    service = serve(Serving(batching=Batching(max_rows=4)), shadow=True)
    may_go_on, asked = threading.Event(), []
    run = service.state.versions.shadows[0].predictor.score

    def slow(feeds):
        asked.append(len(feeds["num"]))
        assert may_go_on.wait(20)
        return run(feeds)

    service.state.versions.shadows[0].predictor.score = slow
    answers = ask(service, *[ROW] * 12)
    assert [answer.status_code for answer in answers] == [200] * 12
    assert sum(asked) < 12, "they are answered while it is still asked"
    may_go_on.set()
    ids = [answer.json()["prediction_id"] for answer in answers]
    assert [row["prediction_id"] for row in log_of(service, SHADOW)] == ids


def test_a_shadow_that_stays_behind_slows_its_endpoint_down_and_does_not_pile_up(serve):
    service = serve(Serving(batching=Batching(max_rows=4)), shadow=True)
    asked, run = [], service.state.versions.shadows[0].predictor.score

    def slow(feeds):
        asked.append(len(feeds["num"]))
        time.sleep(0.02)
        return run(feeds)

    service.state.versions.shadows[0].predictor.score = slow
    answers = ask(service, *[ROW] * 200)
    assert max(asked) <= MOST_BEHIND * 4 + 2 * 4
    assert len(log_of(service, SHADOW)) == len(answers) == sum(asked)


def test_answers_and_refusals_leave_nothing_behind_that_python_has_to_look_for(serve):
    now, wait = [100.0], [0.0]

    def clock():
        now[0] += wait[0]
        return now[0]

    service = serve(Serving(batching=Batching(max_rows=4)), clock, percent=50.0, shadow=True)
    request = WireRequest("predict", json.dumps(ROW).encode())

    async def one(late):
        wait[0] = late
        try:
            await service.predict("mlconfig", request)
        except RequestRefusedError as problem:
            return problem.status
        return 200

    async def run(rounds):
        return [await asyncio.gather(*(one(late) for _ in range(3))) for _ in range(rounds) for late in (0.0, 40.0)]

    asyncio.run(run(20))
    service.flush()
    gc.collect()
    gc.disable()
    try:
        found = asyncio.run(run(50))
        service.flush()
        assert {status for each in found for status in each} == {200, 503}
        assert gc.collect() < 30, "those of the event loop itself, and not some for each request"
    finally:
        gc.enable()


def test_an_answer_is_sent_before_a_shadow_is_waited_for(serve):
    """A server writes a response once the task that waits for it goes on, which is after the batch."""
    service = serve(Serving(batching=Batching(max_rows=4)), shadow=True)
    run, may_go_on, went_on = service.state.versions.shadows[0].predictor.score, threading.Event(), []

    def slow(feeds):
        went_on.append(may_go_on.wait(5))
        return run(feeds)

    service.state.versions.shadows[0].predictor.score = slow
    request = WireRequest("predict", json.dumps(ROW).encode())

    async def one_after_the_other():
        for _ in range(MOST_BEHIND * 4 + 4):  # the last one finds too many behind
            await service.predict("mlconfig", request)
        may_go_on.set()

    asyncio.run(one_after_the_other())
    service.flush()
    assert went_on
    assert all(went_on)


def test_a_shadow_without_a_thread_is_asked_all_the_same(serve, monkeypatch):
    """As when Python ends: what is closed then must keep what was answered."""
    service = serve(shadow=True)
    (answer,) = ask(service, ROW)

    def submit(*_):
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit)
    assert [row["prediction_id"] for row in log_of(service, SHADOW)] == [answer.json()["prediction_id"]]


def test_logs_are_closed_though_shadows_cannot_be_asked(serve, monkeypatch):
    service = serve(shadow=True)
    ask(service, ROW)
    with monkeypatch.context() as patched:
        patched.setattr(service._answerer.shadows, "flush", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            service.close()
    files = list(log_folder(service.storage, "churn").rglob("*.seg"))
    assert files
    for file in files:
        with file.open("rb") as held:
            assert lock_segment(held), "a segment that is closed is free to be compacted"


def test_shadows_that_cannot_be_noted_harm_no_answer(serve, monkeypatch, caplog):
    service = serve(shadow=True)
    monkeypatch.setattr(service._answerer.shadows, "_go_on", lambda: 1 / 0)
    answers = ask(service, *[ROW] * 5)
    assert [answer.status_code for answer in answers] == [200] * 5
    assert "shadows could not be asked" in caplog.text


def test_a_shadow_that_fails_fails_nobody(serve):
    service = serve(shadow=True)
    service.state.versions.shadows[0].predictor.score = None
    assert ask(service, ROW)[0].status_code == 200
    assert log_of(service, SHADOW) == []


def test_without_a_fallback_a_failure_is_told(serve):
    service = serve(previous=True)
    broken(service, "champion")
    answer = ask(service, ROW)[0]
    assert (answer.status_code, answer.json()["error"]["what"]) == (500, "the model failed on this request")


def test_the_version_before_answers_marked_and_counted(serve):
    service = serve(Serving(fallback="previous"), previous=True)
    usual = ask(service, ROW)[0].json()
    broken(service, "champion")
    one, many = ask(service, ROW, {"rows": [ROW, ROW]})
    assert one.json()["fallback"] is True
    assert one.json()["version"].endswith("previous")
    assert one.json()["probability"] != usual["probability"]
    assert [row["fallback"] for row in many.json()["predictions"]] == [True, True]
    assert {row["version"][1:] for row in log_of(service)[1:]} == {"previous"}
    assert (service.counts().fallback, service.counts().failures) == (2, 2)
    broken(service, "previous")
    assert ask(service, ROW)[0].status_code == 500


@pytest.mark.parametrize(
    ("task", "constant", "prediction"),
    [("binary", 0.5, "yes"), ("binary", 0.49, "no"), ("regression", -3.25, -3.25), ("multiclass", "2", 2)],
)
def test_a_constant_answers_and_is_no_versions_own(serve, task, constant, prediction):
    service = serve(Serving(fallback=Constant(constant=constant)), task=task)
    broken(service, "champion")
    answer = ask(service, ROW)[0].json()
    assert (answer["prediction"], answer["fallback"], answer["version"]) == (prediction, True, "constant")
    assert [row["version"] for row in log_of(service)] == ["constant"]


def test_a_constant_that_is_no_class_is_told(serve):
    service = serve(Serving(fallback=Constant(constant="blue")), task="multiclass")
    assert "it is none of the classes 1, 2, 3" in service.fault
    broken(service, "champion")
    answer = ask(service, ROW)[0]
    assert (answer.status_code, answer.json()["error"]["what"]) == (500, "the model failed on this request")


async def readiness(service):
    transport = httpx.ASGITransport(app=App(service))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return (await client.get("/readyz")).json()


def test_a_champion_that_cannot_be_loaded_is_made_up_for_until_it_can(serve, tmp_path):
    with pytest.raises(AssertionError, match="the bytes are not those that passed the gate"):
        serve(spoil="champion", previous=True)
    service = serve(Serving(fallback="previous"), spoil="champion", previous=True)
    assert "the fallback answers" in service.fault
    assert ask(service, ROW)[0].json()["version"].endswith("previous")
    assert service.state.is_makeshift
    told = asyncio.run(readiness(service))
    assert (told["status"], told["fallback"]) == ("ready", True)


def test_what_waited_too_long_is_answered_by_the_fallback(serve):
    now = [100.0]
    settings = {"limits": Limits.model_validate({"deadline": "5s"})}
    slow, made_up = serve(Serving(**settings), lambda: now[0]), serve(
        Serving(**settings, fallback=Constant(constant=0.25)), lambda: now[0]
    )  # fmt: skip

    def ask_late(service):
        flush = service._batcher._flush

        def later(batch):
            now[0] += 6.0
            flush(batch)

        service._batcher._flush = later
        return ask(service, ROW)[0]

    late = ask_late(slow)
    assert (late.status_code, late.headers["retry-after"]) == (503, "1")
    assert json.loads(ask_late(made_up).content)["probability"] == 0.25


def test_versions_that_need_other_columns_are_left_out(serve, tmp_path, make_version):
    service = serve()
    columns = [
        {"name": "b", "kind": "numeric"},
        {"name": "c", "kind": "numeric"},
        {"name": "plan", "kind": "categorical"},
    ]
    other = make_version(tmp_path, "other", columns=columns, event_time=None, key=[], example={})
    table = service.state.table
    assert service.swap(table.model_copy(update={"generation": 2, "shadows": (other,)})), service.problem
    assert (
        "version other: signature: it needs `b`, `c`, which the requests of this endpoint do not have" in service.fault
    )
    assert ask(service, ROW)[0].status_code == 200
