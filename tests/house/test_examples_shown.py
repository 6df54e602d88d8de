"""The files that pages show, under their titles, do what the page says."""

import re
import tomllib

import pytest
from support.documents import blocks, spans, text_of, titled
from support.packages import install
from support.tiny import ROOT

import neurochip as nc
from neurochip import datasets, rules
from neurochip.energy.table import load_table
from neurochip.experiment.chip import load_chip
from neurochip.experiment.setup import load_setup

HOWTO = ROOT / "docs" / "howto"
EXPERIMENT = 'base = "mnist_quick"\nname = "shown"\n'


@pytest.fixture
def write(tmp_path):
    """Write the titled files of a how-to into an empty folder; return their paths by name."""

    def write_files(page: str) -> dict[str, object]:
        files = titled(text_of(HOWTO / page))
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        return {name: tmp_path / name for name in files}

    return write_files


def test_the_chip(write):
    path = write("chip.md")["my_chip.toml"]
    chip, base = load_chip(str(path), {}, "test"), load_chip("reference", {}, "test")
    assert (chip.core.n_neurons, chip.rng.sharing) == (128, "rotated")
    assert chip.core.memory_words == chip.core.n_axons * chip.row_words(chip.core.n_neurons, chip.core.weight_bits)
    assert chip.cycles_per_event == base.cycles_per_event


def test_the_energy_table(write):
    path = write("energy_table.md")["my_table.toml"]
    table, base = load_table(path), load_table("sg13g2_1v2")
    changed = {name for name, price in table.pj_per_event.items() if price != base.pj_per_event[name]}
    assert changed == {"rng_draw"} and table.pj_per_event["rng_draw"].bounds == (0.3, 0.8)


def test_the_data_set(write):
    data = datasets.load(str(write("data_set.md")["my_patterns.py"]))
    assert data.x_train.shape == (1000, 64) and data.n_classes == 2
    assert data.x_train[data.y_train == 0].mean() > 1.8 * data.x_train[data.y_train == 1].mean()


@pytest.mark.parametrize("page", ["chip.md", "energy_table.md", "data_set.md"])
def test_an_experiment_names_them_as_the_page_does(write, tmp_path, page):
    """The last block of the page that is no file of its own, in an experiment beside the file."""
    files = write(page)
    text = text_of(HOWTO / page)
    block = [one for one in blocks(text, "toml") if '"./my_' in one][-1]
    path = tmp_path / "shown.toml"
    path.write_text(EXPERIMENT + block, encoding="utf-8")
    setup = load_setup(str(path))
    used = {setup.chip.name, setup.energy_table.name, *(plugin.file.stem for plugin in setup.plugins.values())}
    assert used & {path.stem for path in files.values()}


def test_the_package(write, tmp_path, monkeypatch):
    """Its entry points, with the files of the other pages, installed: all names can be used."""
    text = text_of(HOWTO / "package.md")
    project = tomllib.loads(blocks(text, "toml")[0])["project"]
    groups = project["entry-points"]
    points = "".join(f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in names.items()) for group, names in groups.items())
    chip, table = titled(text_of(HOWTO / "chip.md"))["my_chip.toml"], titled(text_of(HOWTO / "energy_table.md"))["my_table.toml"]
    files = {
        "our_chips/__init__.py": "",
        "our_chips/data/__init__.py": "",
        "our_chips/patterns.py": titled(text_of(HOWTO / "data_set.md"))["my_patterns.py"],
        "our_chips/data/our_chip.toml": chip,
        "our_chips/data/our_table.toml": table,
    }
    monkeypatch.syspath_prepend(str(install(tmp_path / "site", project["name"].replace("-", "_"), files, points)))
    path = tmp_path / "shown.toml"
    path.write_text(
        EXPERIMENT + '[data]\nname = "patterns"\n[chip]\npreset = "our_chip"\n[energy]\ntable = "our_table"\n', encoding="utf-8"
    )
    setup = load_setup(str(path))
    assert (setup.chip.name, setup.energy_table.name, setup.plugins["data"].name) == ("my_chip", "my_table", "patterns")
    assert "our_chips" in setup.plugins["data"].origin
    brought_too = {f"neurochip.{group}" for group in ("experiments", "networks", "generators", "rules")}
    assert set(groups) | brought_too == set(re.findall(r"^\| `(neurochip\.\w+)`", text, re.MULTILINE))


def test_python_names_exist():
    """What the page takes from `nc`, and from what that gives."""
    text = text_of(HOWTO / "python.md")
    kinds = {"nc": nc, "run": nc.Run, "sim": nc.Simulator, "both": nc.Comparison}
    named = re.findall(r"\b(nc|run|sim|both)\.([A-Za-z_]\w*)", " ".join([*spans(text), *blocks(text, "python")]))
    assert len(set(named)) > 20
    assert [f"{kind}.{name}" for kind, name in named if not hasattr(kinds[kind], name) and (kind, name) != ("run", "epochs")] == []


def test_the_api_has_every_name_that_a_rule_may_import():
    """Of neurochip.rules all but a type and the orders of vectors."""
    shown = set(re.findall(r"^::: neurochip\.[\w.]*\.(\w+)$", text_of(ROOT / "docs" / "reference" / "api.md"), re.MULTILINE))
    assert {*rules.__all__} - shown == {"HOOK", "N_EVENTS", "P", "RngParam"}
