"""The first screen answers from the run's own numbers: the interval, what bounds it, and only what its counts say to try."""

import pytest
from scipy.stats import binom, binomtest
from support.make_run import make_run

from neurochip.report.answers import answers, interval, remarks, time_text
from neurochip.report.chance import LUCK, lucky
from neurochip.report.html import write_html
from neurochip.runfile.load import load_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return load_run(make_run(tmp_path_factory.mktemp("run") / "two", exit_margin=0.0))


@pytest.mark.parametrize(("right", "n"), [(97, 100), (0, 20), (20, 20), (9788, 10_000)])
def test_the_interval_is_that_of_wilson(right, n):
    found = binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert interval(right / n, n) == pytest.approx((found.low, found.high), abs=1e-12)


def test_no_samples_say_nothing():
    assert interval(0.0, 0) == (0.0, 1.0)


def test_every_question_is_answered_from_the_summary(run):
    summary = run.summary
    learns, costs, bounds, _ = answers(summary)
    assert f"{100 * summary.accuracy.test:.2f} %" in learns.lines[0] and "chance is 10 %" in learns.lines[0]
    assert any("the float twin" in line for line in learns.lines)
    assert any(line.startswith("an inference") for line in costs.lines) and any(
        line.startswith("the whole training") for line in costs.lines
    )
    slowest = max(summary.layers, key=lambda layer: layer.test.cycles)
    assert any(line.startswith("inference: layer ") and slowest.name in line for line in bounds.lines)


def test_remarks_are_what_the_counts_say(run):
    summary = run.summary
    last = summary.accuracy.by_tick
    for remark in remarks(summary):
        if remark.setting.startswith("run.test_ticks="):
            ticks = int(remark.setting.partition("=")[2])
            assert last[ticks - 1] >= last[-1] - 0.005 and remark.saves == pytest.approx(1 - ticks / len(last))
        if remark.setting.startswith("run.exit="):
            point = min((p for p in summary.early_exit.curve if p.accuracy >= summary.accuracy.test - 0.001), key=lambda p: p.energy_nj)
            assert f"margin={point.margin:g}" in remark.setting
    assert [remark.saves for remark in remarks(summary)] == sorted((remark.saves for remark in remarks(summary)), reverse=True)


def test_what_the_counts_do_not_say_is_not_there(run):
    n, first = len(run.summary.accuracy.by_tick), run.summary.layers[0]

    def changed(per_epoch, silent):
        accuracy = run.summary.accuracy.model_copy(update={"ticks_to_final": {"0.5": n, "1": n}, "per_epoch": per_epoch})
        layers = [layer.model_copy(update={"silent_units": silent, "weights_at_rail": 0}) for layer in run.summary.layers]
        return run.summary.model_copy(update={"accuracy": accuracy, "layers": layers, "early_exit": None, "sizes": None})

    assert remarks(changed([0.5, 0.5], 0)) == []
    summary = changed([0.5, 0.6], first.neurons // 2)
    settings = [remark.setting for remark in remarks(summary)]
    assert settings == [f"network.layers.0.neurons={first.neurons - first.neurons // 2}", "run.epochs=4"]


def test_the_page_begins_with_the_answers_then_plots_then_folded_tables(run):
    page = write_html(run, []).read_text(encoding="utf-8")
    folded = [f"<summary>{title}</summary>" for title in ("All figures of the run", "Layer by layer")]
    places = [page.index(text) for text in ("Does it learn?", "What to try next", "<h2>Plots</h2>", *folded)]
    assert places == sorted(places) and page.count("<details") == page.count("</details>")
    assert page.index("<table") > places[2], "no table before the plots"


@pytest.mark.parametrize(("us", "text"), [(0.5, "0.500 us"), (347.952, "348 us"), (8649.9, "8.65 ms"), (2.5e6, "2.50 s")])
def test_a_time_reads_in_its_unit(us, text):
    assert time_text(us) == text


@pytest.mark.parametrize("n", [1, 2, 3, 50, 300, 2000, 60000])
def test_luck_is_a_quantile_of_the_binomial(n):
    for classes in (2, 3, 10, 47):
        assert lucky(n, classes) == binom.ppf(1 - LUCK, n, 1 / classes) / n
    assert lucky(n, 1) == 1.0
