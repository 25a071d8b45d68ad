"""Decoding and packing: the same values as the Arrow packing gives, whatever valid row comes."""

import datetime as dt
import json
import re

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.records.packing import Packing, pack_rows
from mlconfig.records.signature import Signature
from mlconfig.serving.decode import RowDecoder
from mlconfig.serving.pack import RowPacker

MIXED = Signature.model_validate_json(json.dumps({
    "name": "m", "task": "regression", "target": "y", "time_zone": "America/New_York", "event_time": "when",
    "columns": [
        {"name": "t", "kind": "timestamp", "nullable": True},
        {"name": "class", "kind": "categorical", "nullable": True, "required": False},
        {"name": "x y", "kind": "numeric", "nullable": True},
        {"name": "flag", "kind": "boolean", "nullable": True},
        {"name": "code", "kind": "categorical", "integer": True, "nullable": True},
        {"name": "note", "kind": "categorical", "role": "context", "required": False},
        {"name": "count", "kind": "numeric", "integer": True},
        {"name": "when", "kind": "timestamp", "role": "context", "required": False},
    ],
}))  # fmt: skip

texts = st.text(st.characters(codec="utf-8"), max_size=20)
moments = st.one_of(
    st.datetimes(
        dt.datetime.fromisoformat("0002-01-01"),
        dt.datetime.fromisoformat("9998-01-01"),
        timezones=st.one_of(st.none(), st.timezones()),
    ).map(lambda moment: moment.isoformat()),
    st.integers(-(10**10), 10**10),
    st.floats(-1e10, 1e10),
    st.integers(10**11, 10**13),
)
rows = st.fixed_dictionaries(
    {
        "t": st.none() | moments,
        "x y": st.none() | st.floats(-3.4e38, 3.4e38) | st.integers(-(10**6), 10**6),
        "flag": st.none() | st.booleans(),
        "code": st.none() | st.integers(-(10**6), 10**6) | texts,
        "count": st.integers(-(2**40), 2**40),
    },
    optional={"class": st.none() | texts, "note": texts},
)
DECODER, PACKER, PACKING = RowDecoder(MIXED), RowPacker(MIXED), Packing.of(MIXED)


def packed(body):
    request = DECODER.from_json(body)
    return PACKER.pack(request.rows, request.times)


@given(given_rows=st.lists(rows, min_size=1, max_size=4))
def test_online_and_batch_packing_are_one(given_rows):
    online = packed(json.dumps({"rows": given_rows}).encode())
    batch = [pack_rows([row], PACKING, MIXED.time_zone, "float64") for row in given_rows]
    for name, matrix in online.items():
        expected = np.concatenate([feeds[name] for feeds in batch])
        assert matrix.dtype == expected.dtype
        assert matrix.shape == expected.shape
        if name == "time":  # sub-microsecond fractions may fall on either side of a second
            assert np.abs(matrix - expected).max() <= 1
        else:
            np.testing.assert_array_equal(matrix, expected)


def test_one_row_and_a_list_of_one():
    row = {"t": None, "x y": 1, "flag": True, "code": "a", "count": 2.0}
    one, many = DECODER.from_json(json.dumps(row).encode()), DECODER.from_json(json.dumps({"rows": [row]}).encode())
    assert (one.shape, many.shape) == (True, False)
    assert msgspec.to_builtins(one.rows[0]) == msgspec.to_builtins(many.rows[0])


@pytest.mark.parametrize(
    ("when", "seconds"),
    [
        ("2026-07-01T12:00:00", 1782921600.0),  # New York, summer
        ("2026-07-01T12:00:00Z", 1782907200.0),
        ("2026-07-01T12:00:00.5+02:00", 1782900000.5),
        ("2026-07-01", 1782878400.0),
        (1782907200, 1782907200.0),
        (1782907200123, 1782907200.123),
    ],
)
def test_event_time(when, seconds):
    body = {"t": None, "x y": 1, "flag": True, "code": "a", "count": 1, "when": when}
    assert DECODER.from_json(json.dumps(body).encode()).event_times == [seconds]


def test_event_time_of_a_number_column(make_signature):
    columns = [{"name": "ts", "kind": "numeric", "nullable": True}]
    decoder = RowDecoder(make_signature(columns=columns))
    assert decoder.from_json(b'{"ts": 12.5}').event_times == [12.5]
    assert decoder.from_json(b'{"ts": null}').event_times == [None]


def test_categories_that_were_numbers_take_numbers(make_signature):
    columns = [{"name": "plan", "kind": "categorical"}]
    for example, taken in (({"plan": "a"}, False), ({"plan": 3}, True)):
        decoder = RowDecoder(make_signature(columns=columns, example=example))
        if taken:
            request = decoder.from_json(b'{"rows":[{"plan":3},{"plan":3.0},{"plan":true},{"plan":"3"}]}')
            assert RowPacker(decoder.signature).pack(request.rows, request.times)["cat"].tolist() == [
                ["3"],
                ["3"],
                ["true"],
                ["3"],
            ]
        else:
            with pytest.raises(RequestRefusedError, match=re.escape("plan: expected text, got a whole number")):
                decoder.from_json(b'{"plan":3}')


def test_messages_are_in_our_words():
    with pytest.raises(RequestRefusedError, match=re.escape("flag: expected true or false")):
        DECODER.from_json(b'{"t":null,"x y":1,"flag":"yes","code":"a","count":1}')
    with pytest.raises(RequestRefusedError) as refused:
        DECODER.from_json(b'{"t":null}')
    assert (refused.value.status, str(refused.value)) == (
        422, "x y: the field is required\n  hint: send null where the signature allows it",
    )  # fmt: skip
