"""``serving.log``: an answer that waits for the disk, a log that is full, and how much is lost then."""

import asyncio
import json
import os
import resource
import threading
from contextlib import contextmanager

import pytest

from mlconfig.contracts import RequestRefusedError, WireRequest
from mlconfig.records import segment_writer
from mlconfig.records.prediction_log import FEEDBACK, SEGMENTS, PredictionLog, log_folder
from mlconfig.records.segments import read_segment, segment_files
from mlconfig.sections.serving import Serving, ServingLog

BODY = b'{"age": 30, "hours-per-week": 40, "plan": "pro"}'


def settings(**log):
    return Serving(log=ServingLog(**log))


@contextmanager
def no_file_larger_than(size):
    """What a full disk does to a file that grows: EFBIG in the middle of a write, and room again afterwards."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def ask(service, count=1):
    """Answers and refusals, one after the other."""
    found = []
    for _ in range(count):
        try:
            found.append(json.loads((await service.predict("mlconfig", WireRequest("predict", BODY))).body))
        except RequestRefusedError as problem:
            found.append(problem)
    return found


def whole(folder):
    """Rows of segments that end with a whole record, none of them damaged."""
    rows = 0
    for file in segment_files(folder):
        segment = read_segment(file)
        assert (segment.damaged, segment.end) == (0, file.stat().st_size)
        rows += len(segment.records)
    return rows


def test_with_sync_an_answer_waits_for_the_disk(make_service, monkeypatch):
    service = make_service(settings=settings(durability="sync"))
    may_sync, synced = threading.Event(), []

    def slow(descriptor):
        may_sync.wait(10)
        synced.append(descriptor)
        return os_fdatasync(descriptor)

    os_fdatasync = os.fdatasync
    monkeypatch.setattr(segment_writer.os, "fdatasync", slow)

    async def run():
        asked = asyncio.ensure_future(ask(service))
        await asyncio.sleep(0.4)  # four times as long as a background sync waits
        assert not asked.done()
        assert whole(log_folder(service.storage, "churn") / SEGMENTS) == 1
        may_sync.set()
        return await asyncio.wait_for(asked, 5)

    (answer,) = asyncio.run(run())
    assert answer["prediction_id"]
    assert synced


def test_those_who_wait_share_one_sync(make_service, monkeypatch):
    service = make_service(settings=settings(durability="sync"))
    calls, original = [], os.fdatasync
    monkeypatch.setattr(segment_writer.os, "fdatasync", lambda fd: (calls.append(fd), original(fd))[1])

    async def run():
        return await asyncio.gather(*(ask(service, 5) for _ in range(40)))

    answers = [answer for each in asyncio.run(run()) for answer in each]
    assert len(answers) == 200
    assert all(isinstance(answer, dict) for answer in answers)
    assert len(calls) < 50


def test_a_sync_that_fails_refuses_where_nothing_may_be_lost(make_service, monkeypatch):
    service = make_service(settings=settings(durability="sync", on_full="reject"))

    def broken(_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(segment_writer.os, "fdatasync", broken)
        (refused,) = asyncio.run(ask(service))
    assert (refused.status, refused.retry_after) == (503, 5)
    (answer,) = asyncio.run(ask(service))
    assert answer["version"]


@pytest.mark.parametrize("room", [3000, 3100, 3333, 5000])
def test_a_full_log_refuses_and_recovers_alone(make_service, room):
    service = make_service(settings=settings(on_full="reject"))
    folder = log_folder(service.storage, "churn")
    with no_file_larger_than(room):
        first = asyncio.run(ask(service, 60))
    refused = [each for each in first if isinstance(each, RequestRefusedError)]
    answered = [each for each in first if isinstance(each, dict)]
    assert refused
    assert answered
    assert {(each.status, each.retry_after) for each in refused} == {(503, 5)}
    assert whole(folder / SEGMENTS) == len(answered)
    assert service.counts().log_dropped == len(refused)
    again = asyncio.run(ask(service, 10))
    assert all(isinstance(each, dict) for each in again)
    log = PredictionLog(folder)
    ids = {each["prediction_id"] for each in (*answered, *again)}
    assert set(log.predictions().column("prediction_id").to_pylist()) == ids
    assert sum(log.lost().values()) == len(refused)


def test_serve_and_count_answers_and_counts_to_the_row(make_service):
    service = make_service(settings=settings(on_full="serve_and_count"))
    with no_file_larger_than(4000):
        answers = asyncio.run(ask(service, 60))
    assert all(isinstance(each, dict) for each in answers)
    dropped = service.counts().log_dropped
    assert dropped > 0
    asyncio.run(ask(service))
    log = PredictionLog(log_folder(service.storage, "churn"))
    assert log.predictions().num_rows == 61 - dropped
    assert sum(log.lost().values()) == dropped
    assert service.counts().log_dropped == dropped


def test_labels_that_cannot_be_written_are_refused_whole(make_service):
    service = make_service()
    body = json.dumps({"rows": [{"prediction_id": f"b0-{n:x}", "label": "yes"} for n in range(100)]}).encode()
    with no_file_larger_than(3000), pytest.raises(RequestRefusedError, match="could not be written") as told:
        service.feedback(body)
    assert (told.value.status, told.value.retry_after) == (503, 10)
    folder = log_folder(service.storage, "churn") / FEEDBACK
    assert whole(folder) == 0
    assert json.loads(service.feedback(body)) == {"accepted": 100}
    assert whole(folder) == 100


def test_segments_are_no_larger_than_declared(make_service):
    rotate = 64 * 1024
    service = make_service(settings=settings(rotate=rotate))
    body = b'{"rows": [' + b",".join([BODY] * 200) + b"]}"

    async def run():
        for _ in range(6):
            await service.predict("mlconfig", WireRequest("predict", body))

    asyncio.run(run())
    files = segment_files(log_folder(service.storage, "churn") / SEGMENTS)
    assert len(files) > 2
    assert max(file.stat().st_size for file in files) <= rotate
    assert PredictionLog(log_folder(service.storage, "churn")).lost() == {}
