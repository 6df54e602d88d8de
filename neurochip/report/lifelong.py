"""Tasks learned one after another in a report: what is still known after each, and what each cost. Other runs have none of it."""

import numpy as np

from neurochip.report.digits import energy_text, time_text
from neurochip.report.grids import Column, Grid, count, percent
from neurochip.report.style import LEGEND_BELOW, named, new_figure
from neurochip.runfile.lifelong import Lifelong
from neurochip.runfile.load import StoredRun
from neurochip.runfile.summary import Summary


def task_name(classes: list[int]) -> str:
    """Return the classes of a task in few characters: `0, 1` or `0 to 8`."""
    is_range = len(classes) > 2 and classes == list(range(classes[0], classes[-1] + 1))
    return f"{classes[0]} to {classes[-1]}" if is_range else ", ".join(map(str, classes))


def lifelong_facts(summary: Summary) -> list[tuple[str, str]]:
    """Return the headline lines: what is known at the end, what was forgotten, and what a task cost."""
    found = summary.lifelong
    if found is None:
        return []
    kept = f"; the host keeps samples of {count(-(-found.replay_bits // 8192))} KiB, which are in no energy" if found.replay_bits else ""
    last = len(found.tasks) - 1
    return [
        (
            "tasks one after another",
            f"{len(found.tasks)}; at the end {percent(found.mean_at_end)} in the mean over tasks, {100 * found.forgetting:.2f} points "
            f"forgotten{kept}",
        ),
        (
            "learning the last task",
            f"{count(found.samples[last])} samples, {energy_text(found.energy_nj[last])}, {time_text(found.time_us[last])}",
        ),
    ]


def lifelong_grids(summary: Summary) -> list[Grid]:
    """Return a row per task: test accuracy on each task after it, on all that was learned so far, and what it cost."""
    found = summary.lifelong
    if found is None:
        return []
    names = [task_name(task) for task in found.tasks]
    on_task = [Column(f"on {name}\n[%]", [f"{100 * row[j]:.2f}" for row in found.accuracy]) for j, name in enumerate(names)]
    columns = [
        *on_task,
        Column("all learned\nso far [%]", [f"{100 * value:.2f}" for value in found.seen]),
        Column("samples\nshown", [count(n) for n in found.samples]),
        Column("energy of\nlearning it", [energy_text(value) for value in found.energy_nj]),
        Column("time of\nlearning it", [time_text(value) for value in found.time_us]),
    ]
    return [Grid("test accuracy after each task, and what it cost", "after task", names, columns)]


def draw_tasks(run: StoredRun):
    """Draw what is still known of each task after each; None without tasks."""
    found: Lifelong | None = run.summary.lifelong
    if found is None:
        return None
    figure = new_figure(8, 4.8, named(run, "what is known of each task while others are learned"))
    axes, n = figure.subplots(), len(found.tasks)
    accuracy, after = 100 * np.array(found.accuracy), np.arange(n)
    colours = [f"C{j}" for j in range(n)]
    for j, task in enumerate(found.tasks):
        axes.plot(after[j:], accuracy[j:, j], marker="o", lw=2, color=colours[j % 10], label=f"classes {task_name(task)}")
    axes.plot(after, [100 * value for value in found.seen], color="black", ls="--", lw=1.6, label="all learned so far")
    axes.set_xticks(after, [task_name(task) for task in found.tasks])
    axes.set(xlabel="after learning the classes", ylabel="test accuracy [%]", ylim=(-2, 102))
    figure.legend(**{**LEGEND_BELOW, "ncols": min(3, n + 1)})
    return figure
