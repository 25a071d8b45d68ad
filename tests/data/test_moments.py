from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlconfig.data.event_time import add_event_time, within
from mlconfig.data.moments import local_to_utc, moment_seconds, seconds_of, wall_clock
from mlconfig.errors import DataError
from mlconfig.records.columns import EVENT_TIME
from mlconfig.sections.data import EventTime, Period

BERLIN = "Europe/Berlin"
MOMENTS = st.datetimes(datetime.fromisoformat("1971-01-01"), datetime.fromisoformat("2037-01-01"))
NEW_YEAR = 1_704_067_200.0  # 2024-01-01, UTC


def event_time(**keys):
    return EventTime.model_validate(keys)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([date(2024, 1, 1), None]),
        pa.array([datetime.fromisoformat("2024-01-01"), None], pa.timestamp("ns")),
        pa.array([datetime(2024, 1, 1, tzinfo=UTC), None], pa.timestamp("s", tz="UTC")),
        pa.array(["2024-01-01T00:00:00Z", None]),
        pa.array(["2024-01-01", None]),
        pa.array([NEW_YEAR, None]),
        pa.array([int(NEW_YEAR), None]),
        pa.array([int(NEW_YEAR) * 1000, None]),
        pa.array([int(NEW_YEAR) * 10**9, None]),
    ],
)
def test_every_form_of_a_moment_is_the_same_second(column):
    seconds = seconds_of(column)
    assert seconds[0] == NEW_YEAR
    assert np.isnan(seconds[1])


def test_times_without_a_zone_are_in_the_time_zone_and_others_keep_theirs():
    texts = pa.array(["2024-07-01 12:00", "2024-07-01T12:00:00+00:00"])
    assert (seconds_of(texts, BERLIN) - moment_seconds("2024-07-01")).tolist() == [10 * 3600, 12 * 3600]
    assert moment_seconds("2024-01-01", BERLIN) == NEW_YEAR - 3600


@given(
    MOMENTS,
    st.sampled_from([BERLIN, "America/New_York", "Asia/Kolkata"]),
)
def test_local_times_agree_with_python(moment, zone):
    local = np.asarray([moment.replace(tzinfo=UTC).timestamp(), np.nan])
    expected = moment.replace(
        tzinfo=ZoneInfo(zone), fold=0
    ).timestamp()  # a table's times do not say which of two they are
    assert local_to_utc(local, zone)[0] == pytest.approx(expected, abs=1e-5)


@given(MOMENTS, st.sampled_from([BERLIN, "Australia/Sydney"]))
def test_a_wall_clock_shows_what_python_shows(moment, zone):
    aware = moment.replace(tzinfo=UTC)
    shown = wall_clock(pa.array([aware], pa.timestamp("us", tz="UTC")), zone)[0].as_py()
    assert abs((shown - aware.astimezone(ZoneInfo(zone)).replace(tzinfo=None)).total_seconds()) < 1e-5


def test_several_columns_are_joined_and_read_by_the_format():
    table = pa.table({"y": [2015, 2015], "m": ["July", "August"], "d": [1, 31], "x": [0, 1]})
    dated = add_event_time(table, event_time(columns=["y", "m", "d"], format="%Y %B %d"), "UTC")
    assert dated[EVENT_TIME].to_pylist() == [moment_seconds("2015-07-01"), moment_seconds("2015-08-31")]


def test_whole_numbers_that_a_null_made_floats_are_read_as_whole():
    table = pa.table({"y": [2015.0, None], "d": ["3", "4"]})
    dated = add_event_time(table, event_time(columns=["y", "d"], format="%Y %d"), "UTC")
    assert dated[EVENT_TIME].to_pylist() == [moment_seconds("2015-01-03"), None]


def test_rows_can_come_at_even_steps():
    dated = add_event_time(pa.table({"x": [1, 2, 3]}), event_time(row_every="30m", since="1996-05-07"), BERLIN)
    first = moment_seconds("1996-05-07", BERLIN)
    assert dated[EVENT_TIME].to_pylist() == [first, first + 1800, first + 3600]


def test_an_unreadable_value_names_column_row_and_format():
    table = pa.table({"day": ["1/1/11", "1/13/11", "13.1.11"], "hr": [0, 1, 2]})
    with pytest.raises(DataError) as caught:
        add_event_time(table, event_time(columns=["day", "hr"], format="%d/%m/%y %H"), "UTC")
    text = str(caught.value)
    assert "column `day` + `hr`: '1/13/11 1' in row 2 does not fit the format '%d/%m/%y %H'" in text
    with pytest.raises(DataError, match="in row 1 does not fit ISO 8601"):
        add_event_time(table, event_time(columns=["day"]), "UTC")


def test_a_column_that_is_no_time_or_not_there_is_told():
    with pytest.raises(DataError, match="type bool holds no time"):
        add_event_time(pa.table({"t": [True]}), event_time(columns=["t"]), "UTC")
    with pytest.raises(DataError, match="did you mean `when`"):
        add_event_time(pa.table({"when": ["2024-01-01"]}), event_time(columns=["wen"]), "UTC")


def test_a_period_is_half_open_and_in_the_time_zone():
    dated = add_event_time(
        pa.table({"t": ["2024-01-01", "2024-01-02", "2024-01-03", None]}), event_time(columns=["t"]), BERLIN
    )
    period = Period(since="2024-01-02", until="2024-01-03")
    assert within(dated, period, BERLIN)["t"].to_pylist() == ["2024-01-02"]
    assert within(dated, Period(), BERLIN).num_rows == 4
