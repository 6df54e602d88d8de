"""`neurochip map`: the placement as a table and a picture before anything runs, and every refusal one line."""

import re

import pytest
from support.tiny import neurochip, write_experiment

from neurochip import datasets
from neurochip.experiment.setup import load_setup
from neurochip.mapping.place import place
from neurochip.placement.show import core_grid, layer_grid

pytestmark = pytest.mark.filterwarnings("error")
MAPS = "{kind='conv',filters=%d,kernel=3,padding=1,pool=2}"
CONV = f"network.layers=[{MAPS},{MAPS},{{neurons=64}},{{neurons=10}}]"
EDGE = ("--set", "chip.preset=edge16")


@pytest.fixture(autouse=True)
def no_data(monkeypatch, tmp_path):
    """Not one data set is on this machine: a map needs none."""
    monkeypatch.setenv("NEUROCHIP_DATA", str(tmp_path))


def printed(*arguments):
    result = neurochip("map", *arguments)
    assert result.exit_code == 0 and not result.stderr, result.stderr
    return result.stdout


def rows_of(text, title):
    """Rows of the table `title`, single-spaced, by their first word."""
    table = text.partition(f"\n{title}")[2].partition("─\n")[2].partition("\n\n")[0]
    return {line.split()[0]: " ".join(line.split()) for line in table.splitlines() if line.strip() and "──" not in line}


def test_the_main_job_on_a_chip_without_a_mesh():
    text = printed("mnist_local_bp")
    assert "mnist: 28 x 28 inputs, 10 classes" in text and "no mesh" in text and "2 of 8 cores" in text
    rows = rows_of(text, "Cores")
    assert rows["hidden"] == "hidden all 200 neurons 784 77 % 200 78 % 39,200 60 % 1"
    assert rows["output"] == "output all 10 neurons 200 20 % 10 4 % 600 1 % -"
    assert rows["total"] == "total 984 210 39,800"
    assert rows_of(text, "Layers")["total"] == "total 210 158,800 2"
    assert "warning" not in text and "hops" not in text


def test_tiles_on_a_mesh_and_the_copies_they_make_are_announced():
    text = printed("mnist_local_bp", *EDGE, "--set", CONV % (8, 16))
    flat = " ".join(text.replace("│", " ").split())
    assert "layer conv1: cut into 7 tiles, each of which learns its own copy of the kernel: no spike could keep them alike" in flat
    assert "13 of 16 cores" in flat and "mesh of 4 x 4" in flat
    rows = rows_of(text, "Cores")
    assert rows["conv1/3"] == "conv1/3 rows 6 to 7 (3,0) 168 16 % 224 88 % 18 0 % 2 (5)"
    assert rows["conv2/0"].startswith("conv2/0 row 0 (3,1) ") and rows["output"].endswith(" -")
    assert rows_of(text, "Layers")["conv1"] == "conv1 conv 3 x 3, pool 2 14 x 14 x 8 1,568 504 16 7 7"
    assert "7 tiles" not in printed("mnist_local_bp", *EDGE, "--set", CONV % (8, 16), "--set", "run.epochs=0")  # nothing learns


@pytest.mark.parametrize(("rate", "epochs"), [(8e-4, 5), (4e-3, 10)])  # epochs above one LSB of 2.44e-4; 60 and 16 % are left
def test_a_rate_of_which_most_is_cut_is_announced(rate, epochs):
    text = printed("mnist_local_bp", "--set", f"rule.learn_rate={rate}", "--set", "rule.learn_rate_decay=0.75")
    told = f"layer hidden: learn_rate = {rate:g} is cut to one LSB (0.000244) in {epochs} of 10 epochs; lower frac_bits = 12"
    assert (told in " ".join(text.replace("│", " ").split())) == (epochs > 5)


def test_numbers_are_those_of_the_mapping():
    setup = load_setup("mnist_local_bp", ("chip.preset=loihi_shape",))
    mapping = place(setup, (28, 28), 10)
    columns = {column.heading: column for column in core_grid(setup.chip, mapping).columns}
    assert columns["at"].cells == ["(0,0)", "(1,0)", "(2,0)", "(3,0)"]
    assert columns["feeds\n(hops)"].cells == ["1 (3)", "1 (2)", "1 (1)", "-"]
    assert columns["holds"].cells == ["neurons 0 to 63", "neurons 64 to 131", "neurons 132 to 199", "all 10 neurons"]
    for heading, key in (("axons", "axons"), ("neurons", "neurons"), ("memory\n[words]", "memory_words")):
        values = [int(cell.split()[0].replace(",", "")) for cell in columns[heading].cells]
        assert values == [getattr(core, key) for core in mapping.cores]
        assert int(columns[heading].total.replace(",", "")) == sum(values)
    assert [column.heading for column in layer_grid(mapping).columns] == ["kind", "shape", "neurons", "weights", "bits", "cores"]


def test_sources_are_named_where_layers_are_skipped():
    network = "network.layers=[{neurons=20},{neurons=20},{neurons=10,skip=['hidden']}]"
    assert "hidden2, hidden" in printed("mnist_local_bp", "--set", network)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_nothing_is_cut(width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    text = printed("mnist_local_bp", *EDGE, "--set", CONV % (8, 16))
    assert "…" not in text and max(map(len, text.splitlines())) <= max(width, 100)


@pytest.mark.parametrize(
    ("settings", "least_height"),
    [
        ((), 600),
        ((*EDGE, "--set", CONV % (8, 16)), 900),
        (("--set", "chip.preset=loihi_shape", "--set", "mapping.hidden.cores=100"), 900),  # too many for names
        (("--set", "chip.n_cores=40"), 600),  # rows of cores
        ((*EDGE, "--set", "chip.n_cores=4000", "--set", "chip.mesh={width=64,height=64,packet_bits=24}"), 900),
    ],
)
def test_a_picture_of_a_sensible_size(settings, least_height, tmp_path):
    out = tmp_path / "new" / "map.png"
    assert printed("mnist_local_bp", *settings, "--out", out).rstrip().endswith(f"picture: {out}")
    data = out.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) > 8000
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    assert 1000 <= width <= 1500 and least_height <= height <= 1700


@pytest.mark.parametrize("ending", [".svg", ".pdf"])
def test_other_kinds_of_picture(ending, tmp_path):
    printed("mnist_local_bp", "--out", tmp_path / f"map{ending}")
    assert (tmp_path / f"map{ending}").stat().st_size > 5000


REFUSED = {
    "too large": (
        ("--set", "chip.preset=edge16", "--set", "mapping.hidden.cores=1", "--set", "network.layers.0.neurons=300"),
        r".*mnist_local_bp\.toml with --set: .*needs 300 neurons, chip edge16 has core\.n_neurons = 256; .*",
    ),
    "too many": (("--set", CONV % (32, 64)), r".*: \[network\.layers\[0\]\] layer 'conv1': .*needs .*, chip reference has core\..*"),
    "no place": (
        (*EDGE, "--set", "mapping.hidden.at=[[4,0]]"),
        r".*: \[mapping\.hidden\] at = \[4, 0\]: the mesh is 4 x 4; x is 0 to 3, .*",
    ),
    "no mesh": (("--set", "mapping.hidden.at=[[0,0]]"), r".*: \[mapping\.hidden\] at: chip reference has no mesh; leave it out"),
    "no layer": (
        ("--set", "mapping.hiden.cores=2"),
        r".*: \[mapping\.hiden\]: the network has no layer of that name; did you mean 'hidden'\?",
    ),
    "classes": (("--set", "network.layers.1.neurons=3"), r".* the data has 10 classes, the output layer needs .*"),
    "no such data": (("--set", "data.name=minst"), r".*: data\.name = 'minst': there is no such data set; did you mean 'mnist'\?"),
    "no data": (("--set", "data.name=npz", "--set", "data.path=no.npz"), r".*: data\.path = 'no\.npz': there is no such file; .*"),
    "no path": (("--set", "data.name=idx"), r".*: data\.path is not given, but data\.name = 'idx' needs it .*"),
    "kind of picture": (("--out", "map.txt"), r"--out map\.txt: a picture of kind \.png, \.svg, \.pdf; give it one of these endings"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_are_one_line(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, pattern = REFUSED[case]
    result = neurochip("map", "mnist_local_bp", *arguments)
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert re.fullmatch(rf"neurochip: (?:{pattern})\n", result.stderr), result.stderr
    assert not list(tmp_path.iterdir())


def test_your_own_images_are_read_for_their_shape(tmp_path):
    experiment = write_experiment(tmp_path)
    text = printed(experiment)
    assert "npz: 8 x 8 inputs, 3 classes" in text and rows_of(text, "Cores")["hidden"].startswith("hidden all 12 neurons 64 6 %")


def test_help_says_what_it_is_for():
    assert " map " in neurochip("--help").stdout
    text = " ".join(neurochip("map", "--help").stdout.split())
    assert "Show on which cores the layers of experiment FILE go, and how full these are, without running it." in text
    assert "--out PNG" in text and "--set TABLE.KEY=VALUE" in text


def test_a_picture_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    result = neurochip("map", "mnist_local_bp", "--out", tmp_path / "file" / "map.png")
    assert result.exit_code == 2 and re.fullmatch(r"neurochip: \S+map\.png: cannot be written \(.+\); .*\n", result.stderr)


@pytest.mark.parametrize("name", [found.name for found in datasets.available() if not found.needs_path])
def test_published_sets_say_their_shape(name):
    description = next(found.description for found in datasets.available() if found.name == name)
    shape, n_classes = datasets.form_of(name)
    assert " x ".join(map(str, shape)) in description
    assert f"{n_classes} classes" in description
