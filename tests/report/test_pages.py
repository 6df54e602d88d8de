"""Every page as a browser shows it: no complaint, nothing outside its frame, text that can be read; wide and narrow, light and dark."""

import pytest
from support.browser import VIEWS, needs_browser, open_browser
from support.make_run import make_run

from neurochip.report.compare import compare_runs
from neurochip.report.html import write_compare_html, write_html
from neurochip.runfile.load import load_run

pytestmark = needs_browser
RUNS = {
    "two": {"exit_margin": 0.0},
    "mesh": {"parts": 5, "mesh": (4, 2), "tick_us": 3.5, "name": "meshed", "exit_margin": 2.0},
    "trained": {"method": "spike_bp", "reference": False, "name": "off-chip", "hidden": (50,)},
    "bare": {
        "is_old": True,
        "reference": False,
        "substitute": True,
        "weight_bits": 4,
        "frac_bits": 5,
        "name": "odd [x] $a$ <b>" + 30 * "w",
    },
}


@pytest.fixture(scope="module")
def browser():
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    runs = {key: load_run(make_run(folder / key, **options)) for key, options in RUNS.items()}
    found = {key: write_html(run) for key, run in runs.items()}
    return found | {"compared": write_compare_html(compare_runs(list(runs.values())), folder / "compare.html")}


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
@pytest.mark.parametrize("key", [*RUNS, "compared"])
def test_a_page_is_whole_in_its_frame(pages, browser, key, width, scheme):
    seen = browser.look(pages[key], width, scheme)
    assert not seen.complaints
    assert not seen.outside
    assert not seen.faint


def test_what_is_wrong_with_a_page_is_seen(tmp_path, browser):
    page = tmp_path / "wrong.html"
    page.write_text(
        "<body style='background:white'><p style='width:3000px'>wide</p><p style='color:#eee'>pale</p>"
        "<div style='overflow:auto;width:100px'><p style='width:3000px'>scrolls</p></div>"
        "<script>missing()</script><img src='none.png'></body>",
        encoding="utf-8",
    )
    seen = browser.look(page, 420, "light")
    assert any("missing is not defined" in text for text in seen.complaints) and any("none.png" in text for text in seen.complaints)
    assert [text.split(": ")[1] for text in seen.outside] == ["wide"] and [text.split(": ")[1] for text in seen.faint] == ["pale"]
