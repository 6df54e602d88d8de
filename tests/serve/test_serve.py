"""A folder shown in a browser: what is there, what is at work, what is damaged; nothing outside it, and nothing written into it."""

import json
import threading
import urllib.request

import numpy as np
import pytest
from support.browser import VIEWS, needs_browser, open_browser
from support.make_run import make_run

from neurochip.common.errors import NeurochipError
from neurochip.common.files import held
from neurochip.runfile.names import CHECKPOINT
from neurochip.serve.app import ago, curve, make_app, serve
from neurochip.serve.found import Finder


def write_checkpoint(folder, accuracies, sample=0, correct=0):
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"position": [len(accuracies), sample, correct], "record": {"test_accuracy": accuracies}}
    np.savez(folder / CHECKPOINT, facts=np.array(json.dumps(facts)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    top = tmp_path_factory.mktemp("served") / "runs"
    make_run(top / "deep" / "done", name="a <net>")
    write_checkpoint(top / "half", [0.5, 0.75], 400, 100)
    (top / "broken").mkdir()
    (top / "broken" / "summary.json").write_text("{", encoding="utf-8")
    (top.parent / "secret.txt").write_text("secret", encoding="utf-8")
    return top


def entry(folder, path):
    return next(entry for entry in Finder(folder).entries() if entry.path == path)


def test_what_is_found(folder):
    found = Finder(folder).entries()
    assert {entry.path: entry.state for entry in found} == {"deep/done": "done", "half": "stopped", "broken": "damaged"}
    half, done = entry(folder, "half"), entry(folder, "deep/done")
    assert half.progress == "epoch 3, 400 samples, 25.0 % right" and half.accuracy == "75.00 %" and half.curve == (0.5, 0.75)
    assert done.accuracy.endswith(" %") and "J" in done.energy and done.latency.endswith("s") and len(done.curve) > 1
    assert "run.h5: file is missing" in entry(folder, "broken").note


def test_what_runs_is_said_to_run_and_comes_first(folder):
    with held(folder / "half"):
        first = Finder(folder).entries()[0]
    assert (first.path, first.state) == ("half", "running")
    assert entry(folder, "half").state == "stopped"


def test_a_list_follows_what_happens(folder, tmp_path):
    finder = Finder(tmp_path)
    write_checkpoint(tmp_path / "one", [])
    before = finder.entries()[0]
    assert before.progress == "epoch 1, 0 samples" and not before.accuracy
    write_checkpoint(tmp_path / "one", [0.9], 10, 5)
    assert finder.entries()[0].accuracy == "90.00 %"


def test_pages(folder):
    client = make_app(folder).test_client()
    index = client.get("/").text
    assert "deep/done" in index and "a &lt;net&gt;" in index and "<net>" not in index
    assert client.get("/at/deep/done").status_code == 302
    page = client.get("/at/deep/done/")
    assert page.status_code == 200 and "Does it learn" in page.text
    with client.get("/at/deep/done/summary.json") as answer:
        assert answer.json["name"] == "a <net>"
    refused = client.get("/at/half/")
    assert refused.status_code == 409 and "nothing is complete yet" in refused.text and "Traceback" not in refused.text
    assert not [path for path in (folder / "deep" / "done").iterdir() if path.suffix == ".html"], "who looks writes nothing"


@pytest.mark.parametrize("path", ["../secret.txt", "deep/../../secret.txt", "%2e%2e/secret.txt", "none/", "/etc/passwd"])
def test_nothing_outside_the_folder(folder, path):
    assert make_app(folder).test_client().get(f"/at/{path}").status_code in (404, 308)


def test_what_is_no_folder_and_a_port_that_is_taken(folder, tmp_path):
    with pytest.raises(NeurochipError, match="not a folder"):
        make_app(tmp_path / "none")
    listening, port = threading.Event(), 8351
    threading.Thread(target=serve, args=(folder, "127.0.0.1", port, listening.set), daemon=True).start()
    assert listening.wait(20)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/rows", timeout=20) as answer:
        assert b"deep/done" in answer.read()
    with pytest.raises(NeurochipError, match="choose another --port"):
        serve(folder, "127.0.0.1", port, lambda: None)


def test_small_texts():
    assert [ago(seconds) for seconds in (3, 90, 7200, 200_000)] == ["3 s", "2 min", "2 h", "2 d"]
    points = [tuple(map(float, point.split(","))) for point in curve((0.1, 0.5, 0.3)).split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points) and min(y for _, y in points) == points[1][1]


@needs_browser
def test_the_list_in_a_browser(folder, tmp_path):
    page = tmp_path / "index.html"
    page.write_text(make_app(folder).test_client().get("/").text, encoding="utf-8")
    with open_browser() as browser:
        for width, scheme in VIEWS:
            seen = browser.look(page, width, scheme, tmp_path / f"{width}_{scheme}.png")
            assert not seen.complaints + seen.outside + seen.faint
