"""study.html: the fronts first, then the spread over seeds, what settings do, what was stopped or failed, and all points, folded."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurochip.common.files import write_text
from neurochip.report.grids import Column, Grid
from neurochip.report.html import environment
from neurochip.report.style import styled
from neurochip.study.analysis import statements, usable, variance_grid
from neurochip.study.metrics import METRICS, shown
from neurochip.study.plots import Links, draw_front, draw_settings, draw_spread, svg_of, with_spread
from neurochip.study.store import CSV, DATABASE, PAGE, StudyFile
from neurochip.study.trials import Trial, front_of, history_digest
from neurochip.study.vary import text_of

TEMPLATES = Path(__file__).parent / "templates"
TERMS = {
    "point": "A combination of settings, with its number in the order of the study. Its figures are means over its seeds.",
    "front": "The points that no other one beats in all objectives at once (Pareto front). What is not on it can be left out.",
    "+-": "Standard deviation over the seeds (n - 1); in sentences that compare two values, the standard error over the seeds of the "
    "mean difference between runs of one seed that differ in this setting alone.",
    "at chance": "A test accuracy that answering one class always, or guessing with luck (1 in 1,000), reaches too. Such points are on no "
    "front and in no mean.",
    "% of its variance": "Of the squares of differences from the mean over all runs, those that go with a setting's values. In a grid the "
    "rows add up to 100 %; a setting below the row of the seeds is not told from chance.",
    "stopped": "A point that was not among those that went on to the next budget.",
}


def write_page(folder: Path, facts: StudyFile, trials: Sequence[Trial]) -> Path:
    """Write study.html into a study's directory and return its path."""
    write_text(folder / PAGE, page_text(facts, trials))
    return folder / PAGE


def page_text(facts: StudyFile, trials: Sequence[Trial]) -> str:
    """Return the page of a study as far as it is."""
    with styled():
        plots = _plots(facts, trials)
    front = front_of(trials, facts.objectives)
    text: str = (
        environment(TEMPLATES)
        .get_template("study.html.j2")
        .render(
            title=f"Study: {facts.name}",
            big=_big(facts, trials, front),
            lines=statements(trials, facts.vary, facts.objectives),
            remarks=remarks(facts, trials),
            plots=plots,
            front=_front_grid(front, facts),
            front_links=_links(front),
            variance=variance_grid(trials, facts.vary, facts.objectives),
            stopped=[(trial.number, _settings(trial), trial.note) for trial in trials if trial.state == "stopped"],
            failed=[(trial.number, _settings(trial), trial.note) for trial in trials if trial.state == "failed"],
            points=points_grid(trials, facts),
            point_links=_links(trials),
            facts=_facts(facts, trials),
            terms=TERMS,
        )
    )
    return text


def _plots(facts: StudyFile, trials: Sequence[Trial]) -> list[dict[str, str]]:
    found = []

    def add(name: str, caption: str, draw: Any, *arguments: Any) -> None:
        links = Links()
        found.append({"name": name, "svg": svg_of(draw(*arguments, links), links, name), "caption": caption})

    if not any(trial.state == "complete" for trial in trials):
        return []
    for other in facts.objectives[1:]:
        caption = "Large marks: means over seeds, bars: their standard deviation; small marks: each run. Each leads to its run directory."
        add(f"front-{other}", caption, draw_front, trials, facts.vary, facts.objectives, other)
    add("spread", "Two points whose seeds overlap are not told apart by so many seeds.", draw_spread, trials, facts.objectives)
    if usable(trials):
        caption = "A flat line: the setting does not matter there. Points at chance are left out."
        add("settings", caption, draw_settings, trials, facts.vary, facts.objectives)
    return found


def points_grid(trials: Sequence[Trial], facts: StudyFile) -> Grid:
    """Return a row per point: what is varied, and the means of the objectives with their spread."""
    varied = [
        Column(one.name.replace(":", "\n"), [text_of(trial.point.get(one.name, "-")) for trial in trials], is_text=True)
        for one in facts.vary
    ]
    figures = [Column(f"{METRICS[name].label}", [with_spread(trial, name) for trial in trials]) for name in facts.objectives]
    states = [trial.state if trial.same_as is None else f"as point {trial.same_as}" for trial in trials]
    states = [f"{state}, at chance" if trial.at_chance else state for state, trial in zip(states, trials, strict=True)]
    return Grid("Points", "point", [str(trial.number) for trial in trials], [*varied, *figures, Column("", states, is_text=True)])


def _links(trials: Sequence[Trial]) -> list[list[tuple[str, str]]]:
    return [[(run.folder, f"s{run.seed}{f' ({run.budget})' if run.budget else ''}") for run in trial.runs] for trial in trials]


def _settings(trial: Trial) -> str:
    return ", ".join(f"{name} = {text_of(value)}" for name, value in trial.point.items())


def _big(facts: StudyFile, trials: Sequence[Trial], front: Sequence[Trial]) -> list[tuple[str, str]]:
    runs = sum(len(trial.runs) for trial in trials if trial.same_as is None)
    found = [(f"{len(trials)}", f"points, {runs} runs, {len(facts.seeds)} seeds each"), (f"{len(front)}", "points on the front")]
    for name in facts.objectives:
        metric, kept = METRICS[name], usable(trials)
        if kept:
            best = min(kept, key=lambda trial: -trial.mean(name) if metric.is_better_high else trial.mean(name))
            spread = with_spread(best, name).partition(" +- ")[2]
            found.append((shown(name, best.mean(name)), f"best {metric.label}: point {best.number}{spread and f' (+- {spread})'}"))
    return found


def tables(facts: StudyFile, trials: Sequence[Trial]) -> list[Grid]:
    """Return what the screen shows: the front, and which settings matter."""
    front, variance = front_of(trials, facts.objectives), variance_grid(trials, facts.vary, facts.objectives)
    return [*([_front_grid(front, facts)] if front else []), *([variance] if variance else [])]


def _front_grid(front: Sequence[Trial], facts: StudyFile) -> Grid:
    """The points of the front, without their states, which are all the same."""
    grid = points_grid(front, facts)
    return Grid("The front: points that no other one beats in all objectives", grid.row_heading, grid.rows, grid.columns[:-1])


def remarks(facts: StudyFile, trials: Sequence[Trial]) -> list[str]:
    """Say what a reader must know: what failed, what is at chance, how few seeds there are."""
    lines = []
    failed, chance = [t for t in trials if t.state == "failed"], [t for t in trials if t.at_chance and t.state == "complete"]
    if failed:
        lines.append(f"{len(failed)} of {len(trials)} points failed: {', '.join(str(t.number) for t in failed)}; why is said below.")
    if chance:
        lines.append(f"At chance, on no front and in no mean: {', '.join(str(t.number) for t in chance)}.")
    if len(facts.seeds) < 3:
        lines.append(
            f"{len(facts.seeds)} seed{'s' * (len(facts.seeds) > 1)}: too few to tell how much a difference is worth; give 3 or more."
        )
    return lines


def _facts(facts: StudyFile, trials: Sequence[Trial]) -> list[tuple[str, str]]:
    asked = facts.asked
    method = asked.method if asked.method == "grid" else f"{asked.method}, {asked.trials} points, study seed {asked.seed}"
    settings = " ".join(f"--set {text}" for text in facts.settings)
    return [
        ("experiment", f"{Path(facts.file).name} {settings}".strip()),
        ("varied", "; ".join(one.text for one in facts.vary)),
        ("method", method + (f", {asked.generation} at a time" if asked.method in ("nsga2", "tpe") else "")),
        ("seeds", ", ".join(map(str, facts.seeds))),
        *([("budget", f"{asked.budget}, the share {asked.keep:g} goes on")] if asked.budget else []),
        ("table", f"{CSV}: a row per run, all digits"),
        ("storage", f"{DATABASE}: in this folder, optuna-dashboard sqlite:///{DATABASE}"),
        ("history", f"SHA-256 {history_digest(trials)}, neurochip {facts.version}"),
    ]
