"""The page: a small one is golden, whatever is in it is escaped, it loads nothing, and it stays small.

When a page changes on purpose, write it anew and look at it in a browser:

    MLCONFIG_WRITE_GOLDEN=1 pytest tests/pages
"""

import os
import re
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from mlconfig.pages.monitoring_report import Compared, VersionChange, render
from mlconfig.vocabulary import Window

GOLDEN = Path(__file__).parent / "golden"
VOID = {"meta", "input", "br", "col", "path", "use", "circle"}
TEMPLATES = Path(render.__code__.co_filename).parent / "templates"
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}"


class Parsed(HTMLParser):
    """Tags in order; complains about what is closed wrongly, and about one id twice."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text, self.ids = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []
        assert len(self.ids) == len(set(self.ids)), "an id stands twice"

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), (tag, names)
        self.tags.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data):
        self.text.append(data)

    @property
    def words(self):
        """All that is read, as one line."""
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def small(make):
    """Two columns, two days, one drift that begins and one alert; a window without rows, and labels."""
    x, kind = np.arange(400.0) % 40, np.array(["a", "b", "b", "c"] * 100, dtype=object)
    answers = {"prediction.label": np.array(["no", "yes"] * 200, dtype=object)}
    verdicts = [
        make.verdict(
            "input_drift", hour,
            [make.finding("x", 0.4 if hour >= 30 else 0.02, details={"ks": 0.2}), make.finding("kind", 0.03)],
            state="alert" if hour > 32 else "ok", since=make.START + 30 * make.HOUR if hour > 32 else None,
            cause="lasting_drift" if hour >= 30 else None, advice="see which columns moved" if hour >= 30 else "",
        )
        for hour in range(48) if hour != 7
    ]  # fmt: skip
    return make.report(
        owner="on-call@example.com",
        time_zone="Europe/Berlin",
        live_since=make.START - make.DAY,
        inputs=make.compared({"x": x, "kind": kind}, {"x": x + 15, "kind": kind[::-1]}),
        outputs=make.compared(answers, answers),
        current_window=Window(start=make.START + make.DAY, end=make.START + 2 * make.DAY),
        verdicts=(*verdicts, *(make.scored(hour, 0.81 - hour / 1000) for hour in range(0, 40, 4))),
        alerts=(make.alert(33, what="input_drift of version 7: alert: `x` moved", advice="look"),),
        changes=(VersionChange(make.START + 3 * make.HOUR, "7", "retrained"),),
        volume={make.START + hour * make.HOUR: 1000 for hour in range(48) if hour != 7},
        metric="accuracy",
    )


def body(page):
    """Without styles and script, which are files of their own."""
    return page[page.index("<header") : page.index("</footer>")] + "\n"


def test_a_small_page_is_the_golden_one(small):
    file, page = GOLDEN / "monitoring_report.html", body(render(small))
    if os.environ.get("MLCONFIG_WRITE_GOLDEN"):
        file.write_text(page)
    assert page == file.read_text(), "the page changed; see this file's first lines"


def test_the_same_report_gives_the_same_page(small):
    assert render(small) == render(small)


def test_it_is_well_formed_and_says_what_it_must(small):
    page = Parsed(render(small))
    for words in (
        "1 signal needs a person.",
        "Inputs are distributed differently from the reference. 1 of 2 columns beyond the limit.",
        "At worst 4.0× its limit: PSI 0.4 where 0.1 is allowed",
        "9 May 2026, 08:00 (for 18 hours)",
        "Probably the world has changed, and stays so.",
        "What to do: See which columns moved.",
        "beyond its limit in 18 of 47 windows, at worst 4.0× its limit on 9 May 2026, 08:00",
        "60.0 % of 10,000 predictions in scored windows have a label",
        "measured by labels: 0.774 (0.754 to 0.794) in the newest of 10 windows of 1 hour",
        "input_drift of version 7: alert: x moved",
        "still lasts",
    ):
        assert words in page.words
    assert {"i-ok", "i-alert", "column-0", "column-1", "answer-0", "verdicts", "inputs"} <= set(page.ids)


def test_links_lead_somewhere_and_labels_exist(small, large):
    for report in (small, large):
        page = Parsed(render(report))
        wanted = {tag["href"][1:] for _, tag in page.tags if tag.get("href", "").startswith("#")}
        wanted |= {tag["aria-labelledby"] for _, tag in page.tags if "aria-labelledby" in tag}
        assert wanted <= set(page.ids)


def test_pictures_have_words_and_tables_have_headers(large):
    text = render(large)
    for picture in re.findall(r"<svg(?![^>]*aria-hidden)[^>]*>.{0,7}", text):
        assert 'role="img"' in picture
        assert picture.endswith("><title>"), "a picture without words"
    for table in re.findall(r"<table.*?</table>", text, re.DOTALL):
        assert "<caption" in table
        assert 'scope="row"' in table


def test_it_loads_nothing(large):
    page = render(large)
    for tag, attributes in Parsed(page).tags:
        assert tag not in {"img", "link", "iframe", "object", "embed", "base", "audio", "video"}
        assert not {"src", "srcset", "action", "formaction", "background"} & set(attributes)
        assert attributes.get("href", "#").startswith("#")
        assert not [name for name in attributes if name.startswith("on")]
    assert "url(" not in page
    assert "@import" not in page
    assert "://" not in page


def test_only_its_own_script_may_run(small):
    import base64
    import hashlib

    page = render(small)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'; base-uri 'none'" in page
    assert "default-src 'none'" in page


def test_strangers_names_are_text(make):
    levels = np.array([EVIL, "b"] * 50, dtype=object)
    report = make.report(
        recipe=EVIL, endpoint=EVIL, version=EVIL, owner=EVIL, metric=EVIL, reference_words=EVIL,
        inputs=make.compared({EVIL: levels}, {EVIL: levels}),
        verdicts=(
            make.verdict(EVIL, 1, [make.finding(EVIL, 0.5, statistic=EVIL, message=f"`{EVIL}` {EVIL}")], state="alert",
                         advice=EVIL),
            make.verdict("other", 1, reason=EVIL),
            make.scored(1, 0.8),
        ),
        alerts=(make.alert(1, what=EVIL, rule=EVIL, signal=EVIL),),
        changes=(VersionChange(make.START + 60, EVIL, EVIL),),
        volume={make.START: 5},
    )  # fmt: skip
    page = render(report)
    parsed = Parsed(page)
    assert page.count("<script") == 1
    assert "<img" not in page
    assert not {tag for tag, _ in parsed.tags} & {"img", "x", "iframe"}
    assert not [name for _, tag in parsed.tags for name in tag if name.startswith("on")]
    assert parsed.words.count("<script>alert(1)</script>") > 10
    assert "{{ 7*7 }}" in parsed.words


def test_no_template_goes_around_escaping():
    for file in TEMPLATES.glob("*.html"):
        assert not re.search(r"\|\s*safe|autoescape|Markup", file.read_text())


def test_names_of_any_kind_bear_a_page(make):
    names = ["", " ", "a\nb", "\x00", "Größe – 名前 🚲", "x" * 400, "a b/c?d#e%f"]
    columns = {name: np.arange(30.0) for name in names}
    page = Parsed(render(make.report(inputs=make.compared(columns, columns))))
    assert "Größe – 名前 🚲" in page.words


def test_the_largest_page_is_under_a_megabyte_and_shows_every_column(large):
    page = render(large)
    assert len(page.encode()) < 1_000_000
    parsed = Parsed(page)
    named = {tag["data-name"] for _, tag in parsed.tags if "data-name" in tag}
    assert {f"category_{i:02d}" for i in range(20)} < named
    assert len(named) == 52
    strips = [tag for name, tag in parsed.tags if name == "svg" and tag.get("viewbox") == "0 0 180 1"]
    assert len(strips) == 50 + 3
    assert re.search(
        r"Inputs are distributed differently from the reference\. \d+ of 50 columns beyond the limit\.", parsed.words
    )
    assert "106 earlier ones" in parsed.words


def test_before_the_first_window_it_says_so(make):
    words = Parsed(render(make.report(0.5))).words
    for said in (
        "Nothing was judged yet: no window is complete.",
        "No window is complete yet. The first verdicts come when a window of 1 hour has ended.",
        "No alert was said in this period.",
        "No window was scored yet: quality needs labels",
        "No column was judged yet.",
        "No profile of the inputs is kept yet.",
    ):
        assert said in words


def test_one_window_and_no_current_rows_bear_a_page(make):
    inputs = make.compared({"x": np.arange(30.0)}, {"x": np.arange(30.0)})
    report = make.report(
        1,
        inputs=Compared(inputs.reference, None),
        verdicts=(make.verdict("input_drift", 0, reason="no prediction arrived", rows=0),),
    )
    words = Parsed(render(report)).words
    assert "Nothing could be judged: too little data." in words
    assert "current: no row came" in words
    assert "No prediction arrived." in words


@pytest.mark.parametrize(
    ("state", "score", "told"),
    [
        ("ok", 0.02, "All is fine: 1 signal judged, none beyond its limit."),
        ("ok", 0.3, "Fine so far; 1 signal beyond the limit in the newest window, too rarely to count."),
        ("suspect", 0.3, "1 signal is suspected; watch it."),
        ("lasting", 0.3, "1 signal needs a person."),
    ],
)
def test_the_first_line_is_the_verdict(make, state, score, told):
    verdict = make.verdict("input_drift", 0, [make.finding("x", score)], state=state)
    assert told in Parsed(render(make.report(1, verdicts=(verdict,)))).words


def test_many_alerts_are_folded_and_very_many_are_counted(make):
    said = [make.alert(hour, resolved=resolved) for hour in range(0, 900, 2) for resolved in (False, True)]
    words = Parsed(render(make.report(900, alerts=tuple(said)))).words
    assert "192 earlier ones" in words
    assert "250 still earlier ones are not written out." in words


def luminance(colour):
    parts = (
        [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        if len(colour) == 7
        else [int(c, 16) / 15 for c in colour[1:]]
    )
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_told_apart_and_read(theme):
    css = (TEMPLATES / "style.css").read_text()
    block = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[theme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,8})", block))
    for text in ("text", "soft", "link", "ok", "suspect", "alert", "lasting", "unknown"):
        for ground in ("page", "card"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for state in ("ok", "suspect", "alert", "lasting", "unknown"):
        assert contrast(colours[state], colours[f"{state}-tint"]) >= 4.5, state
        assert contrast(colours["text"], colours[f"{state}-tint"]) >= 4.5, state
    heat = [luminance(colours[f"h{i}"]) for i in range(5)]
    assert heat == sorted(heat, reverse=theme == 0), (
        "darker, or in the dark brighter, the further beyond: no hue is needed"
    )
    assert contrast(colours["h1"], colours["h2"]) >= 1.25
    assert contrast(colours["now"], colours["card"]) >= 3
    assert contrast(colours["ref"], colours["card"]) >= 1.8


def test_all_zones_bear_a_page(make, small):
    for zone in ("Asia/Kathmandu", "America/St_Johns", "Pacific/Chatham"):
        assert ZoneInfo(zone)
        assert f"({zone})" in render(make.report(72, time_zone=zone))


def test_a_narrow_list_says_what_its_times_are(make):
    page = render(make.report(48, alerts=(make.alert(1, what="`x` drifts"), make.alert(5, what="over", resolved=True))))
    assert re.search(r'<span class="?stacked"?>ended </span><time', page)
    assert re.search(r"@media ?\(max-width: ?40rem\) ?\{\s*\.stacked ?\{ ?display: ?inline", page)


def test_an_episode_shows_what_was_said_first_and_last_each_beside_its_time(make):
    said = (make.alert(1, what="`x` drifts"), make.alert(5, what="`x` and `z` drift", state="lasting", repeated=True))
    words = Parsed(render(make.report(48, alerts=said))).words
    first, last = (words.index(text) for text in ("x drifts", "x and z drift"))
    assert first < words.index("Last said, ") < last
