"""The page of a study: every mark leads to a run directory and says its settings; it fits wide and narrow screens; the docs' commands."""

import re
import shlex
import xml.etree.ElementTree as ElementTree

import pandas
import pytest
from support.browser import VIEWS, needs_browser, open_browser
from support.documents import PAGES, commands, name_of, text_of
from support.studies import SHARING, WIDTHS, write_study_experiment

import neurochip as nc
from neurochip.cli.main import main
from neurochip.common.toml import shipped
from neurochip.serve.app import make_app
from neurochip.study.analysis import change, statements, variance_grid
from neurochip.study.plan import make_plan
from neurochip.study.propose import propose
from neurochip.study.trials import RunResult, Trial
from neurochip.study.vary import parse_all


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study with three objectives."""
    folder = tmp_path_factory.mktemp("page")
    file = write_study_experiment(folder)
    return nc.sweep(file, [WIDTHS, SHARING], seeds=2, objectives=["accuracy", "energy", "latency"], out=folder / "s", workers=1)


def test_every_mark_leads_to_a_run_and_says_its_settings(study):
    page = study.page.read_text(encoding="utf-8")
    links = re.findall(r'<a href="([^"]+)"><title>([^<]+)</title>', page)
    assert {folder for folder, _ in links} == {f"{run.folder}/" for trial in study.trials for run in trial.runs}
    assert all((study.folder / folder / "summary.json").is_file() for folder, _ in links)
    first = study.trials[0].runs[0]
    said = next(text for folder, text in links if folder == f"{first.folder}/" and "seed 1" in text)
    assert "chip.rng.sharing = per_unit" in said and f"accuracy {100 * first.figures['accuracy']:.2f} %" in said
    assert "run:" not in page and "http" not in re.sub(r"http://www\.w3\.org/", "", page)


def test_the_plots_are_whole_and_their_ids_are_unlike(study):
    page = study.page.read_text(encoding="utf-8")
    plots = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(plots) == 4  # two fronts, the spread, the settings
    for plot in plots:
        ElementTree.fromstring(plot)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids)) > 100
    assert set(re.findall(r'(?:url\(|xlink:href=")#([^")]+)', page)) <= set(ids)


def test_plots_come_before_tables_and_all_points_are_folded(study):
    page = study.page.read_text(encoding="utf-8")
    assert page.index("<svg") < page.index("<table") and page.rindex("</svg>") < page.index("<table")
    assert page.index("<details>") < page.index("Show all 4 points")


@needs_browser
def test_a_browser_shows_it_whole(study):
    with open_browser() as browser:
        for width, scheme in VIEWS:
            seen = browser.look(study.page, width, scheme)
            assert not seen.complaints + seen.outside + seen.faint
            assert seen.links > 30


def test_its_table_as_parquet(study):
    path = study.write_parquet()
    assert path.name == "study.parquet"
    assert pandas.read_parquet(path).equals(study.frame()) and len(study.frame()) == 8


def test_a_study_is_served_as_far_as_it_is(study):
    client = make_app(study.folder.parent).test_client()
    rows = client.get("/rows").text
    assert f"study {study.name}" in rows and "8 runs" in rows and "varies" in rows
    shown = client.get(f"/at/{study.folder.name}/")
    assert shown.status_code == 200 and shown.text == study.page.read_text(encoding="utf-8")
    run = study.trials[0].runs[0].folder
    assert f"run {study.name}" in rows and f"{study.folder.name}/{run}" in rows
    page = client.get(f"/at/{study.folder.name}/{run}/").text
    assert "Does it learn" in page and "<img" not in page, "its plots are not drawn by who looks at it"


def made_up(widths: int, sharing: str, accuracies: list[float], energy: float, number: int) -> Trial:
    """A point with these accuracies by seed."""
    runs = [RunResult(f"runs/{number}-{s}", s, "", {"accuracy": a, "energy": energy * (1 + 0.1 * s)}) for s, a in enumerate(accuracies)]
    return Trial(number, {"w": str(widths), "s": sharing}, "complete", tuple(runs))


def test_a_value_is_compared_with_the_first_one_seed_by_seed():
    trials = [
        made_up(8, "own", [0.90, 0.92], 10.0, 0), made_up(8, "one", [0.89, 0.92], 7.0, 1),
        made_up(16, "own", [0.95, 0.94], 20.0, 2), made_up(16, "one", [0.94, 0.94], 14.0, 3),
    ]  # fmt: skip
    found = change(trials, "s", "one", "own", "accuracy")
    assert found is not None and found.pairs == 4
    assert found.mean == pytest.approx(-0.005) and found.error == pytest.approx(0.005)  # of -0.01 and 0
    vary = parse_all(["w=8,16", "s=own,one"])
    line = statements(trials, vary, ["accuracy", "energy"])[1]
    assert line.startswith("s = one in place of own: accuracy -0.50 +- 0.50 points, energy -30.0 +- ")
    assert line.endswith("(4 pairs of runs).")
    grid = variance_grid(trials, vary, ["energy"])
    assert grid is not None and grid.rows == ["w", "s", "settings together", "seeds"]
    shares = [float(text) for text in grid.columns[1].cells]
    assert sum(shares) == pytest.approx(100, abs=0.2) and shares[0] > shares[1] > shares[2] > shares[3] > 0


SWEEPS = [(name_of(page), command) for page in PAGES for command in commands(text_of(page)) if command.startswith("neurochip sweep ")]


@pytest.mark.parametrize(("page", "command"), [(p, c) for p, c in SWEEPS if set(c.split()) & set(shipped("experiments"))])
def test_a_sweep_of_the_docs_can_be_run(page, command):
    """All of its points can, as far as settings go."""
    options = main.commands["sweep"].make_context("neurochip", shlex.split(command)[2:]).params
    asked = {key: options[key] for key in ("seeds", "method", "trials", "generation", "budget", "keep")}
    plan = make_plan(options["file"], options["settings"], options["seed"], vary=list(options["vary"]) or None, **asked)
    proposed = propose(plan, [], 0)
    assert len(proposed) > 1
    for trial in proposed:
        plan.setup(trial.params, plan.seeds[-1], plan.budgets[-1])


def test_the_docs_show_sweeps():
    assert {page for page, _ in SWEEPS} >= {"README.md", "docs/howto/sweep.md"}
