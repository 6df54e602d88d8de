"""Plots of a study, as SVG in the page: every mark is a link to its run directory, and says its settings when it is pointed at."""

import io
import math
import re
from collections.abc import Sequence
from html import escape
from typing import Any

from neurochip.report.style import LAYER_COLOURS, LEGEND_BELOW, MAIN, MARKERS, THIRD, new_figure, styled
from neurochip.study.metrics import METRICS, shown
from neurochip.study.trials import Trial, front_of
from neurochip.study.vary import Vary, text_of

MOST_ROWS = 60  # points that the plot of the spread names
MARK = "run:"  # begins the links that are put in when the figure is text


class Links:
    """Targets of marks, and what they say; a figure's marks carry their numbers."""

    def __init__(self) -> None:
        self.targets: list[tuple[str, str]] = []

    def to(self, folder: str, text: str) -> str:
        """Return what a mark carries that leads to a run directory and says a text."""
        self.targets.append((f"{folder}/", text))
        return f"{MARK}{len(self.targets) - 1}"


def svg_of(figure: Any, links: Links, name: str) -> str:
    """Return a figure as SVG to be put into a page: its links in place, its ids unlike those of other figures."""
    from matplotlib import rc_context

    image = io.StringIO()
    with styled(), rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "svg.id": name}):
        figure.savefig(image, format="svg", facecolor="white", metadata={"Date": None, "Creator": None})
    text = image.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'(?<=\bid=")|(?<=url\(#)|(?<=href="#)', f"{name}-", text)

    def link(found: re.Match[str]) -> str:
        folder, said = links.targets[int(found[1])]
        return f'<a href="{escape(folder)}"><title>{escape(said)}</title>'

    return re.sub(rf'<a xlink:href="{MARK}(\d+)"[^>]*>', link, text)


def told(trial: Trial, objectives: Sequence[str], seed: int | None = None, figures: Any = None) -> str:
    """Write what a mark says: point, seed, settings, figures."""
    settings = ", ".join(f"{name} = {text_of(value)}" for name, value in trial.point.items())
    if seed is None:
        parts = [f"{name} {with_spread(trial, name)}" for name in objectives]
        return f"point {trial.number}, mean over {len(trial.last_runs)} seeds: {settings}: {', '.join(parts)}"
    parts = [f"{name} {shown(name, figures[name])}" for name in objectives]
    return f"point {trial.number}, seed {seed}: {settings}: {', '.join(parts)}"


def with_spread(trial: Trial, name: str) -> str:
    """Write the mean of a figure over the seeds, with its standard deviation if there are several."""
    return shown(name, trial.mean(name), trial.spread(name))


def _complete(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.state == "complete" and trial.same_as is None]


def _legend(vary: Sequence[Vary], trials: Sequence[Trial]) -> tuple[dict[int, str], dict[int, str], list[tuple[str, str, str]]]:
    """Colours by the first setting with few values, marks by the next one; and (label, colour, mark) of both."""
    few = [one for one in vary if 2 <= len(_had(one, trials)) <= len(LAYER_COLOURS)]
    by_colour = few[0] if few else None
    others = [one for one in few[1:] if len(_had(one, trials)) <= len(MARKERS)]
    by_mark = others[0] if others else None
    colours = _ways(by_colour, trials, LAYER_COLOURS)
    marks = _ways(by_mark, trials, tuple(MARKERS))
    entries = [(f"{by_colour.name} = {value}", colour, "o") for value, colour in colours.items()] if by_colour else []
    entries += [(f"{by_mark.name} = {value}", "#555555", mark) for value, mark in marks.items()] if by_mark else []
    of_trial = {
        trial.number: (
            colours.get(text_of(trial.point.get(by_colour.name, "")), THIRD) if by_colour else MAIN,
            marks.get(text_of(trial.point.get(by_mark.name, "")), "o") if by_mark else "o",
        )
        for trial in trials
    }
    return {n: colour for n, (colour, _) in of_trial.items()}, {n: mark for n, (_, mark) in of_trial.items()}, entries


def _had(vary: Vary, trials: Sequence[Trial]) -> list[str]:
    found = {text_of(trial.point[vary.name]) for trial in trials if vary.name in trial.point}
    return [value for value in vary.values if value in found]


def _ways(vary: Vary | None, trials: Sequence[Trial], ways: Sequence[str]) -> dict[str, str]:
    return dict(zip(_had(vary, trials), ways, strict=False)) if vary else {}


def draw_front(trials: Sequence[Trial], vary: Sequence[Vary], objectives: Sequence[str], other: str, links: Links) -> Any:
    """Draw the first objective against another: means with their spread over seeds, each run, and the front of the two."""
    from matplotlib.lines import Line2D

    first, kept = objectives[0], _complete(trials)
    y, x = METRICS[first], METRICS[other]
    colours, marks, entries = _legend(vary, kept)
    figure = new_figure(10, 6.2, f"{y.label} against {x.label}: {len(kept)} points, mean and spread over seeds")
    axes = figure.subplots()
    front = front_of(trials, (first, other))
    axes.plot(
        [x.scale * t.mean(other) for t in front],
        [y.scale * t.mean(first) for t in front],
        color=MAIN,
        lw=1.2,
        drawstyle="steps-pre",
        zorder=1,
    )
    for trial in kept:
        colour = "#aaaaaa" if trial.at_chance else colours[trial.number]
        for run in trial.last_runs:
            url = links.to(run.folder, told(trial, objectives, run.seed, run.figures))
            point = ([x.scale * (run.figures[other] or 0.0)], [y.scale * (run.figures[first] or 0.0)])
            axes.scatter(*point, s=10, color=colour, alpha=0.45, linewidths=0, zorder=2).set_urls([url])
        here = (x.scale * trial.mean(other), y.scale * trial.mean(first))
        errors = {"xerr": x.scale * trial.spread(other), "yerr": y.scale * trial.spread(first)}
        known = {key: value for key, value in errors.items() if not math.isnan(value)}
        axes.errorbar(*here, **known, fmt="none", ecolor=colour, elinewidth=1, capsize=2, zorder=2)
        mark = axes.scatter(
            [here[0]], [here[1]], s=52, color=colour, marker=marks[trial.number], edgecolor="white", linewidths=0.6, zorder=3
        )
        mark.set_urls([links.to(trial.last_runs[0].folder, told(trial, objectives))])
        if trial in front or len(kept) <= 24:
            axes.annotate(str(trial.number), here, xytext=(5, 4), textcoords="offset points", fontsize=9, color="#333333", zorder=4)
    _axis(axes, "x", other, [trial.mean(other) for trial in kept])
    axes.set_ylabel(f"{y.label} [{y.unit}]")
    handles = [Line2D([], [], color=MAIN, lw=1.2, label="front: no point is better in both")]
    handles += [Line2D([], [], ls="", marker=mark, color=colour, label=label) for label, colour, mark in entries]
    if any(trial.at_chance for trial in kept):
        handles.append(Line2D([], [], ls="", marker="o", color="#aaaaaa", label="at chance"))
    figure.legend(handles=handles, **{**LEGEND_BELOW, "ncols": 2})
    return figure


def _axis(axes: Any, which: str, name: str, values: Sequence[float]) -> None:
    metric = METRICS[name]
    known = [value for value in values if value > 0]
    getattr(axes, f"set_{which}label")(f"{metric.label} [{metric.unit}]")
    if known and max(known) > 20 * min(known):
        from matplotlib.ticker import LogLocator, NullFormatter

        getattr(axes, f"set_{which}scale")("log")
        axis = getattr(axes, f"{which}axis")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:,.10g}")
        axis.set_minor_formatter(NullFormatter())


def draw_spread(trials: Sequence[Trial], objectives: Sequence[str], links: Links) -> Any:
    """Draw the first objective of every run, a row per point, the best mean on top; the best MOST_ROWS of many."""
    first, kept = objectives[0], _complete(trials)
    metric = METRICS[first]
    kept = sorted(kept, key=lambda t: (-t.mean(first) if metric.is_better_high else t.mean(first), t.number))[:MOST_ROWS]
    figure = new_figure(10, 1.6 + 0.27 * len(kept), f"{metric.label}: every seed, and their mean")
    axes = figure.subplots()
    for row, trial in enumerate(kept):
        colour = "#aaaaaa" if trial.at_chance else MAIN
        values = [metric.scale * value for value in trial.values(first)]
        axes.plot([min(values), max(values)], [row, row], color=colour, lw=1, alpha=0.6)
        for run in trial.last_runs:
            mark = axes.scatter([metric.scale * (run.figures[first] or 0.0)], [row], s=18, color=colour, linewidths=0, zorder=2)
            mark.set_urls([links.to(run.folder, told(trial, objectives, run.seed, run.figures))])
        axes.scatter([metric.scale * trial.mean(first)], [row], marker="|", s=120, color=colour, zorder=3)
    axes.set_yticks(range(len(kept)), [_short(trial) for trial in kept], fontsize=9)
    axes.set(ylim=(len(kept) - 0.4, -0.6), xlabel=f"{metric.label} [{metric.unit}]")
    return figure


def _short(trial: Trial) -> str:
    """A point in a few words: its number and values."""
    text = ", ".join(text_of(value) for value in trial.point.values())
    return f"{trial.number}: {text if len(text) <= 44 else f'{text[:42]}..'}"


def draw_settings(trials: Sequence[Trial], vary: Sequence[Vary], objectives: Sequence[str], links: Links) -> Any:
    """Draw every objective against every setting: points, and the mean of each value."""
    kept = [trial for trial in _complete(trials) if not trial.at_chance]
    figure = new_figure(
        min(13, max(8, 2 + 3.4 * len(vary))), 0.8 + 2.7 * len(objectives), "What each setting does: points, and the mean of each value"
    )
    panels = figure.subplots(len(objectives), len(vary), squeeze=False, sharey="row")
    for row, name in enumerate(objectives):
        metric = METRICS[name]
        for column, one in enumerate(vary):
            axes, values = panels[row][column], _had(one, kept)
            by_value: dict[float, list[float]] = {}
            for trial in (trial for trial in kept if one.name in trial.point):
                value = trial.point[one.name]
                x = float(values.index(text_of(value))) if values else float(value)
                by_value.setdefault(x, []).append(metric.scale * trial.mean(name))
                mark = axes.scatter([x], [metric.scale * trial.mean(name)], s=16, color=THIRD, alpha=0.6, linewidths=0)
                mark.set_urls([links.to(trial.last_runs[0].folder, told(trial, objectives))])
            if values:
                xs = sorted(by_value)
                axes.plot(xs, [math.fsum(by_value[x]) / len(by_value[x]) for x in xs], color=MAIN, marker="o", ms=5)
                is_long, is_last = max(map(len, values), default=0) > 5, row == len(objectives) - 1
                texts = values if is_last or not is_long else [""] * len(values)  # long ones below the last panel alone
                axes.set_xticks(range(len(values)), texts, rotation=30 if is_long else 0, ha="right" if is_long else "center")
                axes.set_xlim(-0.4, len(values) - 0.6)
            if row == len(objectives) - 1:
                axes.set_xlabel("\n".join(one.keys), fontsize=9)
        panels[row][0].set_ylabel(f"{metric.label}\n[{metric.unit}]", fontsize=10)
    return figure
