"""Reports of a synthetic run: every number of the summary arrives, nothing is cut, and a broken run is refused in one line."""

import io
import json
import re

import h5py
import pytest
from make_run import make_run
from rich.console import Console

from neurochip.errors import NeurochipError
from neurochip.report.grids import compare_grid, layer_grids
from neurochip.report.html import write_compare_html, write_html
from neurochip.report.load import load_run
from neurochip.report.plots import make_plots
from neurochip.report.tables import compare_table, layer_tables, print_report

pytestmark = pytest.mark.filterwarnings("error")
RUNS = {
    "two": {},
    "three": {"hidden": (256, 128), "weight_bits": 16, "frac_bits": 12, "name": "deep", "seed": 3},
    "bare": {"reference": False, "substitute": True, "weight_bits": 4, "frac_bits": 5, "name": "odd [x] $a$ <b>"},
}
PLOTS = ["accuracy", "spikes", "energy", "raster", "weights", "gradient"]


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
    layers, total = runs[key].summary["layers"], runs[key].summary["totals"][which]
    columns = [column for grid in layer_grids(runs[key].summary, which) for column in grid.columns]
    for column in columns:
        assert len(column.cells) == len(layers)
        exact = "." not in column.total
        assert number(column.total) == pytest.approx(sum(map(number, column.cells)), abs=0 if exact else 0.01 * len(layers))
    by_heading = {column.heading: column for column in columns}
    assert number(by_heading["cycles\n(share)"].total) == total["cycles"]
    assert number(by_heading["SOPs"].total) == total["sops"]
    assert number(by_heading["total\n[nJ]"].total) == pytest.approx(total["energy_nj_per_sample"], abs=0.0006)
    assert number(by_heading["latency\n[us/sample]"].total) == pytest.approx(total["latency_us_per_sample"], abs=0.0006)


@pytest.mark.parametrize("key", RUNS)
@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_screen_shows_every_layer_and_exact_count_uncut(runs, key, width):
    summary = runs[key].summary
    text = screen(*layer_tables(summary, width), width=width)
    assert "…" not in text and "..." not in text
    assert max(map(len, text.splitlines())) <= width
    words = set(text.split())
    for layer in summary["layers"]:
        assert layer["name"] in words
        for which in ("train", "test"):
            for name in ("sops", "synapse_word_reads", "synapse_word_writes", "column_reads", "synapse_bits_read", "synapse_bits_written"):
                assert f"{layer[which][name]:,}" in words
            for name in ("rng_draws", "weight_updates", "lost_updates", "errors_gated", "saturations", "cycles", "busy_cycles"):
                assert f"{layer[which][name]:,}" in words
            assert f"{layer[which]['latency_us']:,.3f}" in words
            for pj in [*layer[which]["energy_pj"].values(), *(phase["energy_pj"] for phase in layer[which]["phases"].values())]:
                assert f"{pj / 1000:,.3f}" in words


@pytest.mark.parametrize("key", RUNS)
def test_report_on_screen(runs, key):
    text = screen(runs[key])
    flat = " ".join(text.replace("│", " ").replace("║", " ").split())
    assert "…" not in text
    assert "96.03 % after 3 epochs" in flat
    assert ("1.18 points below it (gap)" in flat) == (key != "bare")
    assert ("SUBSTITUTE DATA SET" in flat) == (key == "bare")
    assert "measured 50.0 %, simulated 20.0 %, scaled 25.0 %, assumed 5.0 %" in flat
    assert "100 MHz" in flat and "28 nm, 0.55 V" in flat and runs[key].summary["warnings"][0] in flat
    assert runs[key].summary["name"] in flat


def test_a_pipe_gets_more_than_80_columns_and_the_console_is_left_as_it_was(runs):
    console = Console(file=io.StringIO(), width=80)
    print_report(runs["two"], console)
    assert 80 < max(map(len, console.file.getvalue().splitlines())) <= 100
    assert console.width == 80


@pytest.mark.parametrize("width", [60, 100, 160])
def test_comparison_points_out_what_differs(runs, width):
    text = screen(compare_table(runs.values(), width), width=width)
    assert "…" not in text
    for run in runs.values():
        assert f"{run.summary['totals']['test']['energy_nj_per_sample']:,.3f}" in text
    flat = " ".join(text.split())
    assert "The data sets differ" in flat and "Substitute data in odd [x] $a$ <b>" in flat
    assert "chips differ" not in flat and "energy tables differ" not in flat
    assert "differ" not in screen(compare_table([runs["two"], runs["three"]]))


def test_comparison_names_runs_of_one_name_by_their_folder(runs, tmp_path):
    again = load_run(make_run(tmp_path / "again", seed=2))
    headings = [column.heading for column in compare_grid([runs["two"], again]).columns]
    assert headings == ["mnist-mlp\n(two)", "mnist-mlp\n(again)"]


@pytest.mark.parametrize("key", RUNS)
def test_plots_are_pngs_of_a_sensible_size(runs, pages, key):
    expected = PLOTS if key != "bare" else PLOTS[:-1]
    found = sorted(path.stem for path in runs[key].folder.glob("*.png"))
    assert found == sorted(expected)
    for name in expected:
        data = (runs[key].folder / f"{name}.png").read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
        assert 600 <= width <= 2000 and 300 <= height <= 3000 and len(data) > 8000


@pytest.mark.parametrize("key", RUNS)
def test_page_is_self_contained_and_complete(runs, pages, key):
    summary, page = runs[key].summary, pages[key]
    for target in re.findall(r"""(?:src|href)\s*=\s*["']?([^"'\s>]*)""", page):
        assert target.startswith("data:image/png;base64,")
    assert not re.search(r"<(script|link|iframe)|@import|url\(", page)
    assert page.count("<img ") == (5 if key == "bare" else 6)
    cells = set(re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", page))
    for layer in summary["layers"]:
        assert layer["name"] in cells
        for which in ("train", "test"):
            assert {f"{layer[which][name]:,}" for name in ("sops", "rng_draws", "weight_updates", "cycles")} <= cells
            assert {f"{pj / 1000:,.3f}" for pj in layer[which]["energy_pj"].values()} <= cells
    assert ("SUBSTITUTE DATA SET" in page) == (key == "bare")
    assert summary["experiment_sha256"] in page and f"seed = {summary['seed']}" in page and "learn_rate" in page
    assert "<b>" not in page.replace("<div><b>", "")


def test_page_takes_plots_already_made(runs):
    plots = make_plots(runs["two"])
    assert write_html(runs["two"], plots[:2]).read_text(encoding="utf-8").count("<img ") == 2


def zero(counts):
    for key, value in counts.items():
        zero(value) if isinstance(value, dict) else counts.update({key: 0})


def test_a_run_that_only_evaluated_has_dashes_and_no_accuracy_plot(tmp_path):
    def untrain(summary):
        for part in [summary["totals"]["train"], *(layer["train"] for layer in summary["layers"])]:
            zero(part)
        summary["accuracy"].update(per_epoch=[], train_per_epoch=[])

    folder = make_run(tmp_path / "run", hidden=(), reference=False)
    edit(folder, untrain)
    run = load_run(folder)
    assert "96.03 % after 0 epochs (training, read while learning: -)" in screen(run)
    assert [path.stem for path in make_plots(run)] == ["spikes", "energy", "raster", "weights"]


def test_comparison_page(runs, tmp_path):
    page = write_compare_html(runs.values(), tmp_path / "compare.html").read_text(encoding="utf-8")
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
        r"^\S+run: the run is not complete \(checkpoint\.npz but no summary\.json\); start it again to let it finish$",
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
        lambda f: edit(f, lambda s: s.update(format=2)),
        r"^\S+summary\.json: format 2, this version reads 1; use the neurochip version that made it$",
    ),
    "no key": (
        lambda f: edit(f, lambda s: s["layers"][1]["train"].pop("sops")),
        r"^\S+: key 'layers\[1\]\.train\.sops' is missing" + AGAIN,
    ),
    "type": (
        lambda f: edit(f, lambda s: s["accuracy"].update(test="96")),
        r"""^\S+: 'accuracy\.test' is "96", must be int or float or null""" + AGAIN,
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
    "no raster": (without("raster/1/errors"), r"^\S+run\.h5: data set '/raster/1/errors' is missing" + AGAIN),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_broken_run_is_refused_in_one_line(folder, flaw):
    spoil, text = FLAWS[flaw]
    spoil(folder)
    with pytest.raises(NeurochipError, match=text) as caught:
        load_run(folder)
    assert "\n" not in str(caught.value)


def test_what_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    for name, what in (("file", "not a folder"), ("nothing", "no such folder")):
        with pytest.raises(NeurochipError, match=rf"^\S+{name}: {what}; give a folder made by 'neurochip run'$"):
            load_run(tmp_path / name)


def test_a_data_set_that_cannot_be_read(runs):
    with pytest.raises(NeurochipError, match=r"^\S+run\.h5: 'no/such' cannot be read \(.+\)" + AGAIN):
        runs["two"].array("no/such")
