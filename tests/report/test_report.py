"""Reports of a synthetic run: every number of the summary arrives, nothing is cut, and a broken run is refused in one line."""

import copy
import io
import json
import re

import h5py
import numpy as np
import pytest
from rich.console import Console
from support.make_run import make_run

from neurochip.common.errors import NeurochipError
from neurochip.core.noc.state import CORE, Port
from neurochip.report import network
from neurochip.report.compare import OF_SOME, compare_runs, system_rows
from neurochip.report.digits import energy_text, scale_of
from neurochip.report.exits import share_of_ticks
from neurochip.report.grids import layer_grids
from neurochip.report.headline import compare_grid, headline
from neurochip.report.html import write_compare_html, write_html
from neurochip.report.inference import inference_facts, inference_grids
from neurochip.report.plots import make_plots
from neurochip.report.printed import compare_table, layer_tables, print_report
from neurochip.report.style import new_figure
from neurochip.report.tick_plots import draw_comparison
from neurochip.runfile.load import load_run

pytestmark = pytest.mark.filterwarnings("error")
RUNS = {
    "two": {"exit_margin": 0.0},
    "three": {"hidden": (256, 128), "weight_bits": 16, "frac_bits": 12, "name": "deep", "seed": 3},
    "parts": {"parts": 3, "name": "cut"},
    "mesh": {"parts": 5, "mesh": (4, 2), "tick_us": 3.5, "name": "meshed", "exit_margin": 2.0},
    "trained": {"method": "spike_bp", "reference": False, "name": "off-chip", "hidden": (50,)},
    "bare": {"is_old": True, "reference": False, "substitute": True, "weight_bits": 4, "frac_bits": 5, "name": "odd [x] $a$ <b>"},
}
PLOTS = ["accuracy", "ticks", "exits", "spikes", "energy", "links", "latency", "raster", "weights", "gradient"]
LACKING = {
    "two": {"links", "latency"},
    "three": {"links", "latency", "exits"},
    "parts": {"links", "latency", "exits"},
    "mesh": set(),
    "trained": {"links", "latency", "gradient", "exits"},
    "bare": {"ticks", "exits", "links", "latency", "gradient"},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return {key: load_run(make_run(folder / key, **options)) for key, options in RUNS.items()}


@pytest.fixture(scope="module")
def pages(runs):
    return {key: write_html(run).read_text(encoding="utf-8") for key, run in runs.items()}


@pytest.fixture
def folder(tmp_path):
    return make_run(tmp_path / "run")


def screen(*printed, width=100):
    console = Console(file=io.StringIO(), width=width)
    for part in printed:
        print_report(part, console) if hasattr(part, "summary") else console.print(part)
    return console.file.getvalue()


def number(text):
    return float(text.replace(",", ""))


@pytest.mark.parametrize("key", RUNS)
@pytest.mark.parametrize("which", ["train", "test"])
def test_total_row_is_the_sum_of_the_layers(runs, key, which):
    layers, total = runs[key].summary.layers, runs[key].summary.totals.of(which)
    columns = [column for grid in layer_grids(runs[key].summary, which) for column in grid.columns]
    for column in columns:
        assert len(column.cells) == len(layers)
        exact = "." not in column.total
        rounded = 0.01 if "J]" in column.heading else 0.0  # of three digits: half a percent of the cells, and of their sum
        allowed = 0 if exact and not rounded else 0.01 * len(layers)
        assert number(column.total) == pytest.approx(sum(map(number, column.cells)), rel=rounded, abs=allowed)
    by_heading = {column.heading: column for column in columns}
    assert number(by_heading["cycles\n(share)"].total) == total.cycles
    assert number(by_heading["SOPs"].total) == total.sops
    scale = scale_of([total.energy_nj_per_sample])
    assert number(by_heading[f"total\n[{scale.unit}]"].total) == pytest.approx(total.energy_nj_per_sample / scale.nj, rel=0.005)
    assert number(by_heading["latency\n[us/sample]"].total) == pytest.approx(total.latency_us_per_sample, abs=0.0006)


@pytest.mark.parametrize("key", RUNS)
@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_screen_shows_every_layer_and_exact_count_uncut(runs, key, width):
    summary = runs[key].summary.model_dump()
    text = screen(*layer_tables(runs[key].summary, width), width=width)
    assert "…" not in text and "..." not in text
    assert max(map(len, text.splitlines())) <= width
    words = set(text.split())
    for layer in summary["layers"]:
        assert layer["name"] in words
        for which in ("train", "test"):
            scale = scale_of([summary["totals"][which]["energy_nj_per_sample"]])
            for name in ("sops", "synapse_word_reads", "synapse_word_writes", "column_reads", "synapse_bits_read", "synapse_bits_written"):
                assert f"{layer[which][name]:,}" in words
            for name in ("rng_draws", "weight_updates", "lost_updates", "errors_gated", "saturations", "cycles", "busy_cycles"):
                assert f"{layer[which][name]:,}" in words
            assert f"{layer[which]['latency_us']:,.3f}" in words
            for pj in [*layer[which]["energy_pj"].values(), *(phase["energy_pj"] for phase in layer[which]["phases"].values())]:
                assert scale.text(pj / 1000) in words


@pytest.mark.parametrize("key", RUNS)
def test_report_on_screen(runs, key):
    text = screen(runs[key])
    flat = " ".join(text.replace("│", " ").replace("║", " ").split())
    assert "…" not in text
    assert "96.03 % after 3 epochs" in flat
    assert ("1.18 points below it (gap)" in flat) == (key not in ("bare", "trained"))
    assert ("SUBSTITUTE DATA SET" in flat) == (key == "bare")
    assert "measured 50.0 %, simulated 20.0 %, scaled 25.0 %, assumed 5.0 %" in flat
    assert "100 MHz" in flat and "28 nm, 0.55 V" in flat and runs[key].summary.warnings[0] in flat
    assert runs[key].summary.name in flat


def test_ports_are_those_of_the_network():
    assert (network.LOCAL, network.CORE) == (Port.LOCAL, CORE)


def test_network_in_words(runs):
    facts = dict(network.network_facts(runs["mesh"].summary))
    assert list(facts) == ["cores", "network, training", "timing, training", "network, inference", "timing, inference"]
    assert facts["cores"] == "6 of 16 in use: layer1 5, layer2 1"
    assert facts["network, inference"] == (
        "336 packets and 336 hops per sample (1.00 per packet); latency p50 2, p99 21, max 21 cycles; busiest link (2,0) [layer1/2] eject: "
        "0.060 packets per cycle; fullest FIFO (0,0) [layer1/0] from core: 3 of 4 packets; cores waited 22,857 cycles, (1,0) [layer1/1] "
        "most (22,857)"
    )
    assert facts["timing, inference"] == (
        "160,000 ticks, 3,200 (2.0 %) overran tick_us = 3.5; longest tick 400 cycles (4.0 us); largest safe tick rate 250,000 Hz; "
        "bounded by: core (0,0) [layer1/0] work in 75 % of ticks; core (1,0) [layer1/1] last packet in 25 % of ticks; "
        "link (2,0) [layer1/2] east in 0.1 % of ticks"
    )
    flat = " ".join(screen(runs["mesh"]).replace("│", " ").split())
    assert "longest tick 400 cycles (4.0 us); largest safe tick rate 250,000 Hz" in flat
    assert "mesh of 4 x 2, packets of 32 bits, FIFOs of 4, cores stand still while refused, tick_us = 3.5" in flat


def test_places_have_the_names_of_their_cores(runs):
    summary = runs["mesh"].summary
    assert network.located(summary, "(3,0) west") == "(3,0) [layer1/3] west"
    assert network.located(summary, "(1,1)") == "(1,1) [layer2]" and network.located(summary, "(3,1) east") == "(3,1) east"
    assert network.bound_text(summary, "(3,1) north") == "link (3,1) north"
    assert [network.share(n, 1000) for n in (0, 0.4, 7, 99.6, 1000)] == ["0 %", "< 0.1 %", "0.7 %", "10 %", "100 %"]


def test_verdict_without_a_budget_and_with_nothing_overrun(runs):
    summary = runs["mesh"].summary
    without, none = (summary.network.test.verdict.model_copy(update={"overruns": n}) for n in (None, 0))
    assert "ticks, ticks may last as long as they need; longest" in network.verdict_text(summary, without)
    assert "ticks, none overran tick_us = 3.5; longest" in network.verdict_text(summary, none)


@pytest.mark.parametrize("width", [60, 100, 160])
@pytest.mark.parametrize("key", ["parts", "mesh"])
def test_screen_shows_every_core_uncut(runs, key, width):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    print_report(runs[key], console)
    text = console.file.getvalue()
    assert "…" not in text and max(map(len, text.splitlines())) <= width
    words = set(text.split())
    cores = runs[key].summary.model_dump()["cores"]
    scales = {which: scale_of(sum(core[which]["energy_pj"].values()) / 1000 for core in cores) for which in ("train", "test")}
    for core in cores:
        assert core["name"] in words and ("({},{})".format(*core["at"]) in words if key == "mesh" else core["at"] is None)
        for which in ("train", "test"):
            assert f"{core[which]['sops']:,}" in words and scales[which].text(sum(core[which]["energy_pj"].values()) / 1000) in words


def test_of_many_cores_the_screen_shows_the_busiest(tmp_path):
    run = load_run(make_run(tmp_path / "run", parts=40, mesh=(7, 6)))
    busy = [core.test.busy_cycles for core in run.summary.cores]
    (grid,) = network.core_grids(run.summary, "test", 32)
    assert grid.title == "the 32 busiest of 41 cores (all of them: report.html)" and len(grid.rows) == 32
    shown = [core for core in run.summary.cores if core.name in grid.rows]
    assert sorted(core.test.busy_cycles for core in shown) == sorted(busy)[-32:]
    assert [core.name for core in shown] == grid.rows and not any(column.total for column in grid.columns)
    assert "the 32 busiest of 41 cores" in " ".join(screen(run).split())
    page = write_html(run, []).read_text(encoding="utf-8")
    assert "Inference: show all 41 cores" in page and "layer1/39" in page


@pytest.mark.parametrize("which", ["train", "test"])
def test_sums_over_cores_are_those_of_the_layers(runs, which):
    for key in ("parts", "mesh"):
        (grid,) = network.core_grids(runs[key].summary, which)
        columns = {column.heading: column for column in grid.columns}
        assert number(columns["SOPs"].total) == runs[key].summary.totals.of(which).sops
        if key == "mesh":
            found = runs[key].summary.network.of(which)
            sent, received = (number(columns[f"packets\n{name}\n[1/tick]"].total) for name in ("sent", "received"))
            assert sent == received == pytest.approx(found.packets / found.verdict.ticks, abs=0.01)


def test_what_bounded_ticks_adds_up(runs):
    for which in ("train", "test"):
        links, bounds = network.network_grids(runs["mesh"].summary, which)
        assert number(bounds.columns[0].total) == runs["mesh"].summary.network.of(which).verdict.ticks and len(links.rows) == 10
        assert all("[layer" in row for row in bounds.rows)


def test_pages_without_cut_layers_and_meshes_have_nothing_about_them(pages):
    for key, page in pages.items():
        assert ("Core by core" in page) == (key in ("parts", "mesh"))
        assert ("Network-on-chip" in page) == ("what bounded a tick" in page) == ("timing, inference" in page) == (key == "mesh")


def test_comparison_has_rows_of_the_network_where_there_is_one(runs):
    assert not {"mesh", "cores in use"} & set(compare_grid([runs["two"], runs["three"]]).rows)
    grid = compare_grid([runs["mesh"], runs["two"]])
    rows = {name: [column.cells[i] for column in grid.columns] for i, name in enumerate(grid.rows)}
    assert rows["cores in use"] == ["6", "2"] and rows["mesh"] == ["4 x 2", "-"]
    assert rows["inference hops [1/sample]"] == ["336", "-"]
    assert rows["packet latency p50/p99/max [cycles]"] == ["2 / 21 / 21", "-"]
    assert rows["safe tick rate, training [Hz]"] == rows["safe tick rate, inference [Hz]"] == ["250,000", "-"]
    assert rows["overrun ticks, training / inference"] == ["57,600 / 3,200", "- / -"]


def test_a_mesh_that_only_evaluated(tmp_path):
    def untrain(summary):
        for part in [summary["totals"]["train"], *(part["train"] for name in ("layers", "cores") for part in summary[name])]:
            zero(part)
        empty = {"fifo_peaks": [], "busiest_links": [], "waiting_cores": [], "load": [[0] * 8 for _ in range(8)]}
        verdict = {"ticks": 0, "cycles": 0, "longest_tick": 0, "max_tick_rate_hz": None, "overruns": 0, "bounds": {}, "tick_us": 3.5}
        summary["network"]["train"].update(packets=0, hops=0, network_cycles=0, wait_cycles=0, verdict=verdict, **empty)

    folder = make_run(tmp_path / "run", mesh=(4, 2), parts=2, tick_us=3.5)
    edit(folder, untrain)
    run = load_run(folder)
    assert [name for name, _ in network.network_facts(run.summary)] == ["cores", "network, inference", "timing, inference"]
    assert {"links", "latency"} <= {path.stem for path in make_plots(run)}
    assert "250,000 Hz" in screen(run)


def test_a_pipe_gets_more_than_80_columns_and_the_console_is_left_as_it_was(runs):
    console = Console(file=io.StringIO(), width=80)
    print_report(runs["two"], console)
    assert 80 < max(map(len, console.file.getvalue().splitlines())) <= 100
    assert console.width == 80


def test_the_first_screen_is_short_and_has_what_each_layer_costs(runs):
    run, console = runs["two"], Console(file=io.StringIO(), width=100)
    print_report(run, console, is_full=False)
    text = console.file.getvalue()
    assert "all figures" not in text and len(text.splitlines()) < len(screen(run).splitlines()) / 3
    scale = scale_of([total.energy_nj_per_sample for total in map(run.summary.totals.of, ("train", "test"))])
    for layer in run.summary.layers:
        (row,) = (line for line in text.splitlines() if line.split()[:1] == [layer.name])
        energies = [scale.text(sum(layer.of(which).energy_pj.values()) / 1000) for which in ("train", "test")]
        assert all(energy in row.split() for energy in energies)


@pytest.mark.parametrize("width", [60, 100, 160])
def test_comparison_points_out_what_differs(runs, width):
    text = screen(compare_table(compare_runs(runs.values()), width), width=width)
    assert "…" not in text
    for run in runs.values():
        assert energy_text(run.summary.totals.test.energy_nj_per_sample) in " ".join(text.split())
    flat = " ".join(text.split())
    assert "The data sets differ" in flat and "Substitute data in odd [x] $a$ <b>" in flat
    assert "The chips differ" in flat and "energy tables differ" not in flat
    same = screen(compare_table(compare_runs([runs["two"], runs["three"]])))
    assert "Settings that differ" in same and "differ" not in same.replace("Settings that differ", "")


def test_comparison_has_no_row_that_no_run_fills(runs):
    first = compare_runs([runs["two"], runs["three"]]).grids[0]
    assert "accuracy, chip" in first.rows and "trained on" not in first.rows
    assert set(OF_SOME) <= {label for label, _ in system_rows(runs["two"].summary, 0.9)}
    assert all({column.cells[i] for column in first.columns} != {"-"} for i, row in enumerate(first.rows) if row in OF_SOME)


def test_comparison_names_runs_of_one_name_by_their_folder(runs, tmp_path):
    again = load_run(make_run(tmp_path / "again", seed=2))
    headings = [column.heading for column in compare_grid([runs["two"], again]).columns]
    assert headings == ["mnist-mlp\n(two)", "mnist-mlp\n(again)"]


@pytest.mark.parametrize("key", RUNS)
def test_plots_are_pngs_of_a_sensible_size(runs, pages, key):
    expected = [name for name in PLOTS if name not in LACKING[key]]
    found = sorted(path.stem for path in runs[key].folder.glob("*.png"))
    assert found == sorted(expected)
    for name in expected:
        data = (runs[key].folder / f"{name}.png").read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
        assert 600 <= width <= 2000 and 300 <= height <= 3000 and len(data) > 8000


@pytest.mark.parametrize("key", RUNS)
def test_page_is_self_contained_and_complete(runs, pages, key):
    summary, page = runs[key].summary.model_dump(), pages[key]
    for target in re.findall(r"""(?:src|href)\s*=\s*["']?([^"'\s>]*)""", page):
        assert target.startswith("data:image/png;base64,")
    assert not re.search(r"<(script|link|iframe)|@import|url\(", page)
    assert page.count("<img ") == len(PLOTS) - len(LACKING[key])
    cells = set(re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", page))
    for layer in summary["layers"]:
        assert layer["name"] in cells
        for which in ("train", "test"):
            assert {f"{layer[which][name]:,}" for name in ("sops", "rng_draws", "weight_updates", "cycles")} <= cells
            scale = scale_of([summary["totals"][which]["energy_nj_per_sample"]])
            assert {scale.text(pj / 1000) for pj in layer[which]["energy_pj"].values()} <= cells
    assert ("SUBSTITUTE DATA SET" in page) == (key == "bare")
    assert summary["experiment_sha256"] in page and f"seed {summary['seed']}" in page and "learn_rate" in page
    assert "<b>" not in page.replace("<div><b>", "")


def test_page_takes_plots_already_made(runs):
    plots = make_plots(runs["two"])
    assert write_html(runs["two"], plots[:2]).read_text(encoding="utf-8").count("<img ") == 2


def zero(counts):
    for key, value in counts.items():
        zero(value) if isinstance(value, dict) else counts.update({key: 0})


def test_a_run_that_only_evaluated_has_dashes_and_no_accuracy_plot(tmp_path):
    def untrain(summary):
        for part in [summary["totals"]["train"], *(part["train"] for name in ("layers", "cores") for part in summary[name])]:
            zero(part)
        summary["accuracy"].update(per_epoch=[], train_per_epoch=[])

    folder = make_run(tmp_path / "run", hidden=(), reference=False)
    edit(folder, untrain)
    run = load_run(folder)
    text = " ".join(screen(run).replace("│", " ").split())
    assert "96.03 % with the weights it started with; no training on the chip" in text
    assert "one training sample" not in text and "=== Training" not in text and "=== Inference" in text
    assert [path.stem for path in make_plots(run)] == ["ticks", "spikes", "energy", "raster", "weights"]


def test_comparison_page(runs, tmp_path):
    page = write_compare_html(compare_runs(runs.values()), tmp_path / "compare.html").read_text(encoding="utf-8")
    assert "<td>256-128-10</td>" in page and "The data sets differ" in page and "odd [x] $a$ &lt;b&gt;" in page


def test_plots_and_page_that_cannot_be_written(runs, folder):
    run = load_run(folder)
    (folder / "accuracy.png").mkdir()
    with pytest.raises(NeurochipError, match=r"^\S+accuracy\.png: cannot be written \(Is a directory\); make the folder writable or "):
        make_plots(run)


def edit(folder, change):
    path = folder / "summary.json"
    summary = json.loads(path.read_text())
    change(summary)
    path.write_text(json.dumps(summary))


def truncate(path, share):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def unlink_both(folder):
    (folder / "summary.json").unlink()
    (folder / "run.h5").unlink()


def unfinished(folder):
    (folder / "summary.json").unlink()
    (folder / "checkpoint.npz").touch()


def other_run(folder):
    with h5py.File(folder / "run.h5", "r+") as file:
        file.attrs["experiment_sha256"] = "0" * 64


def without(name):
    def change(folder):
        with h5py.File(folder / "run.h5", "r+") as file:
            del file[name]

    return change


AGAIN = r"; make it again with 'neurochip run EXPERIMENT --out DIR'$"
FLAWS = {
    "empty": (unlink_both, r"^\S+run: not a run directory \(no summary\.json, no run\.h5\); give a folder made by 'neurochip run'$"),
    "unfinished": (
        unfinished,
        r"^\S+run: the run is not complete \(checkpoint\.npz but no summary\.json\); go on with it: the same command with --resume$",
    ),
    "no summary": (lambda f: (f / "summary.json").unlink(), r"^\S+summary\.json: file is missing" + AGAIN),
    "no h5": (lambda f: (f / "run.h5").unlink(), r"^\S+run\.h5: file is missing" + AGAIN),
    "half json": (
        lambda f: truncate(f / "summary.json", 0.5),
        r"^\S+summary\.json: not readable as JSON, truncated or corrupt \(.+\)" + AGAIN,
    ),
    "binary": (lambda f: (f / "summary.json").write_bytes(b"\xff\xfe"), r"^\S+summary\.json: not readable as JSON, truncated .+" + AGAIN),
    "a list": (lambda f: (f / "summary.json").write_text("[]"), r"^\S+summary\.json: no 'format' number: not the summary of a run" + AGAIN),
    "newer": (
        lambda f: edit(f, lambda s: s.update(format=3)),
        r"^\S+summary\.json: format 3, this version reads 2; use the neurochip version that made it$",
    ),
    "no key": (
        lambda f: edit(f, lambda s: s["layers"][1]["train"].pop("sops")),
        r"^\S+: key 'layers\[1\]\.train\.sops' is missing" + AGAIN,
    ),
    "type": (
        lambda f: edit(f, lambda s: s["accuracy"].update(test="96")),
        r"""^\S+: 'accuracy\.test' is "96", must be a number""" + AGAIN,
    ),
    "nan": (lambda f: edit(f, lambda s: s["accuracy"].update(test=float("nan"))), r"^\S+: not readable .+\(NaN is not a number\)" + AGAIN),
    "sum": (
        lambda f: edit(f, lambda s: s["totals"]["test"].update(sops=1)),
        r"^\S+: totals\.test\.sops is 1 but the layers sum to \d+" + AGAIN,
    ),
    "components": (
        lambda f: edit(f, lambda s: s["layers"][0]["train"]["energy_pj"].pop("random")),
        r"^\S+: layers\[0\]\.train\.energy_pj and totals\.train\.energy_pj differ in their components" + AGAIN,
    ),
    "no layers": (lambda f: edit(f, lambda s: s.update(layers=[])), r"^\S+: 'layers' is empty" + AGAIN),
    "epochs": (
        lambda f: edit(f, lambda s: s["accuracy"]["train_per_epoch"].pop()),
        r"^\S+: accuracy\.train_per_epoch and accuracy\.per_epoch differ in length" + AGAIN,
    ),
    "half h5": (lambda f: truncate(f / "run.h5", 0.5), r"^\S+run\.h5: not readable as HDF5, truncated or corrupt \(.+\)" + AGAIN),
    "not h5": (lambda f: (f / "run.h5").write_text("x"), r"^\S+run\.h5: not readable as HDF5, truncated or corrupt \(.+\)" + AGAIN),
    "other h5": (other_run, r"^\S+run\.h5: not from the run that wrote summary\.json \(experiment_sha256 differs\)" + AGAIN),
    "cores": (
        lambda f: edit(f, lambda s: s["layers"][0].update(cores=2)),
        r"^\S+: layers\[0\]\.cores is 2 but 1 cores are of it" + AGAIN,
    ),
    "sum of cores": (
        lambda f: edit(f, lambda s: s["cores"][0]["test"].update(sops=1)),
        r"^\S+: totals\.test\.sops is \d+ but the cores sum to \d+" + AGAIN,
    ),
    "no raster": (without("raster/1/errors"), r"^\S+run\.h5: data set '/raster/1/errors' is missing" + AGAIN),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_broken_run_is_refused_in_one_line(folder, flaw):
    spoil, text = FLAWS[flaw]
    spoil(folder)
    with pytest.raises(NeurochipError, match=text) as caught:
        load_run(folder)
    assert "\n" not in str(caught.value)


MESH_FLAWS = {
    "no mesh": (
        lambda s: s["chip"].update(mesh=None),
        r"^\S+: 'network' is there without 'chip\.mesh', or it without the network",
    ),
    "no verdict": (
        lambda s: s["network"]["test"].pop("verdict"),
        r"^\S+: key 'network\.test\.verdict' is missing",
    ),
    "no place": (lambda s: s["cores"][1].update(at=None), r"^\S+: cores\[1\]\.at is None, the mesh is 4 x 2"),
    "off": (lambda s: s["cores"][1].update(at=[0, 2]), r"^\S+: cores\[1\]\.at is \[0, 2\], the mesh is 4 x 2"),
    "load": (
        lambda s: s["network"]["train"]["load"].pop(),
        r"^\S+: network\.train\.load must have a row of 6 numbers or more for each of 8 routers",
    ),
    "packets": (None, r"^\S+run\.h5: data set '/packets/test/latency' is missing"),
}


@pytest.mark.parametrize("flaw", MESH_FLAWS)
def test_a_broken_run_of_a_mesh_is_refused_in_one_line(tmp_path, flaw):
    folder = make_run(tmp_path / "run", mesh=(4, 2), reference=False)
    change, text = MESH_FLAWS[flaw]
    edit(folder, change) if change else without("packets/test/latency")(folder)
    with pytest.raises(NeurochipError, match=text + AGAIN):
        load_run(folder)


def test_what_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    for name, what in (("file", "not a folder"), ("nothing", "no such folder")):
        with pytest.raises(NeurochipError, match=rf"^\S+{name}: {what}; give a folder made by 'neurochip run'$"):
            load_run(tmp_path / name)


def test_a_data_set_that_cannot_be_read(runs):
    with pytest.raises(NeurochipError, match=r"^\S+run\.h5: 'no/such' cannot be read \(.+\)" + AGAIN):
        runs["two"].array("no/such")


def rows_of(grid):
    return {name: [column.cells[i] for column in grid.columns] for i, name in enumerate(grid.rows)}


@pytest.fixture(scope="module")
def systems(tmp_path_factory):
    """Runs of three learning systems and one of before accuracies by tick were kept, all with 96.03 % at the end."""
    folder = tmp_path_factory.mktemp("systems")
    options = {
        "bp": {"method": "spike_bp", "reference": False, "test_ticks": 40, "speed": 0.4},
        "conv": {"method": "conversion", "reference": False, "test_ticks": 200, "speed": 0.05},
        "local": {"test_ticks": 16, "speed": 1.5},
        "old": {"is_old": True},
    }
    return [load_run(make_run(folder / key, name=key, **chosen)) for key, chosen in options.items()]


def test_systems_are_compared_at_a_common_accuracy(systems):
    comparison = compare_runs(systems)
    rows = rows_of(comparison.grids[0])
    assert comparison.common == pytest.approx(0.9553)
    assert rows["learning system"] == ["spike-based backprop", "conversion of an ANN", "-", "-"]
    assert rows["ticks, all"] == ["40", "200", "16", "16"]
    curves = [run.summary.accuracy.by_tick for run in systems[:3]]
    reached = [next(k for k in range(len(c)) if all(v is not None and v >= 0.9553 for v in c[k:])) + 1 for c in curves]
    assert rows["ticks to 95.53 %"] == [*map(str, reached), "-"]
    whole = [run.summary.totals.test.energy_nj_per_sample for run in systems]
    assert rows["energy of an image, all ticks"] == [energy_text(nj) for nj in whole]
    shares = [energy_text(nj * ticks / len(c)) for nj, ticks, c in zip(whole, reached, curves, strict=False)]
    assert rows["energy of an image, at 95.53 %"] == [*shares, "-"]
    assert rows["chip below the float net [points]"] == ["0.20", "0.20", "-", "-"]
    assert rows["break-even of these"] == ["5.11", "5.11", "5.11", "-"]
    text = " ".join(comparison.lines)
    assert f"Fewest ticks to stay at or above 95.53 %: local, {reached[2]}." in text
    assert f"conv needs {reached[1] / reached[2]:.2f} times as many ({reached[1]})" in text
    assert "old is of an older version, which kept no accuracy by tick" in text
    assert f"Measured here on mnist at 95.53 %: {reached[1] / reached[0]:.2f} times (conv: {reached[1]}, bp: {reached[0]} ticks)" in text


def test_the_published_claim_stands_only_beside_a_measured_figure(systems):
    for chosen in (systems[:1], [systems[1], systems[2]]):
        assert "Published claim" not in " ".join(compare_runs(chosen).lines)
    text = " ".join(compare_runs(systems[:2]).lines)
    assert text.index("Published claim to examine: up to 8 times") < text.index("Measured here on mnist")


def test_one_epoch_is_told_in_the_singular(systems):
    summary = copy.deepcopy(systems[2].summary)
    many = len(summary.accuracy.per_epoch)
    assert many > 1 and f" after {many} epochs (" in dict(headline(summary))["accuracy, test"]
    del summary.accuracy.per_epoch[1:]
    assert " after 1 epoch (" in dict(headline(summary))["accuracy, test"]


def test_a_comparison_shows_its_curves_to_the_top_and_plain_ticks(systems):
    runs = copy.deepcopy(systems[:2])
    runs[0].summary.accuracy.by_tick[-5] = 0.995  # more than at the end
    figure = draw_comparison(runs, ["a", "b"], 0.9)
    figure.draw_without_rendering()
    for axes in figure.axes:
        curves = [line.get_ydata() for line in axes.get_lines() if len(line.get_ydata()) > 2]
        assert len(curves) == 2 and max(map(np.nanmax, curves)) == 99.5 < axes.get_ylim()[1]
        labels = [label.get_text() for label in axes.get_xticklabels() + axes.get_xticklabels(minor=True)]
        told = [text for text in labels if text]
        assert told and all(re.fullmatch(r"[\d,.]+", text) for text in told), told


def test_a_long_title_stays_in_its_picture():
    figure = new_figure(10, 4.8, "an_experiment_of_a_long_name, a data set: " + "what the plot shows " * 5)
    axes = figure.subplots()
    figure.draw_without_rendering()
    (title,) = [text for text in figure.texts if text.get_text() == figure.get_suptitle()]
    extent = title.get_window_extent()
    assert extent.x0 >= 0 and extent.x1 <= figure.bbox.x1 and axes.get_tightbbox().y1 <= extent.y0 < extent.y1 <= figure.bbox.y1


def test_an_accuracy_can_be_asked_for(systems):
    comparison = compare_runs(systems, 96.03)
    assert rows_of(comparison.grids[0])["ticks to 96.03 %"][0] != "-" and "asked for by --at 96.03" in comparison.lines[0]
    high = compare_runs(systems, 99.0)
    assert rows_of(high.grids[0])["ticks to 99.00 %"] == ["-"] * 4 and "bp does not reach it." in high.lines
    with pytest.raises(NeurochipError, match="--at 101: must be an accuracy in percent, from 0 to 100"):
        compare_runs(systems, 101)


def test_page_of_systems_has_the_figure_and_all_rows(systems, tmp_path):
    comparison = compare_runs(systems)
    page = write_compare_html(comparison, tmp_path / "c.html").read_text(encoding="utf-8")
    assert page.count("<img ") == 1 and not re.search(r"<(script|link|iframe)|@import|url\(", page)
    cells = set(re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", page))
    for grid in comparison.grids:
        assert {cell for column in grid.columns for cell in column.cells} <= cells
    for line in comparison.lines:
        assert line.replace("'", "&#39;") in page
    flat = " ".join(screen(compare_table(comparison)).split())
    for line in comparison.lines:
        assert line in flat


def test_inference_grids_are_the_summary_per_image(runs):
    summary = runs["trained"].summary.model_dump()
    activity, ticks, quantised = inference_grids(runs["trained"].summary)
    columns = {column.heading: column for column in activity.columns}
    for i, layer in enumerate(summary["layers"]):
        part = layer["test"]
        assert number(columns["spikes in\n16 ticks\n[1/image]"].cells[i]) == pytest.approx(part["spikes_out"] / part["samples"], abs=0.05)
        rate = 100 * part["spikes_out"] / part["ticks"] / layer["neurons"]
        assert number(columns["spikes per\nneuron and\ntick [%]"].cells[i]) == pytest.approx(rate, abs=0.005)
        assert number(columns["SOPs\n[1/image]"].cells[i]) == pytest.approx(part["sops"] / part["samples"], abs=0.5)
        assert (
            columns["ANN twin\nMACs\n[1/image]"].cells[i] == f"{layer['n_weights']:,}"
            and columns["float net,\n13 ticks\n[1/image]"].cells[i] == "100.5"
        )
    assert rows_of(ticks)["all of the ticks"][:2] == ["16", "96.03 %"] and len(ticks.rows) == 5
    assert rows_of(quantised) == {layer["name"]: ["8", "101.25", "102", "0.040", "0.289", "1.23"] for layer in summary["layers"]}
    assert [grid.title for grid in inference_grids(runs["bare"].summary)] == ["activity per image"]


def test_facts_of_a_trained_net(runs):
    facts = dict(inference_facts(runs["trained"].summary))
    assert list(facts) == ["accuracy, float net", "accuracy, ANN", "trained off the chip", "ticks it takes", "ANN twin"]
    assert "0.20 points below it" in facts["accuracy, float net"] and "(break-even: 5.11)" in facts["ANN twin"]
    assert "second-hand" not in facts["ANN twin"] and "4.6 pJ per MAC, 0.9 pJ per AC" in facts["ANN twin"]
    assert not inference_facts(runs["bare"].summary)
    assert [name for name, _ in inference_facts(runs["two"].summary)] == ["ticks it takes", "early exit would do", "ANN twin"]


FORM_FLAWS = {
    "by tick": (lambda s: s["accuracy"].update(by_tick=["0.9"]), "'accuracy.by_tick[0]' is"),
    "twin": (lambda s: s["ann_twin"].pop("macs"), "key 'ann_twin.macs' is missing"),
    "training": (lambda s: s["training"]["layers"][0].pop("scale"), "key 'training.layers[0].scale' is missing"),
}


@pytest.mark.parametrize("flaw", FORM_FLAWS)
def test_broken_parts_of_a_trained_run_are_refused(tmp_path, flaw):
    change, words = FORM_FLAWS[flaw]
    folder = make_run(tmp_path / "run", method="conversion")
    edit(folder, change)
    with pytest.raises(NeurochipError) as error:
        load_run(folder)
    assert words in str(error.value)


# ---- early exit


def test_early_exit_is_told_and_its_cheapest_margins(runs, pages):
    """A run whose samples had all ticks says what a margin would do; one that ended them early, what its own did."""
    told = dict(inference_facts(runs["two"].summary))["early exit would do"]
    assert told.startswith("a lead of 2 potentials from tick 5 on gives ") and "counted in this run" in told
    grid = next(grid for grid in inference_grids(runs["two"].summary) if grid.title.startswith("early exit"))
    assert grid.rows == ["as it was run", "no less", "at most 0.5 points less", "at most 1 points less"]
    assert grid.columns[0].cells == ["-", "2", "1", "0.5"]
    own = dict(inference_facts(runs["mesh"].summary))["early exit"]
    ticks = len(runs["mesh"].summary.early_exit.histogram)
    assert own.startswith(f"with a lead of 2 potentials from tick 5 on: {ticks - 0.5:.2f} of {ticks} ticks in the mean, ")
    assert "early exit" not in dict(inference_facts(runs["three"].summary))
    for key in ("two", "mesh", "three"):
        assert ("cheapest margins" in pages[key]) == ("counted up to its own end" in pages[key]) == (key != "three")


def test_latency_after_some_ticks_is_that_of_the_ticks_that_were_run(runs):
    summary, ticks = runs["mesh"].summary, len(runs["mesh"].summary.early_exit.histogram)
    assert share_of_ticks(summary, ticks, ticks) == 1
    assert share_of_ticks(summary, ticks - 1, ticks) == pytest.approx((ticks - 1) / (ticks - 0.5))
    assert share_of_ticks(runs["two"].summary, ticks // 2, ticks) == 0.5
