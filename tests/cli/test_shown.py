"""What verbs show beside their tables: what reached nobody, and how far a long judgement is."""

import sys

from mlconfig.cli.monitor import window_progress
from mlconfig.cli.status import SHOWN_UNDELIVERED, print_undelivered
from mlconfig.cli.tables import console


def shown(capsys, count):
    print_undelivered(console(), tuple(f"`rule{i}` [x]" for i in range(count)))
    return capsys.readouterr().out.splitlines()


def test_what_reached_nobody_is_short(capsys):
    assert shown(capsys, 0) == []
    assert shown(capsys, 1) == ["not told `rule0` [x]", "  `mlconfig alerts --resend` sends them now"]
    many = shown(capsys, 40)
    assert len(many) == SHOWN_UNDELIVERED + 2
    assert many[-2] == "not told of 35 more, which `mlconfig alerts` lists"


def test_progress_is_for_a_person_and_beside_what_is_printed(capsys, monkeypatch):
    with window_progress() as progress:
        assert progress is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with window_progress() as progress:
        progress(1, 2)
        progress(2, 3)
    told = capsys.readouterr()
    assert told.out == ""
    assert "judging windows" in told.err
