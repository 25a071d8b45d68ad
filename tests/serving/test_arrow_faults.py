"""Bodies of Arrow that would become far more than was sent, hold more than one stream, or are broken: refused before that."""

import asyncio
import random
import struct
import tracemalloc

import httpx
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import ipc

from mlconfig.builtin.arrow_messages import check_messages
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.serving.app import App

ARROW = "application/vnd.apache.arrow.stream"
ROW = {"age": 30, "hours-per-week": 40.5, "plan": "pro"}
SECRET = "4111-1111"
TEXT = "x" * 400_000
END = b"\xff\xff\xff\xff\0\0\0\0"


def post(service, content):
    async def run():
        transport = httpx.ASGITransport(app=App(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("/v1/churn/predict", content=content, headers={"content-type": ARROW})

    return asyncio.run(run())


def stream(table, make=ipc.new_stream, metadata=None, **options):
    sink = pa.BufferOutputStream()
    with make(sink, table.schema, options=ipc.IpcWriteOptions(**options)) as writer:
        for batch in table.to_batches():
            writer.write_batch(batch, **({"custom_metadata": metadata} if metadata else {}))
    return sink.getvalue().to_pybytes()


def rows(count=1, **columns):
    return pa.table({**{name: [value] * count for name, value in ROW.items()}, **columns})


def refused(service, body):
    """Its status, place and words; the body must not have become much more than it is."""
    pool = pa.default_memory_pool()
    before = pool.bytes_allocated()
    highest = pool.max_memory()
    tracemalloc.start()
    answer = post(service, body)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 12 * len(body) + 3_000_000
    assert pool.max_memory() <= max(highest, before + 3 * len(body) + 1_000_000)
    assert 400 <= answer.status_code < 500, answer.text
    assert SECRET not in answer.text
    error = answer.json()["error"]
    return answer.status_code, error.get("where"), error["what"]


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
@pytest.mark.parametrize("dictionary", [False, True])
def test_compressed_batches_are_refused_and_never_unpacked(make_service, codec, dictionary):
    plan = pa.array(["x" * 30_000_000])
    table = rows(plan=plan.dictionary_encode() if dictionary else plan)
    said = refused(make_service(), stream(table, compression=codec))
    assert said == (415, "body", "compressed batches are not taken")


def test_the_compression_of_old_writers_is_refused(make_service):
    body = stream(
        rows(), metadata={"ARROW:experimental_compression": "ZSTD"}, metadata_version=pa.ipc.MetadataVersion.V4
    )
    assert refused(make_service(), body)[:2] == (415, "body")
    assert post(make_service(), stream(rows(), metadata_version=pa.ipc.MetadataVersion.V4)).status_code == 200
    assert post(make_service(), stream(rows(), metadata={"a": "b"})).status_code == 200


def test_answers_are_not_compressed(make_service):
    answer = post(make_service(), stream(rows()))
    assert answer.status_code == 200
    check_messages(answer.content)


@pytest.mark.parametrize("options", [{}, {"compression": "zstd"}])
def test_the_file_format_is_no_stream(make_service, options):
    said = refused(make_service(), stream(rows(), ipc.new_file, **options))
    assert said == (400, "body", "the body is no Arrow stream")


EXPANDING = {
    "run-end": pa.RunEndEncodedArray.from_arrays(pa.array([500], pa.int32()), pa.array([TEXT])),
    "views": pa.Array.from_buffers(
        pa.string_view(),
        500,
        [None, pa.py_buffer(struct.pack("<i4sii", len(TEXT), b"xxxx", 0, 0) * 500), pa.py_buffer(TEXT.encode())],
    ),
    "list views": pa.ListViewArray.from_arrays(
        pa.array([0] * 500, pa.int32()), pa.array([400_000] * 500, pa.int32()), pa.array(np.zeros(400_000, np.int8))
    ),
    "fixed lists": pa.FixedSizeListArray.from_arrays(pa.nulls(500 * 1_000_000), 1_000_000),
    "nothings in a dictionary": pa.DictionaryArray.from_arrays(
        pa.array([0] * 500, pa.int8()), pa.nulls(1_000_000_000), safe=False
    ),
    "runs in a dictionary": pa.DictionaryArray.from_arrays(
        pa.array([0] * 500, pa.int8()),
        pa.RunEndEncodedArray.from_arrays(pa.array([10_000_000], pa.int32()), pa.array(["pro"])),
        safe=False,
    ),
}


@pytest.mark.parametrize("kind", EXPANDING)
def test_columns_that_unfold_are_refused_by_their_type(make_service, kind):
    table = rows(500, plan=EXPANDING[kind])
    assert refused(make_service(), stream(table)) == (422, "plan", "the column is of a type that is no field's")


def test_a_long_text_of_a_dictionary_is_not_copied_for_each_row(make_service):
    once = pa.array([TEXT] * 1000).dictionary_encode()
    assert refused(make_service(), stream(rows(1000, plan=once)))[:2] == (422, "rows[0].plan")


def test_a_dictionary_is_not_copied_for_each_batch(make_service):
    batch = rows(plan=pa.array([TEXT]).dictionary_encode())
    assert refused(make_service(), stream(pa.concat_tables([batch] * 900)))[:2] == (422, "rows[0].plan")


def test_dictionaries_that_grow_are_refused(make_service):
    texts = [TEXT, *map(str, range(300))]
    parts = [rows(plan=pa.DictionaryArray.from_arrays([0], texts[: n + 1])) for n in range(1, 300)]
    body = stream(pa.concat_tables(parts), emit_dictionary_deltas=True)
    assert refused(make_service(), body) == (400, "body", "a dictionary grows from batch to batch")


def test_dictionaries_that_are_replaced_are_read(make_service):
    plans = ["pro", "basic", None, "pro"]
    table = pa.concat_tables([rows(plan=pa.array([plan], pa.string()).dictionary_encode()) for plan in plans])
    whole = post(make_service(), stream(pa.table({**rows(4).to_pydict(), "plan": plans})))
    found = post(make_service(), stream(table))
    assert found.status_code == whole.status_code == 200
    scores = [ipc.open_stream(each.content).read_all()["probability"].to_pylist() for each in (found, whole)]
    assert scores[0] == scores[1]


def test_unknown_columns_are_refused_before_they_are_made_into_rows(make_service):
    table = rows(1000, **{f"u{n}": pa.nulls(1000) for n in range(3000)})
    assert refused(make_service(), stream(table)) == (422, "rows[0].u0", "the field is unknown")


def test_empty_batches_count(make_service):
    table = rows(plan=pa.array([TEXT]).dictionary_encode())
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, table.schema) as writer:
        for _ in range(1001):
            writer.write_batch(table.to_batches()[0].slice(0, 0))
    assert refused(make_service(), sink.getvalue().to_pybytes()) == (422, "rows", "it has more than 1000 batches")


def test_columns_that_share_their_bytes_are_refused(make_service):
    table = rows(age=["a" * 96], plan=["b" * 96])
    body = stream(table)
    batch = next(message for message in ipc.MessageReader.open_stream(body) if message.type == "record batch")
    place = batch.body.to_pybytes().index(b"b" * 96)
    other = batch.body.to_pybytes().index(b"a" * 96)
    told, moved = struct.pack("<qq", place, 96), struct.pack("<qq", other, 104)
    assert body.count(told) == 1
    assert refused(make_service(), body.replace(told, moved)) == (
        400, "body", "columns of a batch share their bytes"
    )  # fmt: skip


@pytest.mark.parametrize("rest", [b"\0", b"garbage", SECRET.encode() * 9, stream(rows()), END, b"\xff\xff\xff\xff"])
@pytest.mark.parametrize("end", [END, b"\0\0\0\0"])
def test_what_follows_the_end_is_refused(make_service, rest, end):
    body = stream(rows()).removesuffix(END)
    assert post(make_service(), body).status_code == 200, "the end may go without saying"
    assert post(make_service(), body + end).status_code == 200
    said = f"there is more after the end of the stream, from byte {len(body + end)} on"
    assert refused(make_service(), body + end + rest) == (400, "body", said)


def test_a_second_stream_without_an_end_between_is_refused(make_service):
    body = stream(rows()).removesuffix(END)
    said = f"a second stream begins at byte {len(body)}"
    assert refused(make_service(), body + stream(rows())) == (400, "body", said)


def broken(old, new):
    """A stream with other bytes in its last batch; its plan is of 9 letters."""
    body = stream(rows(plan=[SECRET]))
    place = body.rindex(old)
    return body[:place] + new + body[place + len(old) :]


@pytest.mark.parametrize(
    "body",
    [
        broken(SECRET.encode(), b"\xff" + SECRET[1:].encode()),
        broken(struct.pack("<ii", 0, 9), struct.pack("<ii", 5, 2)),
        broken(struct.pack("<ii", 0, 9), struct.pack("<ii", 0, 2**30)),
    ],
)
def test_a_broken_column_is_named(make_service, body):
    assert refused(make_service(), body) == (
        400,
        "plan",
        "the column is broken: its text is no UTF-8, or its places lie",
    )


def test_a_broken_dictionary_is_named(make_service):
    table = rows(plan=pa.array(["abcdefgh"]).dictionary_encode())
    body = stream(table).replace(b"abcdefgh", b"\xffbcdefgh")
    assert refused(make_service(), body)[:2] == (400, "plan")
    wrong = pa.DictionaryArray.from_arrays(pa.array([7], pa.int8()), pa.array(["pro"]), safe=False)
    assert refused(make_service(), stream(rows(plan=wrong)))[:2] == (400, "plan")


WHOLE = stream(rows(2, plan=pa.array(["pro", None]).dictionary_encode()))


def test_no_change_of_a_body_is_a_fault_of_the_server(make_service):
    service, chance = make_service(), random.Random(7)
    for _ in range(600):
        place, cut = chance.randrange(len(WHOLE)), chance.choice([0, 1, 4, 8])
        put_in = chance.choice([b"", chance.randbytes(cut), struct.pack("<q", 2**62), b"\xff" * cut, b"\0" * cut])
        answer = post(service, WHOLE[:place] + put_in + WHOLE[place + cut :])
        assert answer.status_code < 500


@given(body=st.binary(max_size=300))
def test_bytes_of_any_kind_are_refused_in_our_words(body):
    with pytest.raises(RequestRefusedError) as caught:
        check_messages(body)
    assert caught.value.status in (400, 415)
