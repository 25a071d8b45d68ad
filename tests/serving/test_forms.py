"""The three forms of our own protocol, and the bounds of what a request may be."""

import asyncio
import json

import httpx
import pyarrow as pa
import pytest

from mlconfig.records.prediction_log import PredictionLog, log_folder
from mlconfig.sections.serving import Limits, Serving, ServingLog
from mlconfig.serving.app import App

ROW = {"age": 30, "hours-per-week": 40.5, "plan": "pro"}
PATH = "/v1/churn/predict"
LINES, ARROW = "application/x-ndjson", "application/vnd.apache.arrow.stream"


def post(service, content, kind="application/json"):
    async def run():
        transport = httpx.ASGITransport(app=App(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post(PATH, content=content, headers={"content-type": kind})

    return asyncio.run(run())


def settings(**limits):
    return Serving(limits=Limits.model_validate(limits))


def stream(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def arrow(service, table):
    answer = post(service, stream(table), ARROW)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == ARROW
    return pa.ipc.open_stream(answer.content).read_all().to_pylist()


def test_lines_are_answered_line_by_line_and_a_bad_one_alone_is_refused(make_service):
    service = make_service()
    lines = [json.dumps(ROW), '{"age":1', json.dumps({**ROW, "age": "SECRET"}), "", json.dumps({**ROW, "plan": None})]
    answer = post(service, "\n".join(lines).encode(), LINES)
    assert (answer.status_code, answer.headers["content-type"]) == (200, LINES)
    said = [json.loads(line) for line in answer.content.splitlines()]
    assert [("prediction" in each, each.get("error", {}).get("where")) for each in said] == [
        (True, None), (False, None), (False, "age"), (True, None)
    ]  # fmt: skip
    assert "SECRET" not in answer.text
    assert said[0]["probability"] == post(service, json.dumps(ROW).encode()).json()["probability"]
    assert len(PredictionLog(log_folder(service.storage, "churn")).predictions()) == 3


def test_lines_are_answered_while_later_ones_are_still_to_come(make_service):
    app, sent, answered = App(make_service()), [], asyncio.Event

    async def run():
        first_answer = answered()
        parts = iter([json.dumps(ROW).encode() + b"\n" + json.dumps(ROW).encode()[:9], json.dumps(ROW).encode()[9:]])
        given = []

        async def receive():
            if given:
                await asyncio.wait_for(first_answer.wait(), 5)  # the second part is sent once the first was answered
            given.append(next(parts))
            return {"type": "http.request", "body": given[-1], "more_body": len(given) == 1}

        async def send(message):
            sent.append(message)
            if message.get("body"):
                first_answer.set()

        headers = [(b"content-type", LINES.encode())]
        await app({"type": "http", "method": "POST", "path": PATH, "headers": headers}, receive, send)

    asyncio.run(run())
    assert [message.get("body", b"").count(b"prediction_id") for message in sent] == [0, 1, 1, 0]
    assert sent[-1].get("more_body", False) is False


def test_more_lines_than_a_request_may_have_rows_are_no_matter(make_service):
    service = make_service("binary", settings(rows=7))
    answer = post(service, b"\n".join([json.dumps(ROW).encode()] * 40), LINES)
    assert len(answer.content.splitlines()) == 40


def test_a_line_beyond_the_cap_ends_the_stream_with_its_error(make_service):
    service = make_service("binary", settings(body="1KiB"))
    answer = post(service, b" " * 2000 + json.dumps(ROW).encode(), LINES)
    assert (answer.status_code, answer.json()["error"]["what"]) == (413, "the body is larger than 1024 bytes")
    assert post(service, b"\n\n", LINES).status_code == 422


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_columns_are_answered_as_rows_are(make_service, task):
    service = make_service(task)
    rows = [ROW, {**ROW, "age": None}, {"age": 20, "hours-per-week": 1.0, "plan": None}]
    table = pa.table({name: [row[name] for row in rows] for name in ROW})
    found = arrow(service, table.append_column("ts", pa.array([None, 1, 2], pa.timestamp("us"))))
    given = post(service, json.dumps({"rows": rows}).encode()).json()["predictions"]
    assert [row["prediction"] for row in found] == [row["prediction"] for row in given]
    assert [row.get("probability") for row in found] == pytest.approx([row.get("probability") for row in given])
    assert [row["fallback"] for row in found] == [False] * 3
    logged = PredictionLog(log_folder(service.storage, "churn")).predictions().to_pylist()
    assert [row["prediction_id"] for row in logged[:3]] == [row["prediction_id"] for row in found]
    assert logged[1]["event_time"] is not None


def test_columns_of_other_types_are_read_as_json_would_be(make_service):
    plan = pa.array(["pro", "basic"]).dictionary_encode()
    table = pa.table(
        {"age": pa.array([30, 31], pa.int8()), "hours-per-week": pa.array([1, 2], pa.decimal128(5, 1)), "plan": plan}
    )
    assert len(arrow(make_service(), table)) == 2
    nan = pa.table({"age": pa.array([float("nan")]), "hours-per-week": [1.0], "plan": ["pro"]})
    assert len(arrow(make_service(), nan)) == 1, "a number that is none is a missing one"


@pytest.mark.parametrize(
    ("table", "status", "where"),
    [
        (pa.table({"age": [1.0], "plan": ["pro"]}), 422, "rows[0].hours-per-week"),
        (pa.table({**{k: [v] for k, v in ROW.items()}, "agee": [1]}), 422, "rows[0].agee"),
        (pa.table({**{k: [v] for k, v in ROW.items()}, "age": [float("inf")]}), 422, "rows[0].age"),
        (pa.table({**{k: [v] for k, v in ROW.items()}, "age": [[1]]}), 422, "age"),
        (pa.table({**{k: [v] for k, v in ROW.items()}, "hours-per-week": [float("nan")]}), 422, "rows[0].hours-per-week"),
        (pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["age", "age"]), 400, "age"),
        (pa.table({k: [v] * 8 for k, v in ROW.items()}), 422, "rows"),
        (pa.table({k: pa.array([], pa.float64()) for k in ROW}), 422, "rows"),
    ],
)  # fmt: skip
def test_columns_that_do_not_fit_are_refused_by_name(make_service, table, status, where):
    answer = post(make_service("binary", settings(rows=7)), stream(table), ARROW)
    assert (answer.status_code, answer.json()["error"]["where"]) == (status, where)


def stored(number, kind):
    """A column of one value as it lies in memory."""
    return pa.array([number], pa.int64() if kind.bit_width == 64 else pa.int32()).view(kind)


@pytest.mark.parametrize(
    "column",
    [
        stored(2**62, pa.timestamp("s")),
        stored(-(2**62), pa.timestamp("us")),
        stored(1, pa.timestamp("s", "No/Where")),
        stored(2**31 - 1, pa.date32()),
        pa.DictionaryArray.from_arrays(pa.array([0]), pa.array([{"a": 1}])),
    ],
    ids=lambda column: str(column.type)[:24],
)
def test_values_that_python_has_no_type_for_are_refused_by_column(make_service, column):
    table = pa.table({**{k: [v] for k, v in ROW.items()}, "ts": column})
    answer = post(make_service(), stream(table), ARROW)
    assert (answer.status_code, answer.json()["error"]["where"]) == (422, "ts")


def test_a_column_whose_name_is_not_utf8_is_refused(make_service):
    body = stream(pa.table({**{k: [v] for k, v in ROW.items()}, "unnamed": [1]})).replace(b"unnamed", b"\xff" * 7)
    assert post(make_service(), body, ARROW).status_code == 400


@pytest.mark.parametrize("body", [b"", b"ARROW1", stream(pa.table({"age": [1.0]}))[:60], b"\xff" * 300])
def test_what_is_no_arrow_stream_is_refused(make_service, body):
    assert post(make_service(), body, ARROW).status_code == 400


TWICE = [
    b'{"age":1,"age":2,"hours-per-week":3,"plan":"pro"}',
    b'{"age":1,"hours-per-week":3,"plan":"a:b","pl\\u0061n":"pro"}',
    b'{"age" :1, "age"\n:2,"hours-per-week":3,"plan":"12:00"}',
    b'{"rows":[{"hours-per-week":3,"plan":"pro","hours-per-week":3}]}',
    b'{"rows":[{"hours-per-week":3,"plan":"pro"}],"rows":[{"hours-per-week":3,"plan":"pro"}]}',
]


@pytest.mark.parametrize("body", TWICE)
def test_a_field_that_is_there_twice_is_refused(make_service, body):
    answer = post(make_service(), body)
    assert (answer.status_code, answer.json()["error"]["what"]) == (400, "the field is there twice")


def test_text_with_colons_is_no_second_field(make_service):
    for row in ({**ROW, "plan": 'a":b":c'}, {**ROW, "ts": "2026-01-01T12:00:00"}, {**ROW, "plan": "::", "age": None}):
        assert post(make_service(), json.dumps(row).encode()).status_code == 200


def test_rows_and_bytes_are_bounded_by_the_recipe(make_service):
    service = make_service("binary", settings(rows=3, body="1KiB", depth=4))
    assert post(service, json.dumps({"rows": [ROW] * 4}).encode()).status_code == 422
    assert post(service, b" " * 1100).status_code == 413
    assert post(service, json.dumps({"rows": [ROW] * 3}).encode()).status_code == 200
    deep = post(service, b'{"age":' + b"[" * 9)
    assert (deep.status_code, deep.json()["error"]["what"]) == (400, "the body is nested deeper than 4 levels")


def test_a_body_that_does_not_come_is_given_up(make_service):
    app, sent = App(make_service("binary", settings(receive="50ms"))), []

    async def run():
        async def receive():
            await asyncio.sleep(60)

        async def send(message):
            sent.append(message)

        await app({"type": "http", "method": "POST", "path": PATH, "headers": []}, receive, send)

    asyncio.run(run())
    assert sent[0]["status"] == 408


def test_an_answer_waits_for_the_disk_where_the_recipe_says_so(make_service, monkeypatch):
    service = make_service("binary", Serving(log=ServingLog(durability="sync")))
    synced = []
    monkeypatch.setattr("os.fdatasync", synced.append)
    assert post(service, json.dumps(ROW).encode()).status_code == 200
    assert synced


def test_what_cannot_be_logged_is_not_answered_where_the_recipe_says_so(make_service, tmp_path):
    (tmp_path / "predictions").write_text("in the way")
    rejects = make_service("binary", Serving(log=ServingLog(on_full="reject")))
    answer = post(rejects, json.dumps(ROW).encode())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    (tmp_path / "predictions").unlink()
    assert post(rejects, json.dumps(ROW).encode()).status_code == 200, "it recovers alone"
    assert rejects.counts().log_dropped == 1
