"""The command line: what it prints, and that every mistake is one line on stderr, exit code 2 and nothing overwritten."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from support.tiny import ROOT, assert_same_h5, neurochip, start, summary_of, write_data, write_experiment

from neurochip import datasets
from neurochip.common.toml import shipped
from neurochip.runner import results


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    monkeypatch.setattr("neurochip.report.plots.make_plots", lambda run: [])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(experiment file, a complete run of it)."""
    folder = tmp_path_factory.mktemp("made")
    experiment = write_experiment(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neurochip.report.plots.make_plots", lambda run: [])
        assert neurochip("run", experiment, "--out", folder / "run", "--quiet").exit_code == 0
    return experiment, folder / "run"


def refused(result, pattern: str) -> None:
    """One line on stderr, exit code 2."""
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert re.fullmatch(rf"neurochip: (?:{pattern})\n", result.stderr), result.stderr


# ---- settings

SETTINGS = {
    "unknown key": ("run.epoch=1", r"\[run\] epoch: unknown key; did you mean 'epochs'\?"),
    "unknown table": ("rum.epochs=1", r"rum: unknown key; did you mean 'run'\?"),
    "unknown layer key": ("network.layers.0.neurns=3", r"\[network\.layers\[0\]\] neurns: unknown key; did you mean 'neurons'\?"),
    "unknown rule": ("rule.name=hebb", r"\[rule\] name = 'hebb': unknown learning rule; known: .*frozen, .*spike_backprop, .*"),
    "unknown rule key": ("rule.learnrate=1", r"\[rule\] learnrate: unknown key of rule spike_backprop; did you mean 'learn_rate'\?"),
    "rule out of range": ("rule.learn_rate=7", r"\[rule\] learn_rate = 7: must be a number from 0 to 1"),
    "rule of wrong type": ("rule.learn_rate=fast", r"\[rule\] learn_rate = 'fast': must be a number from 0 to 1"),
    "beta": ("rule.beta=0.3", r"\[rule\] beta = 0\.3: must be a multiple of 1/16"),
    "text for a number": ("run.epochs=many", r"\[run\] epochs = 'many': should be a valid integer"),
    "number as text": ('rule.error_gain="1"', r"\[rule\] error_gain = '1': should be a valid integer"),
    "number for a table": ("run=5", r"\[run\] = 5: must be a table"),
    "number for a layer": ("network.layers=[5]", r"\[network\.layers\[0\]\] = 5: must be a table"),
    "no layers": ("network.layers=[]", r"\[network\.layers\] = \[\]: must have at least 1 of them"),
    "negative": ("run.ticks=-1", r"\[run\] ticks = -1: should be greater than 0"),
    "not finite": ("network.layers.0.initial_gain=inf", r"\[network\.layers\[0\]\] initial_gain = inf: should be a finite number"),
    "weight bits": ("network.layers.0.weight_bits=17", r"\[network\.layers\[0\]\] weight_bits = 17: should be less than or equal to 16"),
    "word": (
        "chip.core.word_bits=8",
        r"\[chip\] over reference\.toml: \[core\] word_bits = 8: words side by side are written in slices of 32 bits; use .*",
    ),
    "memory": (
        "chip.core.memory_words=50",
        r"\[network\.layers\[0\]\] layer 'hidden': one neuron alone needs 4,096 words of synapse memory .rows take whole .*, "
        r"chip reference has core\.memory_words = 50; .* a chip with core\.memory_words = 4096",
    ),
    "ticks": (
        "run.ticks=4",
        r"\[run\] ticks = 4: 2 layers with warmup_ticks = 4, read_from_tick = 4 need at least 5 ticks; raise ticks or .*",
    ),
    "pipeline": (
        "run={epochs=1,ticks=1,warmup_ticks=0,read_from_tick=0}",
        r"\[run\] ticks = 1: 2 layers with .* need at least 2 ticks; .*",
    ),
    "test ticks": ("run.test_ticks=2", r"\[run\] test_ticks = 2: 2 layers .* need at least 5 ticks; raise test_ticks or .*"),
    "exit margin": ("run.exit.margin=0", r"\[run\.exit\] margin = 0: should be greater than 0"),
    "exit margin in LSB": (
        "run.exit.margin=1e-6",
        r"\[run\] exit\.margin = 1e-06: is 0 LSB of the output layer, must be 1 to 2,147,483,647: 0\.00024\d* to 5242\d\d",
    ),
    "exit of wins": (
        "run.readout=spikes run.exit.margin=1.5",
        r"\[run\] exit\.margin = 1\.5: readout = 'spikes' counts wins; give a whole number",
    ),
    "exit ticks": (
        "run.exit={margin=1.0,min_ticks=9}",
        r"\[run\] exit\.min_ticks = 9: must be at most test_ticks = 8; lower it or raise test_ticks",
    ),
    "exit ticks of training": (
        "run.test_ticks=20 run.exit={margin=1.0,min_ticks=9,train=true}",
        r"\[run\] exit\.min_ticks = 9: must be at most ticks = 8; lower it or raise ticks",
    ),
    "exit and record": (
        "record.samples=[1] run.exit={margin=1.0,train=true}",
        r"\[run\] exit\.train = true: \[record\] samples: a recorded training sample has all of its ticks; set epoch = 'final' there, .*",
    ),
    "exit and readout": (
        "readout={} run.exit.margin=1.0",
        r"\[run\] exit: not with \[readout\], which is fitted to the spikes of all ticks; leave one of them out",
    ),
    "classes": (
        "network.layers.1.neurons=4",
        r"\[network\.layers\[1\]\] neurons = 4: the data has 3 classes, the output layer needs .*neurons = 3",
    ),
    "mesh": ("chip.preset=edge16 chip.mesh.width=2", r"\[chip\] over edge16\.toml: n_cores = 16: a mesh of 2 x 4 has 8 places; enlarge it"),
    "tick without a mesh": ("chip.tick_us=2.0", r"\[chip\] over reference\.toml: tick_us: only a chip with a \[mesh\] knows when .*"),
    "cycles of a mesh": (
        "chip.preset=edge16 chip.cycles_per_tick.network=4",
        r"\[chip\] over edge16\.toml: \[cycles_per_tick\] network = 4: the \[mesh\] says how long packets take; 0",
    ),
    "raster sample": ("record.raster_sample=40", r"\[record\] raster_sample = 40: must be below 40, the number of training samples"),
    "probe ticks": ("reference.probe_ticks=[1,0]", r"\[reference\.probe_ticks\[1\]\] = 0: should be greater than or equal to 1"),
    "chip key": ("chip.core.axons=3", r"\[chip\] over reference\.toml: \[core\] axons: unknown key; did you mean 'n_axons'\?"),
    "chip": ("chip.preset=refrence", r"\[chip\] preset: unknown chip 'refrence'; did you mean 'reference'\? \(your own file needs .*\)"),
    "run name": ("name=a/b", r"name = 'a/b': it names the run's folder: no / or \\, no leading dot, no spaces around it"),
    "weights": (
        "network.weights=nowhere",
        r"\[network\] weights = 'nowhere': no such file; give the run\.h5 of a complete run, or its folder",
    ),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_bad_setting(case, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    setting, pattern = SETTINGS[case]
    several = [part for one in setting.split(" ") for part in ("--set", one)]
    result = neurochip("run", made[0], "--out", tmp_path / "out", "--quiet", *several)
    refused(result, rf"{re.escape(str(made[0]))} with --set: {pattern}")
    assert result.stdout == "" and not (tmp_path / "out").exists()


ELSEWHERE = {
    "form of --set": ("--set", "epochs", r"--set epochs: must have the form table\.key=value, for example --set run\.epochs=2"),
    "index": ("--set", "network.layers.2.neurons=1", r"--set network\.layers\.2\.neurons=1: '2' must be an index from 0 to 1"),
    "no table": (
        "--set",
        "name.x.y=1",
        r"--set name\.x\.y=1: 'y' is not in a table; name a key of a table, for example run\.epochs|--set .*",
    ),
    "energy table": (
        "--set",
        "energy.table=sg13",
        r".*tiny\.toml with --set: \[energy\] table: unknown energy table 'sg13'; known: loihi_sanafe, sg13g2_1v2, .* \(your own .*",
    ),
    "energy file": ("--set", "energy.table=no.toml", r"no\.toml: no such file; give the path of a TOML file"),
    "macro": (
        "--set",
        "chip.core.bank_words=999",
        r"energy_tables/sg13g2_1v2\.toml: \[\[sram_macro\]\] no memory of 999 words x 64 bits, .*; "
        r"change bank_words or word_bits in the chip file, or add a macro to the table",
    ),
    "data set": (
        "--set",
        "data.name=minst",
        r".*tiny\.toml with --set: data\.name = 'minst': there is no such data set; did you mean 'mnist'\?",
    ),
    "data file": (
        "--set",
        "data.path=no.npz",
        r".*tiny\.toml with --set: data\.path = 'no\.npz': there is no such file; give an \.npz file with .*",
    ),
    "too many samples": (
        "--set",
        "data.train_samples=41",
        r".*tiny\.toml with --set: data\.train_samples = 41, limit 1\.\.40 for .*; ask for at most 40, or .*",
    ),
    "seed": ("--seed", "-1", r"Invalid value for '--seed': -1 is not in the range 0<=x<=4294967295 \(see: neurochip run --help\)"),
    "threads": ("--threads", "0", r"Invalid value for '--threads': 0 is not in the range 1<=x<=256 \(see: neurochip run --help\)"),
    "option": ("--sed", "1", r"No such option '--sed'.* \(see: neurochip run --help\)"),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_bad_option(case, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    option, value, pattern = ELSEWHERE[case]
    refused(neurochip("run", made[0], "--out", tmp_path / "out", option, value), pattern)
    assert not (tmp_path / "out").exists()


# ---- files


def spoil(path, old, new, count=1):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, count), encoding="utf-8")
    return path


def price_list(folder, pattern, replacement):
    path = folder / "prices.toml"
    path.write_text(re.sub(pattern, replacement, shipped("energy_tables")["sg13g2_1v2"].read_text(), count=1))
    return "--set", f"energy.table={path}"


FILES = {
    "no file": (lambda f, e: (f / "no.toml",), r"{f}/no\.toml: no such file; give the path of a TOML file"),
    "no name": (lambda f, e: ("mnist_local_pb",), r"unknown experiment 'mnist_local_pb'; did you mean 'mnist_local_bp'\? \(your own .*"),
    "a folder": (lambda f, e: (f,), r"{f}: is a folder; give the path of a TOML file"),
    "below a file": (
        lambda f, e: (e / "x.toml",),
        r"{f}/tiny\.toml/x\.toml: cannot be read: Not a directory; give the path of a TOML file",
    ),
    "no TOML": (lambda f, e: (spoil(e, "[run]", "[run"),), r"{f}/tiny\.toml: not valid TOML: .*\(at line 13, column 5\); mend it there"),
    "no text": (lambda f, e: (e.write_bytes(b"\xff\xfe\x00") and e,), r"{f}/tiny\.toml: not valid TOML: .*; give a TOML file in UTF-8"),
    "missing key": (lambda f, e: (spoil(e, "ticks = 8", ""),), r"{f}/tiny\.toml: \[run\] ticks: missing; add it"),
    "missing table": (lambda f, e: (spoil(e, "[energy]\ntable", "#"),), r"{f}/tiny\.toml: \[energy\]: missing; add it"),
    "two mistakes": (
        lambda f, e: (spoil(spoil(e, "ticks = 8", ""), "epochs", "epoch"),),
        r"{f}/tiny\.toml: \[run\] epochs: .* \(and 2 more\)",
    ),
    "broken chip": (lambda f, e: (e, "--set", f"chip.preset={e}"), r"{f}/tiny\.toml: summary: missing; add it \(and \d+ more\)"),
    "no price": (
        lambda f, e: (e, *price_list(f, r"\[pj_per_event\.spike_out\][^\[]*", "")),
        r"{f}/prices\.toml: \[pj_per_event\] no price for spike_out; "
        r"give 0\.0 with a reason if it is free",
    ),
    "corrupt data": (lambda f, e: (e, "--set", f"data.path={spoil_npz(f)}"), r"{f}/bad\.npz: .*; save it with np\.savez\(.*"),
}


def spoil_npz(folder):
    path = write_data(folder / "bad.npz")
    path.write_bytes(path.read_bytes()[:-200])
    return path


@pytest.mark.parametrize("case", FILES)
def test_bad_file(case, tmp_path):
    arguments, pattern = FILES[case]
    experiment = write_experiment(tmp_path)
    result = neurochip("run", *arguments(tmp_path, experiment), "--out", tmp_path / "out")
    refused(result, pattern.replace("{f}", re.escape(str(tmp_path))))
    assert not (tmp_path / "out").exists()


# ---- run directories


def test_an_existing_folder_is_left_alone(made, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("precious")
    out = re.escape(str(tmp_path / "out"))
    refused(
        neurochip("run", made[0], "--out", tmp_path / "out"), rf"{out}: exists already; choose another --out, or go on with .* --resume"
    )
    refused(
        neurochip("run", made[0], "--out", tmp_path / "out", "--resume"), rf"{out}: holds no run to go on with .*; choose another --out"
    )
    refused(
        neurochip("run", made[0], "--out", tmp_path / "out" / "thesis.txt", "--resume"), rf"{out}/thesis\.txt: is not a folder; choose .*"
    )
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["thesis.txt"] and (tmp_path / "out" / "thesis.txt").read_text() == "precious"


def test_a_complete_run_is_not_overwritten_but_shown(made):
    experiment, folder = made
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "report.html"}
    refused(neurochip("run", experiment, "--out", folder), rf"{re.escape(str(folder))}: exists already; .*")
    result = neurochip("run", experiment, "--out", folder, "--resume")
    assert result.exit_code == 0 and "already complete" in result.stdout and "Does it learn?" in result.stdout and result.stderr == ""
    other = neurochip("run", experiment, "--out", folder, "--resume", "--seed", 5)
    refused(
        other, rf"{re.escape(str(folder))}: holds a complete run of another experiment, rule, seed, chip or energy table; choose another .*"
    )
    assert before == {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "report.html"}


def test_an_empty_folder_may_be_given(made, tmp_path):
    assert neurochip("run", made[0], "--out", tmp_path, "--quiet").exit_code == 0
    assert_same_h5(tmp_path, made[1])


def test_unwritable_places(made, tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("")
    refused(
        neurochip("run", made[0], "--out", file / "out"), rf"{re.escape(str(file))}/out: Not a directory; free space or choose a place .*"
    )

    def full(*arguments, **arrays):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    result = neurochip("run", made[0], "--out", tmp_path / "out")
    refused(result, rf"{re.escape(str(tmp_path))}/out/checkpoint\.npz: cannot be written \(No space left on device\); free space or .*")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("limit", [0, 1, 16, 64])
def test_a_full_disk(limit, made, tmp_path):
    """A limit on the size of files stands for a full disk: checkpoint, run.h5 or page do not fit."""
    code = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit} * 1024, {limit} * 1024)); "
    code += "from neurochip.cli.main import main; main(prog_name='neurochip')"
    arguments = [sys.executable, "-c", code, "run", str(made[0]), "--out", str(tmp_path / "out"), "--quiet"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(arguments, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and re.fullmatch(r"neurochip: .*/out/\S+: .*(File too large|unable|write).*\n", done.stderr), done.stderr
    assert not list((tmp_path / "out").glob(".*.part"))
    result = neurochip("run", made[0], "--out", tmp_path / "out", "--resume", "--quiet")
    assert result.exit_code == 0, result.stderr
    assert_same_h5(tmp_path / "out", made[1])


@pytest.mark.parametrize("limit", [200_000, 600_000])
def test_a_limit_of_memory_below_its_libraries_is_one_line(limit, made, tmp_path):
    """Under which they would spin, hear no SIGTERM, or blame a file."""
    command = f"ulimit -v {limit}; exec {sys.executable} -m neurochip run {made[0]} --out {tmp_path / 'run'}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "its libraries alone need 640; raise the limit" in done.stderr, (
        done.stderr
    )


@pytest.mark.parametrize("command", ["report", "compare"])
@pytest.mark.parametrize("name", ["summary.json", "run.h5"])
@pytest.mark.parametrize("keep", [0, 100, 0.5, None])
def test_damaged_run(command, name, keep, made, tmp_path):
    folder = shutil.copytree(made[1], tmp_path / "run")
    path, content = folder / name, (folder / name).read_bytes()
    if keep is None:
        path.unlink()
    else:
        path.write_bytes(content[: int(len(content) * keep) if isinstance(keep, float) else keep])
    pattern = rf"{re.escape(str(path))}: .*; make it again with 'neurochip run EXPERIMENT --out DIR'"
    refused(neurochip(command, folder), pattern)
    refused(neurochip("run", made[0], "--out", folder, "--resume"), ".*" if keep is None else pattern)


# ---- what is printed


def test_quiet_prints_nothing(made, tmp_path):
    result = neurochip("run", made[0], "--out", tmp_path / "run", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_no_terminal_no_escape_codes_and_a_line_per_epoch(made, tmp_path):
    result = neurochip("run", made[0], "--out", tmp_path / "run")
    assert "\x1b" not in result.stdout and "\r" not in result.stdout and result.stderr == ""
    assert re.search(r"(?m)^epoch 1/2: training \d+\.\d\d %, test \d+\.\d\d %$", result.stdout)
    assert all(len(line) <= 110 for line in result.stdout.splitlines() if str(tmp_path) not in line and str(made[0].parent) not in line)


def test_no_plots_leaves_out_plots_and_page_and_says_how_they_are_made(made, tmp_path):
    result = neurochip("run", made[0], "--out", tmp_path / "run", "--no-plots")
    assert result.exit_code == 0 and f"neurochip report {tmp_path}" in result.stdout.replace("\n", "")
    assert {path.suffix for path in (tmp_path / "run").iterdir()} == {".json", ".h5", ".toml"}


def test_bench_measures_one_thing():
    refused(neurochip("bench", "--noc", "--corners"), r"--noc and --corners are different measurements; ask for one \(see: .*\)")


def test_report_and_compare(made, tmp_path):
    experiment, folder = made
    shown = neurochip("report", folder, "--accelergy", tmp_path / "a")
    assert shown.exit_code == 0 and "accuracy, test" in shown.stdout and f"wrote {tmp_path}/a/test/action_counts.yaml" in shown.stdout
    assert neurochip("run", experiment, "--out", tmp_path / "run", "--seed", 2, "--quiet").exit_code == 0
    both = neurochip("compare", folder, tmp_path / "run", "--html", tmp_path / "both.html")
    assert both.exit_code == 0 and "seed" in both.stdout and (tmp_path / "both.html").stat().st_size > 1000
    refused(neurochip("report", tmp_path), rf"{re.escape(str(tmp_path))}: not a run directory .*; give a folder made by 'neurochip run'")


def test_info_names_everything_uncut(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    result = neurochip("info")
    assert result.exit_code == 0 and "…" not in result.stdout and max(map(len, result.stdout.splitlines())) <= 100
    for folder in ("chips", "energy_tables", "experiments"):
        assert all(name in result.stdout for name in shipped(folder))
    assert all(name in result.stdout for name in ("spike_backprop", "frozen", "lfsr16", "xorshift16", "xorshift32"))


def test_data_list_and_path(monkeypatch, tmp_path):
    monkeypatch.setenv("NEUROCHIP_CACHE", str(tmp_path))
    result = neurochip("data", "list")
    assert result.exit_code == 0 and "…" not in result.stdout
    assert all(entry.name in result.stdout for entry in datasets.available())
    paths = neurochip("data", "path")
    assert paths.exit_code == 0 and paths.stdout.splitlines() == [str(folder) for folder in datasets.data_folders()]
    refused(neurochip("data", "fetch", "npz"), r"data set 'npz' has nothing to fetch .*; can be fetched: .*")
    refused(neurochip("data", "fetch", "minst"), r"data\.name = 'minst': there is no such data set; did you mean 'mnist'\?")


def test_schema_is_json_on_screen_and_in_a_file(tmp_path):
    result = neurochip("schema")
    assert json.loads(result.stdout)["title"] == "neurochip experiment"
    assert neurochip("schema", "--out", tmp_path / "s.json").exit_code == 0
    assert (tmp_path / "s.json").read_text() == result.stdout
    refused(neurochip("schema", "--out", tmp_path / "no" / "s.json"), r".*/no/s\.json: cannot be written \(No such file or directory\); .*")


def test_help_imports_nothing_heavy():
    code = "import sys; from neurochip.cli.main import main\ntry: main(['run', '--help'])\nexcept SystemExit: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "neurochip.cli.main" in loaded and not loaded & {"numba", "numpy", "rich", "pydantic", "h5py", "matplotlib", "yaml"}


def test_no_command_and_wrong_command():
    refused(neurochip("runn"), r"No such command 'runn'.* \(see: neurochip --help\)")
    refused(neurochip("run"), r"Missing argument 'FILE' \(see: neurochip run --help\)")
    assert neurochip().exit_code == 2 and neurochip("--version").stdout.startswith("neurochip, version ")


# ---- interrupts and caches


def test_interrupt_before_the_first_sample(made, tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets, "load", interrupted)
    result = neurochip("run", made[0], "--out", tmp_path / "out", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "neurochip: interrupted\n") and not (tmp_path / "out").exists()


def test_memory_that_is_not_there(made, tmp_path, monkeypatch):
    def too_much(*arguments):
        raise MemoryError

    monkeypatch.setattr(datasets, "load", too_much)
    refused(neurochip("run", made[0], "--out", tmp_path / "out"), r"not enough memory; use fewer or smaller layers, or fewer samples .*")


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_no_obstacle(tmp_path):
    (tmp_path / "file").write_text("")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    env = {"NEUROCHIP_CACHE": str(tmp_path / "file" / "cache"), "TMPDIR": str(temporary), "NUMBA_CACHE_DIR": ""}
    out, error = (process := start("info", **env)).communicate(timeout=300)
    assert process.returncode == 0 and "spike_backprop" in out
    assert re.fullmatch(
        r"neurochip: no cache for compiled code \(.*Not a directory.*\), .* is used; NEUROCHIP_CACHE can name .*\n", error
    ), error
    (folder,) = temporary.glob("neurochip-*")
    assert folder.stat().st_mode & 0o077 == 0 and len(list(folder.iterdir())) == 1


def test_a_failed_page_can_be_made_later(made, tmp_path, monkeypatch):
    """The run is complete as soon as summary.json is there; --resume makes what is missing."""

    def fails(run):
        raise OSError(28, "No space left on device", "accuracy.png")

    monkeypatch.setattr("neurochip.report.plots.make_plots", fails)
    refused(neurochip("run", made[0], "--out", tmp_path / "run", "--quiet"), r"accuracy\.png: No space left on device; free space or .*")
    assert summary_of(tmp_path / "run")["format"] == results.FORMAT and not (tmp_path / "run" / "report.html").exists()
    monkeypatch.setattr("neurochip.report.plots.make_plots", lambda run: [])
    assert neurochip("run", made[0], "--out", tmp_path / "run", "--resume", "--quiet").exit_code == 0
    assert {p.name for p in (tmp_path / "run").iterdir()} == {
        "run.h5",
        "summary.json",
        "report.html",
        "experiment.toml",
        "chip.toml",
        "energy_table.toml",
    }


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("can't start new thread"), SystemError("error return without exception set")]
)
def test_little_memory_is_one_line_whatever_a_library_makes_of_it(error, made, monkeypatch):
    def fails(*arguments, **options):
        raise error

    monkeypatch.setattr("neurochip.cli.commands.report", fails)
    result = neurochip("report", made[1])
    assert result.exit_code == 2 and result.stderr.startswith("neurochip: not enough memory; ") and result.stderr.count("\n") == 1
