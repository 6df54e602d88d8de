"""Both sizes of a chip, power against rate, other supplies, use of lanes, and published chips in a report."""

import pytest
from support.make_run import make_run

from neurochip.report.compare import compare_runs
from neurochip.report.html import write_html
from neurochip.report.power import Power, draw_power, power_grids, speed
from neurochip.report.published import Figure, published_chips, published_grids
from neurochip.report.silicon import silicon_facts, size_grids, training_fact, use_grids
from neurochip.runfile.load import StoredRun, load_run
from neurochip.runfile.sizes import ChipSize, CoreSize, CoreUse, Sizes, Use


def core_size(name, **figures):
    """A core in silicon."""
    plain = {"roles": ["first"], "axons": 784, "neurons": 200, "logic_um2": 2e6, "logic_um2_range": (1e6, 4e6), "macros": 50,
             "macro": "256 x 64, m.lib",
             "memory_um2": 7e6, "clock_mhz": 30.0, "logic_uw": 20.0, "memory_uw": 5.0, "waiting_uw": 100.0,
             "kind": "simulated"}  # fmt: skip
    return CoreSize(name=name, **(plain | figures))


def chip_size(*cores, nj, leak=1.0):
    """A chip of some cores."""
    return ChipSize(cores=list(cores), inference_nj=nj, inference_nj_range=(nj / 2, nj * 2), training_nj=2 * nj,
                    training_nj_range=(nj, 4 * nj), leakage_nj=leak)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that knows both sizes of its chip and how its lanes were used."""
    stored = load_run(make_run(tmp_path_factory.mktemp("silicon") / "run"))
    used = chip_size(core_size("hidden"), core_size("output", roles=["last"], clock_mhz=25.0, kind="extrapolated"), nj=60668.689)
    built = chip_size(core_size("hidden", macros=256), core_size("output", roles=["last"], clock_mhz=24.16, macros=256), nj=92000.0)
    sizes = Sizes(built=built, used=used, chip_cores=8, not_priced=["the rule"])
    use = Use(row_port=0.5, column_port=None, words=0.78125, adders=0.75, somas=1.0, inputs=None)
    cores = [core.model_copy(update={"use": CoreUse(train=use, test=use)}) for core in stored.summary.cores]
    return StoredRun(stored.folder, stored.summary.model_copy(update={"sizes": sizes, "cores": cores}), stored.h5)


def test_headline_says_both_sizes(run):
    facts = dict(silicon_facts(run.summary))
    assert facts["memory macros"].endswith(" of 256 x 64, m.lib")
    assert facts["area"].startswith("2 of 8 cores: as built 18.0 mm2 (logic 4.00, 512 memory macros 14.0); at the size in use 18.0 mm2")
    assert facts["largest clock"] == (
        "as built 24.2 MHz, set by output (last core); at the size in use 25.0 MHz, set by output (last core, extrapolated, before layout)"
    )
    assert facts["leakage"] == ("as built 50.0 uW (logic 40.0, memory 10.0); at the size in use 50.0 uW (logic 40.0, memory 10.0)")
    assert "92.0 uJ (46.0 to 184) per inference, 184 uJ (92.0 to 368) per training sample" in facts["energy as built"]
    assert facts["not priced"] == "the rule"


def test_an_older_run_knows_the_chip_as_built_alone(tmp_path):
    older = load_run(make_run(tmp_path / "run"))
    assert silicon_facts(older.summary) == size_grids(older.summary) == power_grids(older.summary) == use_grids(older.summary) == []
    assert draw_power(older) is None


def test_whole_training_is_the_sum_of_its_samples(run):
    total = run.summary.totals.train
    text = dict(training_fact(run.summary))["whole training"]
    assert f"for {total.samples:,} samples" in text
    joules = total.energy_nj_per_sample * total.samples / 1e9
    assert float(text.split(" mJ")[0]) == pytest.approx(1000 * joules, rel=0.005)
    assert float(text.partition(" and ")[2].split(" s")[0]) == pytest.approx(total.latency_us_per_sample * total.samples / 1e6, rel=0.005)


def _microwatts(text):
    value, unit = text.split()
    return float(value.replace(",", "")) * {"uW": 1, "mW": 1e3, "W": 1e6}[unit]


def test_power_adds_what_moves_and_what_leaks(run):
    power = Power(moving_nj=50.0, latency_us=100.0, logic_uw=20.0, memory_uw=5.0, waiting_uw=300.0)
    assert power.fastest == 10_000
    assert [power.at(0.0, sleep) for sleep in ("awake", "asleep", "gated")] == [325.0, 25.0, 5.0]
    assert {power.at(10_000, sleep) for sleep in ("awake", "asleep", "gated")} == {525.0}  # no pause to sleep in
    assert power.at(5_000, "awake") == pytest.approx(250 + 25 + 150) and power.at(5_000, "gated") == pytest.approx(250 + 5 + 10)
    rates, supplies = power_grids(run.summary)
    assert [column.heading for column in rates.columns] == [
        "clock\nruns",
        "clock\nstopped",
        "logic\noff, memory on",
        "as built,\nclock stopped",
    ]
    for row in range(len(rates.rows)):
        awake, asleep, gated, _ = (_microwatts(column.cells[row]) for column in rates.columns)
        assert awake >= asleep >= gated
    assert "kind: scaled" in supplies.title and draw_power(run) is not None


def test_the_table_s_own_supply_changes_nothing_and_a_lower_one_is_slower_and_cheaper(run):
    _, supplies = power_grids(run.summary)
    own = next(k for k, name in enumerate(supplies.rows) if "the table" in name)
    clock, largest, energy, _, _ = (column.cells for column in supplies.columns)
    assert (clock[own], largest[own], energy[own]) == ("100", "25.0", "60.7 uJ")
    assert [float(c) for c in clock] == sorted(float(c) for c in clock)
    assert [float(e.split()[0]) for e in energy] == sorted(float(e.split()[0]) for e in energy)
    assert speed(1.2) > speed(0.9) > speed(0.35) == 0


def test_use_of_lanes_is_shown(run):
    train, test = use_grids(run.summary)
    assert train.title.startswith("training: use of ports") and test.title.startswith("inference")
    assert [column.cells[0] for column in test.columns] == ["50.0", "-", "78.1", "75.0", "100.0", "-"]


def test_the_page_has_silicon_and_use(run):
    page = write_html(run, []).read_text(encoding="utf-8")
    for text in ("Silicon, power and use", "the chip as built and at the size in use", "cores as built", "other supplies", "use of ports"):
        assert text in page


def test_published_figures_are_scaled_as_c_v_squared(run):
    figure = Figure(what="sop_pj", value=4.0, vdd_v=0.55, kind="measured", mark="read", source="s")
    table = run.summary.energy_table.model_copy(update={"node_nm": 130.0, "vdd_v": 1.2})
    assert figure.scaled(28.0, table) == pytest.approx(4.0 * (130 / 28) * (1.2 / 0.55) ** 2)
    assert figure.scaled(28.0, table.model_copy(update={"node_nm": None})) is None
    assert figure.model_copy(update={"vdd_v": None}).scaled(28.0, table) is None
    with pytest.raises(ValueError, match="a derived figure says how"):
        Figure(what="sop_pj", value=4.0, kind="derived", mark="read", source="s")


def test_every_published_figure_has_a_source_and_a_name_of_its_own():
    chips = published_chips()
    assert len({chip.name for chip in chips}) == len(chips) >= 8
    for chip in chips:
        assert len({figure.what for figure in chip.figures}) == len(chip.figures)
    park = next(chip for chip in chips if chip.name.startswith("Park"))
    assert (park.node_nm, park.of("inference_nj").value, park.of("inference_nj").vdd_v, park.of("accuracy").value) == (
        65,
        236.5,
        0.8,
        0.9783,
    )


def test_comparison_puts_a_run_beside_published_chips(run):
    plain, beside = compare_runs([run]), compare_runs([run], published=True)
    assert len(beside.grids) == len(plain.grids) + 2 and "C V^2" in beside.lines[-1] and "C V^2" not in " ".join(plain.lines)
    table, sources = published_grids(run, "ours")
    assert table.rows[0] == "ours" and "Park, Lee and Jeon 2020" in table.rows
    cells = {column.heading: dict(zip(table.rows, column.cells, strict=True)) for column in table.columns}
    node, volt = run.summary.energy_table.node_nm, run.summary.energy_table.vdd_v
    park = 236.5 * (node / 65) * (volt / 0.8) ** 2
    (scaled,) = (of for heading, of in cells.items() if heading.startswith("inference\nat"))
    assert float(scaled["Park, Lee and Jeon 2020"].split()[0]) == pytest.approx(park, rel=0.005)
    assert scaled["Buhler 2017"] == "-" and cells["inference"]["Buhler 2017"] == "50.1 nJ"
    assert len(sources.rows) == sum(len(chip.figures) for chip in published_chips())
