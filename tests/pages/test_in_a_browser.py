"""The largest page in a real browser: nothing wider than a phone, no complaint, sorting and finding work."""

import html
import json
import re
import shutil
import subprocess
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from mlconfig.pages.monitoring_report import render

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)")

OUTER = """<!doctype html><body style="margin:0"><iframe style="border:0;width:{width}px;height:900px" src="page.html"></iframe>
<pre></pre><script>
const frame = document.querySelector("iframe");
frame.onload = () => {{
  const inner = frame.contentDocument, root = inner.documentElement, found = {{}};
  const visible = () => [...inner.querySelectorAll("#inputs details.column")].filter(each => !each.hidden);
  found.width = root.scrollWidth;
  found.room = root.clientWidth;
  found.wide = [...inner.querySelectorAll("main *, header *, footer *")]
    .filter(each => !each.closest("svg, .scroll, nav, .sr, .axis"))
    .filter(each => each.getBoundingClientRect().right > {width} + 1).map(each => each.outerHTML.slice(0, 120)).slice(0, 5);
  found.small = [...inner.querySelectorAll("svg[role=img]")].filter(each => each.checkVisibility())
    .filter(each => each.getBoundingClientRect().width < 90).length;
  const tools = inner.querySelector(".tools");
  found.tools = !tools.hidden;
  found.all = visible().length;
  const search = tools.querySelector("[type=search]");
  search.value = "CATEGORY_0";
  search.dispatchEvent(new Event("input"));
  found.searched = visible().length;
  search.value = "";
  search.dispatchEvent(new Event("input"));
  const beyond = tools.querySelector("[type=checkbox]");
  beyond.checked = true;
  beyond.dispatchEvent(new Event("change"));
  found.beyond = visible().every(each => each.dataset.beyond === "1") && visible().length;
  const order = tools.querySelector("select");
  order.value = "name";
  order.dispatchEvent(new Event("change"));
  const names = visible().map(each => each.dataset.name);
  found.sorted = JSON.stringify(names) === JSON.stringify([...names].sort());
  const folded = [...inner.querySelectorAll("#inputs details.column")].find(each => !each.open);
  folded.hidden = false;
  inner.querySelector(`a[href="#${{folded.id}}"]`).click();
  setTimeout(() => {{
    found.opened = folded.open;
    document.querySelector("pre").textContent = JSON.stringify(found);
  }}, 50);
}};
</script>"""


@pytest.fixture
def served(tmp_path):
    """A folder and its address; a page may only be looked into by one of the same origin."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield tmp_path, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def measured(page, width, served):
    """What the page is like in a frame of that width, and what the browser complained of."""
    folder, address = served
    (folder / "page.html").write_text(page)
    (folder / "outer.html").write_text(OUTER.format(width=width))
    flags = [
        f"--user-data-dir={folder / 'user'}",
        f"--window-size={max(width, 600)},1000",
        "--virtual-time-budget=5000",
    ]
    ended = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", *flags, "--dump-dom",
         f"{address}/outer.html"],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    told = re.search(r"<pre>(\{.*?\})</pre>", ended.stdout, re.DOTALL)
    assert told, ended.stderr[-2000:]
    complaints = [line for line in ended.stderr.splitlines() if "CONSOLE" in line and "favicon" not in line]
    return json.loads(html.unescape(told[1])), complaints


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_and_works(large, served, width):
    found, complaints = measured(render(large), width, served)
    assert complaints == []
    assert found["wide"] == []
    assert found["width"] <= found["room"] <= width, "the page itself never scrolls sideways"
    assert found["small"] == 0, "a picture too narrow to read"
    assert found["tools"], "the page's own script may run"
    assert (found["all"], found["searched"]) == (50, 10)
    assert 8 <= found["beyond"] < 25
    assert found["sorted"]
    assert found["opened"]
