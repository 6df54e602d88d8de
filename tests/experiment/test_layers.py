"""Files that build on others, and paths that start from the file that names them: chips, energy tables, experiments."""

import json
import re
import shutil
import tomllib
from pathlib import Path

import jsonschema
import pytest
from support.packages import install
from support.tiny import neurochip, write_data, write_experiment

from neurochip.common.errors import NeurochipError
from neurochip.common.toml import shipped
from neurochip.energy.table import load_table
from neurochip.experiment.chip import load_chip
from neurochip.experiment.schema import experiment_schema
from neurochip.experiment.setup import load_setup

REFERENCE = shipped("chips")["serial64"].read_text()
PRICE = '{ value = 9.0, kind = "assumed", from = "a test", derivation = "none" }'


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def chip_of(path: Path):
    return load_chip(str(path), {}, "test")


# ---- building on another


def test_a_chip_says_only_what_differs(tmp_path):
    mine = chip_of(
        write(tmp_path / "a.toml", 'base = "serial64"\nname = "mine"\n[core]\nn_axons = 512\n[cycles_per_event]\nword_read = 2\n')
    )
    text = REFERENCE.replace('name = "serial64"', 'name = "mine"').replace("n_axons = 1024", "n_axons = 512")
    written_out = chip_of(write(tmp_path / "b.toml", text.replace("\nword_read = 1", "\nword_read = 2")))
    assert mine == written_out and (mine.core.n_axons, mine.core.n_neurons) == (512, 256)


def test_built_on_or_written_out_is_one_experiment(tmp_path):
    path = str(write_experiment(tmp_path))
    text = REFERENCE.replace('name = "serial64"', 'name = "mine"').replace("clock_mhz = 20.0", "clock_mhz = 30.0")
    write(tmp_path / "whole.toml", text)
    write(tmp_path / "deep" / "half.toml", 'base = "serial64"\nname = "half"\n[rng]\nsharing = "rotated"\n')
    write(tmp_path / "part.toml", 'base = "deep/half.toml"\nname = "mine"\nclock_mhz = 30.0\nrng.sharing = "per_unit"\n')
    whole, part, plain = (
        load_setup(path, (f"chip.preset={preset}",)) for preset in (tmp_path / "whole.toml", tmp_path / "part.toml", "serial64")
    )
    assert whole.sha256() == part.sha256() != plain.sha256()
    assert whole.chip == part.chip


def test_prices_are_replaced_with_where_they_come_from(tmp_path):
    path = write(tmp_path / "mine.toml", f'base = "sg13g2_1v2"\nname = "mine"\n[pj_per_event]\naccumulate = {PRICE}\n')
    mine, base = load_table(path), load_table("sg13g2_1v2")
    assert mine.pj_per_event["accumulate"].kind == "assumed" and mine.pj_per_event["accumulate"].value == 9.0
    assert mine.pj_per_event["barrier"] == base.pj_per_event["barrier"] and mine.sram_macro == base.sram_macro
    path.write_text('base = "sg13g2_1v2"\nname = "mine"\npj_per_event.accumulate.value = 9.0\n')
    with pytest.raises(NeurochipError, match=rf"^{path}: \[pj_per_event\] accumulate.*is missing; add it"):
        load_table(path)


def test_an_experiment_builds_on_another(tmp_path):
    (tmp_path / "below").mkdir()
    base = write_experiment(tmp_path / "below")
    mine = write(tmp_path / "mine.toml", 'base = "below/tiny.toml"\nname = "mine"\nrun.epochs = 5\n[[network.layers]]\nneurons = 3\n')
    setup = load_setup(str(mine))
    run = setup.experiment.run
    assert (setup.experiment.name, run.epochs, run.ticks, len(setup.experiment.network.layers)) == ("mine", 5, 8, 1)
    assert Path(setup.experiment.data.path).is_file()
    same = load_setup(str(base), ('name="mine"', "run.epochs=5", "network.layers=[{neurons=3}]"))
    assert same.sha256() == setup.sha256()


@pytest.mark.parametrize(
    ("more", "rule", "layers"),
    [
        ("", "spike_backprop", 2),
        ('rule.name = "frozen"\n', "frozen", 2),  # whose settings are others: learn_rate goes with the rule it belonged to
        ('network.preset = "small.toml"\n', "spike_backprop", 3),
    ],
)
def test_another_choice_replaces_what_hung_on_it(more, rule, layers, tmp_path):
    write_experiment(tmp_path)
    write(tmp_path / "small.toml", "layers = [{ neurons = 5 }, { neurons = 4 }, { neurons = 3 }]")
    experiment = load_setup(str(write(tmp_path / "mine.toml", f'base = "./tiny.toml"\nname = "mine"\nrun.ticks = 20\n{more}'))).experiment
    assert (experiment.rule.name, len(experiment.network.layers)) == (rule, layers)
    assert (experiment.rule.model_extra == {}) == (rule == "frozen")


MISTAKES = {
    "no name": (
        'base = "serial64"',
        r"{f}/mine\.toml: name: missing; it differs from its base 'serial64' and needs a name of its own: add",
    ),
    "unknown base": ('base = "refrence"\nname = "m"', r"{f}/mine\.toml: base: unknown chip 'refrence'; did you mean 'reference'\?"),
    "no text": ('base = 3\nname = "m"', r"{f}/mine\.toml: base = 3: must be the name of another chip, or a path as '\./other\.toml'"),
    "no file": ('base = "./no.toml"\nname = "m"', r"{f}/no\.toml: no such file; give the path of a TOML file"),
    "itself": (
        'base = "mine.toml"\nname = "m"',
        r"{f}/mine\.toml: base = 'mine\.toml': builds on itself \({f}/mine\.toml -> {f}/mine\.toml\)",
    ),
    "circle": (
        'base = "./a.toml"\nname = "m"',
        r"{f}/b\.toml: base = '\.\./\S+/mine\.toml': builds on itself \({f}/mine\.toml -> {f}/a\.toml -> {f}/b\.toml -> .*mine\.toml\)",
    ),
    "own key": (
        'base = "serial64"\nname = "m"\ncore.n_axon = 2',
        r"{f}/mine\.toml: \[core\] n_axon: unknown key; did you mean 'n_axons'\?",
    ),
    "key of the base": (
        'base = "./bad.toml"\nname = "m"\nclock_mhz = 3.0',
        r"{f}/bad\.toml, base of {f}/mine\.toml: \[core\] n_axons = 0: should be greater than 0",
    ),
    "mended": ('base = "./bad.toml"\nname = "m"\ncore.n_axons = -1', r"{f}/mine\.toml: \[core\] n_axons = -1: should be greater than 0"),
    "together": (
        'base = "serial64"\nname = "m"\ncore.word_bits = 8',
        r"{f}/mine\.toml: \[core\] weight_bits = 16 do not fit a word of word_bits = 8; lower",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_name_the_file_that_makes_them(mistake, tmp_path):
    text, message = MISTAKES[mistake]
    write(tmp_path / "mine.toml", text)
    write(tmp_path / "a.toml", 'base = "b.toml"\nname = "a"')
    write(tmp_path / "b.toml", f'base = "../{tmp_path.name}/mine.toml"\nname = "b"')
    write(tmp_path / "bad.toml", REFERENCE.replace("n_axons = 1024", "n_axons = 0"))
    with pytest.raises(NeurochipError, match="^" + message.replace("{f}", re.escape(str(tmp_path)))) as caught:
        chip_of(tmp_path / "mine.toml")
    assert "\n" not in str(caught.value)


def test_set_is_not_blamed_on_the_base(tmp_path):
    write_experiment(tmp_path)
    mine = write(tmp_path / "mine.toml", 'base = "tiny.toml"\nname = "mine"\n')
    (tmp_path / "tiny.toml").write_text((tmp_path / "tiny.toml").read_text().replace("epochs = 2", "epochs = -2"))
    with pytest.raises(NeurochipError, match=rf"^{tmp_path}/tiny\.toml, base of {mine}: \[run\] epochs = -2"):
        load_setup(str(mine))
    with pytest.raises(NeurochipError, match=rf"^{mine} with --set: \[run\] epochs = -3"):
        load_setup(str(mine), ("run.epochs=-3",))


# ---- paths


def write_all(folder: Path) -> Path:
    """An experiment and all the TOML files that it names, each in a folder of its own."""
    (folder / "here").mkdir(parents=True)
    path = write_experiment(folder / "here")
    write(folder / "chips" / "mine.toml", 'base = "./common.toml"\nname = "mine"\n')
    write(folder / "chips" / "common.toml", REFERENCE)
    write(folder / "here" / "prices.toml", 'base = "sg13g2_1v2"\nname = "prices"\n')
    write(folder / "here" / "net.toml", "layers = [{ neurons = 12 }, { neurons = 3 }]\n")
    text = path.read_text().replace('preset = "reference"', 'preset = "../chips/mine.toml"').replace('"sg13g2_1v2"', '"prices.toml"')
    text = re.sub(r"layers = .*", 'preset = "./net.toml"\nweights = "./start"', text)
    write(folder / "here" / "start" / "run.h5", "not read here")
    path.write_text(re.sub(r'path = ".*/', 'path = "./', text))
    return path


def test_paths_start_from_the_file_that_names_them(tmp_path, monkeypatch):
    path = write_all(tmp_path / "a")
    first = load_setup(str(path))
    assert (first.chip.name, first.energy_table.name, len(first.experiment.network.layers)) == ("mine", "prices", 2)
    shutil.move(tmp_path / "a", tmp_path / "b")
    monkeypatch.chdir(tmp_path / "b" / "chips")
    moved = load_setup("../here/tiny.toml")
    assert Path(moved.experiment.data.path).is_file()
    assert moved.sha256() == first.sha256() and moved.resolved() == first.resolved()
    assert moved.resolved()["data"]["path"] == "./tiny_40_20.npz" and str(tmp_path) not in json.dumps(moved.resolved()["data"])
    (tmp_path / "b" / "here" / "start" / "run.h5").write_text("others")
    assert load_setup("../here/tiny.toml").sha256() != first.sha256()


def test_what_is_typed_starts_from_the_working_folder(tmp_path, monkeypatch):
    path = write_all(tmp_path / "a")
    write(tmp_path / "typed" / "mine.toml", 'base = "serial64"\nname = "typed"\n')
    write_data(tmp_path / "typed" / "typed.npz")
    monkeypatch.chdir(tmp_path / "typed")
    setup = load_setup(str(path), ("chip.preset=mine.toml", "data.path=typed.npz"))
    assert setup.chip.name == "typed" and Path(setup.experiment.data.path).is_file()
    assert setup.resolved()["data"]["path"] == str(tmp_path / "typed" / "typed.npz")
    with pytest.raises(NeurochipError, match=r"^net\.toml: no such file"):
        load_setup(str(path), ("network.preset=net.toml",))


# ---- entry points


def test_installed_packages_bring_files(tmp_path, monkeypatch):
    files = {
        "some_parts/__init__.py": "", "some_parts/small.toml": 'base = "serial64"\nname = "small"\nsummary = "a small one"\nn_cores = 2\n',
        "some_parts/cheap.toml": 'base = "sg13g2_1v2"\nname = "cheap"\ntitle = "cheap ones"\n',
        "some_parts/net.toml": "# two layers\nlayers = [{ neurons = 12 }, { neurons = 3 }]\n",
        "some_parts/slow.toml": 'name = "slow"\nkind = "lfsr"\nbits = 16\nmask = 0xD008\nsource = "a table"\n',
        "some_parts/start.toml": '# a start\nbase = "mnist_quick"\nname = "start"\nnetwork.preset = "net"\n'
        'chip.preset = "small"\nenergy.table = "cheap"\n',
        "some_parts/bad.toml": "name = 3\n", "some_parts/reference.toml": "",
    }  # fmt: skip
    points = "".join(
        f"[neurochip.{group}]\n" + "".join(f"{name} = some_parts\n" for name in names.split())
        for group, names in {
            "chips": "small bad reference gone", "energy_tables": "cheap", "networks": "net", "generators": "slow", "experiments": "start",
        }.items()
    )  # fmt: skip
    monkeypatch.syspath_prepend(str(install(tmp_path / "site", "some_parts", files, points)))
    setup = load_setup("start", ("chip.rng.kind=slow",))
    assert (setup.chip.name, setup.energy_table.name, setup.chip.generator.name) == ("small", "cheap", "slow")
    assert [layer.neurons for layer in setup.experiment.network.layers] == [12, 3]
    assert load_chip("reference", {}, "x").n_cores == 8
    shown = " ".join(neurochip("info").stdout.split())
    told = ["small a small one (entry point of package some_parts version 1.0)", "cheap cheap ones (", "net two layers (", "slow 16 bits"]
    told += ["start a start (", "bad cannot be loaded: ", "never used: one that ships has this name (entry"]
    assert [words for words in told if words not in shown] == []
    assert "gone cannot be loaded: some_parts/gone.toml (entry point" in shown
    with pytest.raises(NeurochipError, match=r"^x preset: unknown chip 'smal'; did you mean 'small'\?"):
        load_chip("smal", {}, "x")


# ---- the JSON Schema


def test_schema_takes_what_builds_on_another(tmp_path):
    schema = jsonschema.Draft202012Validator(experiment_schema())

    def flaws(text: str) -> list[str]:
        return [error.message for error in schema.iter_errors(tomllib.loads(text))]

    start = 'base = "./tiny.toml"\nname = "mine"\n'
    assert flaws(start + 'run.epochs = 5\nchip.rng.sharing = "rotated"\ndata.name = "./my_set.py"\nnetwork.neuron.threshold = 2.0\n') == []
    assert any("typo" in flaw for flaw in flaws(start + "run.typo = 5"))
    assert any("-1" in flaw for flaw in flaws(start + "run.epochs = -1"))
    assert flaws('name = "mine"\nrun.epochs = 5') and flaws('base = "a.toml"')
    assert flaws(start + "network.layers = [{}]") == [] and flaws(start + "network.layers = [{ typo = 1 }]")
    whole = write_experiment(tmp_path).read_text()
    assert flaws(whole) == [] and flaws(whole.replace("ticks = 8", ""))
