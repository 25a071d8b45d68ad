"""The endpoint over HTTP, in process."""

import asyncio
import json

import httpx
import msgspec
import pytest

from mlconfig.builtin.protocol_mlconfig import MlconfigProtocol
from mlconfig.records.prediction_log import PredictionLog, log_folder
from mlconfig.sections.serving import Serving
from mlconfig.serving.app import App
from mlconfig.serving.service import Service

PROTOCOLS = {"mlconfig": MlconfigProtocol()}

ROW = {"age": 30, "hours-per-week": 40.5, "plan": "pro"}
MANY = {"rows": [ROW, {**ROW, "age": None}, {**ROW, "plan": "unseen"}]}


def ask(app, *requests, root_path=""):
    """Send (method, path, options) all at once; returns the responses."""

    async def run():
        transport = httpx.ASGITransport(app=app, root_path=root_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await asyncio.gather(*(client.request(m, p, **options) for m, p, options in requests))

    return asyncio.run(run())


def post(app, body, path="/v1/churn/predict", **options):
    content = (
        {"content": body, "headers": {"content-type": "application/json"}}
        if isinstance(body, bytes)
        else {"json": body}
    )
    return ask(app, ("POST", path, {**content, **options}))[0]


def log_of(service):
    return PredictionLog(log_folder(service.storage, service.endpoint))


def test_one_row(make_service):
    service = make_service()
    response = post(App(service), ROW)
    answer = response.json()
    assert response.status_code == 200
    assert list(answer) == ["prediction_id", "prediction", "probability", "version"]
    assert answer["prediction"] in ("no", "yes")
    assert 0 < answer["probability"] < 1
    assert (answer["prediction"] == "yes") == (answer["probability"] > 0.5)
    assert answer["version"] == "1"
    assert response.headers["x-prediction-id"] == answer["prediction_id"]


def test_many_rows_answer_as_each_alone(make_service):
    app = App(make_service())
    answer = post(app, MANY).json()
    alone = [post(app, row).json() for row in MANY["rows"]]
    assert [a["probability"] for a in answer["predictions"]] == [a["probability"] for a in alone]
    assert [a["prediction"] for a in answer["predictions"]] == [a["prediction"] for a in alone]
    assert len({a["prediction_id"] for a in answer["predictions"] + alone}) == 6
    assert answer["version"] == "1"
    assert "x-prediction-id" not in post(app, MANY).headers


def test_multiclass_and_regression(make_service):
    answer = post(App(make_service("multiclass")), ROW).json()
    assert answer["prediction"] == 1 + max(range(3), key=answer["probabilities"].__getitem__)
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-6)
    answer = post(App(make_service("regression")), ROW).json()
    assert set(answer) == {"prediction_id", "prediction", "version"}
    assert answer["prediction"] == pytest.approx(0.5 + 0.6 + 0.405 - 0.5, rel=1e-6)


def test_what_was_answered_is_in_the_log_before_the_response(make_service):
    service = make_service()
    answers = post(App(service), {"rows": [{**ROW, "ts": "2026-07-01T12:00:00"}, ROW]}).json()["predictions"]
    log = log_of(service).predictions().to_pylist()  # the writer is still open
    assert [row["prediction_id"] for row in log] == [a["prediction_id"] for a in answers]
    assert [json.loads(row["prediction"]) for row in log] == [a["prediction"] for a in answers]
    assert [row["score"] for row in log] == [a["probability"] for a in answers]
    assert log[0]["event_time"] == 1782900000.0  # 10:00 UTC, twelve o'clock in Berlin
    assert log[1]["event_time"] is None
    assert log[0]["inputs"]["ts"].isoformat() == "2026-07-01T12:00:00"
    assert log[1]["inputs"] == {"age": 30.0, "hours-per-week": 40.5, "plan": "pro", "customer": None, "ts": None}
    assert (log[0]["version"], log[0]["generation"]) == ("1", 1)
    assert log[0]["probabilities"] == pytest.approx([1 - log[0]["score"], log[0]["score"]], abs=1e-6)


def test_concurrent_requests_share_a_call_and_get_their_own_answers(make_service):
    service = make_service()
    rows = [{**ROW, "age": age} for age in range(100)]
    calls = []
    run = service.state.versions.champion.predictor.score
    service.state.versions.champion.predictor.score = lambda feeds: calls.append(len(feeds["num"])) or run(feeds)
    together = ask(App(service), *(("POST", "/v1/churn/predict", {"json": row}) for row in rows))
    assert sum(calls) == 100
    assert len(calls) < 50
    assert max(calls) <= 64
    alone = [post(App(service), row).json()["probability"] for row in rows[::10]]
    assert [r.json()["probability"] for r in together][::10] == pytest.approx(alone, abs=1e-6)


REFUSED = {
    "not json": (b"{", 400, ""),
    "bad utf-8": (b'{"plan":"\xff"}', 400, "plan"),
    "lone surrogate": (b'{"plan":"\\ud800","hours-per-week":1}', 400, "plan"),
    "NaN": (b'{"hours-per-week":NaN,"plan":null}', 400, "hours-per-week"),
    "deep": (b"[" * 200_000, 400, "body"),
    "deep value": (b'{"age":' + b"[" * 200_000, 400, "body"),
    "1e999": (b'{"hours-per-week":1e999,"plan":null}', 422, "hours-per-week"),
    "beyond float32": (b'{"hours-per-week":1e39,"plan":null}', 422, "hours-per-week"),
    "5,000 digits": (b'{"hours-per-week":' + b"9" * 5000 + b',"plan":null}', 422, "hours-per-week"),
    "int64": (b'{"customer":' + b"9" * 5000 + b',"plan":null,"hours-per-week":1}', 422, "customer"),
    "fraction for an integer": (b'{"customer":1.5,"plan":null,"hours-per-week":1}', 422, "customer"),
    "missing": (b'{"plan":null}', 422, "hours-per-week"),
    "null": (b'{"plan":null,"hours-per-week":null}', 422, "hours-per-week"),
    "text for a number": (b'{"plan":null,"hours-per-week":"SECRET"}', 422, "hours-per-week"),
    "number for a text": (b'{"plan":4711,"hours-per-week":1}', 422, "plan"),
    "long text": (b'{"plan":"' + b"S" * 2000 + b'","hours-per-week":1}', 422, "plan"),
    "no moment": (b'{"plan":null,"hours-per-week":1,"ts":"SECRET"}', 422, "ts"),
    "a moment too far": (b'{"plan":null,"hours-per-week":1,"ts":-9.9e10}', 422, "ts"),
    "in a list": (
        b'{"rows":[{"plan":null,"hours-per-week":1},{"plan":null,"hours-per-week":"SECRET"}]}',
        422,
        "rows[1].hours-per-week",
    ),
    "moment in a list": (b'{"rows":[{"plan":null,"hours-per-week":1,"ts":"SECRET"}]}', 422, "rows[0].ts"),
    "no rows": (b'{"rows":[]}', 422, "rows"),
    "too many rows": (b'{"rows":[' + b",".join([b'{"plan":null,"hours-per-week":1}'] * 1001) + b"]}", 422, "rows"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_bodies_are_refused_by_field_and_never_echoed(make_service, case):
    body, status, where = REFUSED[case]
    response = post(App(make_service()), body)
    error = response.json()["error"]
    assert (response.status_code, error.get("where", "")) == (status, where), error
    assert "SECRET" not in response.text
    assert "4711" not in response.text
    assert len(response.content) < 400


def test_an_unknown_field_is_refused_with_the_nearest_name(make_service):
    response = post(App(make_service()), {**ROW, "pIan": "x"})
    assert response.status_code == 422
    assert response.json()["error"] == {"what": "the field is unknown", "where": "pIan", "hint": "did you mean `plan`?"}
    long = post(App(make_service()), {**ROW, "k" * 100_000: 1})
    assert long.status_code == 422
    assert long.json()["error"]["where"] == "k" * 64


def test_an_infinite_answer_is_the_requests_fault_and_not_logged(make_service):
    service = make_service("regression", weight=1e6)
    response = post(App(service), {**ROW, "hours-per-week": 3e38})
    assert response.status_code == 422
    assert response.json()["error"]["what"] == "the model has no finite answer for this row"
    assert log_of(service).predictions().num_rows == 0


def test_size_limits(make_service):
    app = App(make_service())
    announced = post(app, b"{}", headers={"content-type": "application/json", "content-length": str(2**20 + 1)})

    async def streamed():
        for _ in range(20):
            yield b" " * 100_000

    sent = ask(
        app, ("POST", "/v1/churn/predict", {"content": streamed(), "headers": {"content-type": "application/json"}})
    )[0]
    for response in (announced, sent, post(app, b" " * (2**20 + 1))):
        assert response.status_code == 413
        assert response.json()["error"]["where"] == "body"
    assert post(app, b" " * (2**20 - 100) + json.dumps(ROW).encode()).status_code == 200


def test_media_types(make_service):
    app = App(make_service())
    body = json.dumps(ROW).encode()

    def status(**headers):
        return post(app, body, headers={name.replace("_", "-"): value for name, value in headers.items()}).status_code

    assert status(content_type="application/json; charset=utf-8") == 200
    assert status() == 200
    assert status(origin="http://evil.example") == 415  # a page may send this without asking
    assert status(content_type="text/plain") == 415
    assert status(content_type="application/json", content_encoding="gzip") == 415
    assert status(content_type="application/json", content_encoding="identity") == 200


def test_paths_and_methods(make_service):
    app = App(make_service())
    get, delete, other, lost = ask(
        app, ("GET", "/v1/churn/predict", {}), ("DELETE", "/healthz", {}), ("POST", "/v1/other/predict", {"json": ROW}),
        ("GET", "/", {}),
    )  # fmt: skip
    assert (get.status_code, get.headers["allow"]) == (405, "POST")
    assert (delete.status_code, delete.headers["allow"]) == (405, "GET, HEAD")
    assert other.status_code == lost.status_code == 404
    assert other.json()["error"]["hint"].startswith("POST /v1/churn/predict")
    head = ask(app, ("HEAD", "/healthz", {}))[0]
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "15")


@pytest.mark.parametrize(
    ("root", "path"),
    [
        ("", "/v1/churn/predict"),
        ("/v1/churn", "/predict"),
        ("/v1/churn", "/v1/churn/predict"),
        ("/up", "/up/v1/churn/predict"),
    ],
)
def test_a_prefix_may_be_stripped_or_not(make_service, root, path):
    assert ask(App(make_service()), ("POST", path, {"json": ROW}), root_path=root)[0].status_code == 200


def test_metadata_and_probes(make_service, tmp_path):
    app = App(make_service())
    meta, ready, below = ask(app, ("GET", "/v1/churn", {}), ("GET", "/readyz", {}), ("GET", "/v1/churn/readyz", {}))
    assert meta.json()["version"] == "1"
    assert meta.json()["generation"] == 1
    assert meta.json()["signature"]["classes"] == ["no", "yes"]
    assert ready.json() == below.json() == {"status": "ready", "version": "1", "generation": 1}

    service = Service("churn", tmp_path, Serving(), PROTOCOLS, replica="r9")
    bare = App(service)
    healthy, ready, predict, document = ask(
        bare, ("GET", "/healthz", {}), ("GET", "/readyz", {}), ("POST", "/v1/churn/predict", {"json": ROW}),
        ("GET", "/openapi.json", {}),
    )  # fmt: skip
    assert healthy.status_code == 200
    assert {ready.status_code, predict.status_code, document.status_code} == {503}
    assert predict.headers["retry-after"] == "1"
    service.close()


def test_feedback_is_checked_and_kept(make_service):
    service = make_service()
    app, path = App(service), "/v1/churn/feedback"
    first = post(app, {"prediction_id": "p1", "label": "yes"}, path)
    assert (first.status_code, first.json()) == (200, {"accepted": 1})
    more = [
        {"key": 7, "label": "no"},
        {"key": {"customer": 8.0}, "label": "no"},
        {"prediction_id": "p1", "label": "no", "label_version": 2},
    ]
    assert post(app, {"rows": more}, path).json() == {"accepted": 3}
    labels = log_of(service).labels().to_pylist()
    assert [(row["prediction_id"], row["key"], row["label"], row["label_version"]) for row in labels] == [
        ("p1", None, '"no"', 2), (None, "[7]", '"no"', 1), (None, "[8]", '"no"', 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"label": "yes"}, "prediction_id"),
        ({"prediction_id": "p", "key": 7, "label": "yes"}, "prediction_id"),
        ({"prediction_id": "p", "label": "SECRET"}, "label"),
        ({"prediction_id": "p", "label": True}, "label"),
        ({"prediction_id": "p"}, "label"),
        ({"prediction_id": "p", "label": "yes", "label_version": 0}, "label_version"),
        ({"key": {"customer": "SECRET"}, "label": "yes"}, "key.customer"),
        ({"key": {"other": 1}, "label": "yes"}, "key"),
        ({"rows": [{"prediction_id": "p", "label": "yes"}, {"prediction_id": "p", "label": 3}]}, "rows[1].label"),
    ],
)
def test_wrong_feedback_is_refused_whole(make_service, body, where):
    service = make_service()
    response = post(App(service), body, "/v1/churn/feedback")
    assert (response.status_code, response.json()["error"]["where"]) == (422, where)
    assert "SECRET" not in response.text
    assert log_of(service).labels().num_rows == 0


def test_labels_of_other_types(make_service):
    multi, number = make_service("multiclass"), make_service("regression")
    assert post(App(multi), {"prediction_id": "p", "label": 2.0}, "/v1/churn/feedback").status_code == 200
    assert post(App(multi), {"prediction_id": "p", "label": True}, "/v1/churn/feedback").status_code == 422
    assert post(App(number), {"prediction_id": "q", "label": 3}, "/v1/churn/feedback").status_code == 200
    assert log_of(multi).labels().column("label").to_pylist() == ["2", "3.0"]


def test_a_model_that_breaks_on_one_request_answers_the_others(make_service):
    service = make_service()
    run = service.state.versions.champion.predictor.score

    def breaks_on_99(feeds):
        if (feeds["num"][:, 0] == 99).any():
            raise RuntimeError("boom")
        return run(feeds)

    service.state.versions.champion.predictor.score = breaks_on_99
    answers = ask(App(service), *(("POST", "/v1/churn/predict", {"json": {**ROW, "age": age}}) for age in (1, 99, 2)))
    assert [answer.status_code for answer in answers] == [200, 500, 200]
    assert "boom" not in answers[1].text
    assert service.counts().failures == 1


def test_sampling_follows_the_hash_of_the_id(make_service):
    service = make_service(settings=Serving.model_validate({"log": {"sample_fraction": 0.25}}))
    answered = [post(App(service), {"rows": [ROW] * 500}).json()["predictions"] for _ in range(4)]
    ids = {answer["prediction_id"] for batch in answered for answer in batch}
    logged = set(log_of(service).predictions().column("prediction_id").to_pylist())
    assert logged < ids
    assert 420 < len(logged) < 580
    assert log_of(service).lost() == {}


def test_counters(make_service):
    service = make_service()
    post(App(service), ROW)
    post(App(service), MANY)
    post(App(service), b"{")
    stats = service.counts()
    assert stats.requests == {"predict": {200: 2, 400: 1}}
    assert stats.rows == 4
    assert sum(stats.latency.values()) == 2
    assert stats.latency_ns > 0


def test_a_disk_that_refuses_is_counted_and_served(make_service, tmp_path):
    service = make_service()
    (tmp_path / "predictions").write_text("in the way")
    assert post(App(service), ROW).status_code == 200
    assert service.counts().log_dropped == 1
    assert "Not a directory" in service.fault
    label = post(App(service), {"prediction_id": "p", "label": "yes"}, "/v1/churn/feedback")
    assert (label.status_code, label.headers["retry-after"]) == (503, "10")


def test_lifespan_is_answered(make_service):
    sent = []
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive():
        return next(messages)

    async def send(message):
        sent.append(message["type"])

    asyncio.run(App(make_service())({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_client_that_hangs_up_breaks_nothing(make_service):
    service = make_service()
    sent = []

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/churn/predict", "headers": []}
    asyncio.run(App(service)(scope, receive, send))
    assert sent == []
    assert post(App(service), ROW).status_code == 200


def test_the_record_is_versioned_json(make_service):
    from mlconfig.records.segments import read_segment, segment_files

    service = make_service()
    post(App(service), ROW)
    (file,) = segment_files(log_folder(service.storage, "churn") / "segments")
    segment = read_segment(file)
    assert msgspec.json.decode(segment.records[0][1])["v"] == 1
    assert segment.header.meta["time_zone"] == "Europe/Berlin"
