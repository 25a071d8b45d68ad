"""The file of a profile: it gives back what was put in, is small, holds no rows, and is refused when damaged."""

import zlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlconfig.errors import DataError
from mlconfig.profiles import varint
from mlconfig.profiles.binary import MAGIC, VERSION, dump, load
from mlconfig.profiles.profile import NumericCounts, empty_profile, fit_layout, profile_of


def standard(n):
    """14 numeric columns of several shapes and 6 categorical ones of 3 to 50 levels."""
    generator = np.random.default_rng(7)
    shapes = [
        lambda: generator.normal(size=n),
        lambda: generator.lognormal(0, 1.5, n),
        lambda: generator.gamma(2, 2, n),
        lambda: np.round(generator.normal(50, 10, n)),
    ]
    columns = {f"number_{i}": shapes[i % 4]().astype(np.float32) for i in range(14)}
    for i, levels in enumerate((3, 5, 8, 12, 20, 50)):
        codes = pa.array(generator.integers(0, levels, n), pa.int32())
        columns[f"level_{i}"] = pa.DictionaryArray.from_arrays(codes, [f"level {j}" for j in range(levels)])
    kinds = {name: "numeric" if name.startswith("number") else "categorical" for name in columns}
    return columns, kinds


def small_profile():
    columns = {"x": np.array([1.0, np.nan, 3.0, np.inf, 900.0]), "y": pa.array(["é", "b", None, "b", "b"])}
    return profile_of(fit_layout(columns, {"x": "numeric", "y": "categorical"}), columns)


def assert_equal(left, right):
    assert left.layout == right.layout
    assert left.layout.digest == right.layout.digest
    assert left.rows == right.rows
    assert np.array_equal(left.moments, right.moments)
    for name, mine in left.columns.items():
        theirs = vars(right.columns[name])
        for field, value in vars(mine).items():
            assert np.array_equal(value, theirs[field]), (name, field)


@settings(deadline=None, max_examples=50)
@given(
    hnp.arrays(np.float64, st.integers(0, 60), elements=st.floats()),
    hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats()),
    st.lists(st.one_of(st.none(), st.text(max_size=8)), min_size=1, max_size=40),
)
def test_load_gives_back_what_was_dumped(window, reference, levels):
    levels = [None if level is None else level.encode("utf-8", "replace").decode() for level in levels]
    layout = fit_layout({"x": reference, "y": pa.array(levels, pa.string())}, {"x": "numeric", "y": "categorical"})
    texts = pa.array((levels * 60)[: len(window)], pa.string())
    profile = profile_of(layout, {"x": window, "y": texts})
    assert_equal(load(dump(profile)), profile)
    assert dump(load(dump(profile))) == dump(profile)


def test_a_profile_of_nothing_survives():
    empty = empty_profile(small_profile().layout)
    assert_equal(load(dump(empty)), empty)


def test_loaded_and_fresh_profiles_can_be_merged():
    profile = small_profile()
    assert profile.merge(load(dump(profile))).rows == 2 * profile.rows


@pytest.mark.parametrize("n", [10_000, 300_000])
def test_twenty_columns_fit_in_40_kib(n):
    columns, kinds = standard(n)
    assert len(dump(profile_of(fit_layout(columns, kinds), columns))) <= 40 * 1024


def test_the_file_holds_no_row():
    """Single values of a numeric column cannot be read off: only the extremes stand in it exactly."""
    values = np.random.default_rng(0).normal(1e6, 1e3, 5_000)
    data = dump(profile_of(fit_layout({"x": values}, {"x": "numeric"}), {"x": values}))
    body = zlib.decompress(data[10:])
    held = [value for value in values if np.float64(value).tobytes() in body]
    assert set(held) <= {values.min(), values.max(), np.median(values)}


@pytest.mark.parametrize("place", [0, 3, 4, 6, 9, 10, 30, 77, 150, -1])
def test_a_changed_byte_is_noticed(place):
    data = bytearray(dump(small_profile()))
    data[place] ^= 0x40
    damage = (
        "are no profile" if 0 <= place < 4 else "a profile of version" if 0 <= place < 6 else "its checksum differs"
    )
    with pytest.raises(DataError, match=damage):
        load(bytes(data))


@pytest.mark.parametrize("size", [0, 3, 9, 10, 60])
def test_a_cut_file_is_refused(size):
    with pytest.raises(DataError, match="profile"):
        load(dump(small_profile())[:size])


def test_another_version_is_refused_by_its_number():
    data = dump(small_profile())
    newer = data[:4] + (VERSION + 1).to_bytes(2, "little") + data[6:]
    with pytest.raises(DataError, match=f"a profile of version 2; this release reads {VERSION}"):
        load(newer)


def repacked(change):
    data = dump(small_profile())
    packed = zlib.compress(change(zlib.decompress(data[10:])))
    return data[:6] + zlib.crc32(packed).to_bytes(4, "little") + packed


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body[:-3],
        lambda body: body + b"\x01",
        lambda body: body[:-1] + b"\xff",
        lambda body: body.replace(b'"numeric"', b'"strange"'),
        lambda body: body.replace(b'"floats":', b'"flaots":'),
        lambda body: b"\xff\xff\xff\x7f" + body[4:],
        lambda _: b"",
        lambda _: b"\x02\x00\x00\x00[]",
    ],
)
def test_a_body_that_contradicts_itself_is_refused(change):
    with pytest.raises(DataError, match="a profile that cannot be read"):
        load(repacked(change))


def test_a_body_that_would_fill_the_memory_is_refused():
    bomb = zlib.compress(bytes(80 << 20))
    with pytest.raises(DataError, match="cut short or too large"):
        load(MAGIC + VERSION.to_bytes(2, "little") + zlib.crc32(bomb).to_bytes(4, "little") + bomb)


@settings(deadline=None)
@given(hnp.arrays(np.int64, st.integers(0, 50), elements=st.integers(0, 2**63 - 1)))
def test_integers_survive_their_bytes(values):
    assert np.array_equal(varint.decode(varint.encode(values)), values)


@settings(deadline=None)
@given(hnp.arrays(np.int64, st.integers(0, 50), elements=st.integers(-(2**62), 2**62 - 1)))
def test_signed_integers_survive_zigzag(values):
    folded = varint.zigzag(values)
    assert np.all(folded >= 0)
    assert np.array_equal(varint.unzigzag(folded), values)


def test_a_histogram_far_from_its_centre_survives():
    layout = fit_layout({"x": np.arange(100.0)}, {"x": "numeric"})
    profile = profile_of(layout, {"x": np.array([1e9, -1e9, 1e9])})
    loaded = load(dump(profile)).columns["x"]
    assert isinstance(loaded, NumericCounts)
    assert (loaded.counts[0], loaded.counts[-1]) == (1, 2)
