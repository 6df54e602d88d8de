"""Prices out of cycles, a table out of prices, and what a run shows with such a table."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support.liberty_files import RAM, TINY, needs_tools
from support.tiny import write_experiment

from neurochip.calibrate import fit
from neurochip.calibrate.assumed import assumed_prices
from neurochip.calibrate.calibrated_table import CalibratedTable
from neurochip.calibrate.cells import read_cells
from neurochip.calibrate.core_work import TRACE, CoreWork, _compare_counts, simulate_rtl
from neurochip.calibrate.delays import to_verilog_text
from neurochip.calibrate.designs import FIT, Design, Network
from neurochip.calibrate.flow import HELD_OUT_SIZE, RTL, Measured
from neurochip.calibrate.measure import (
    WIRES_PF,
    Activity,
    Figures,
    activity_of,
    elaborate_cores,
    figures_of,
    make_netlist,
    ports_of,
    rows_of,
)  # fmt: skip
from neurochip.calibrate.pins import PinWaves
from neurochip.calibrate.replay import GATE, replay
from neurochip.calibrate.sram import Macro, read_macro
from neurochip.calibrate.timing import Path as TimedPath
from neurochip.cli.main import main
from neurochip.common.errors import NeurochipError
from neurochip.common.toml import shipped
from neurochip.core.events import N_EVENTS, N_PHASES, Event
from neurochip.cosim.core.record import State
from neurochip.energy.sized import Core, roles_of
from neurochip.energy.table import load_table
from neurochip.experiment.chip import load_chip
from neurochip.experiment.setup import load_setup
from neurochip.mapping.place import place
from neurochip.report.digits import energy_text
from neurochip.runfile.load import load_run
from neurochip.runner.silicon import silicon

TRUE = {
    Event.WORD_READ: fit.Terms(0.5, 0.02),
    Event.ACCUMULATE: fit.Terms(1.0, 0.0, 0.05),
    Event.WORD_WRITE: fit.Terms(2.0),
    Event.WEIGHT_UPDATE: fit.Terms(0.7),
    Event.NEURON_UPDATE: fit.Terms(3.0, 0.0, 0.1),
    Event.SPIKE_OUT: fit.Terms(0.4),
    Event.BARRIER: fit.Terms(4.0, 0.1, 0.3),
}
SIZES = [(16, 8), (32, 8), (16, 16)]


def activity(core: Core, seed: int, noise: float = 0.0) -> Activity:
    """Rows of made-up work that costs what TRUE says; each soma evaluated draws once, at 0.9 pJ in the generators' blocks."""
    rng = np.random.default_rng(seed)
    counts = np.zeros((60, N_EVENTS), dtype=np.int64)
    for row in counts:
        kind = rng.integers(5)
        if kind == 0:
            row[Event.WORD_READ] = rng.integers(1, 20)
            row[Event.ACCUMULATE] = 4 * row[Event.WORD_READ]
        elif kind == 1:
            row[Event.WORD_READ] = rng.integers(1, 20)  # LEARN_READ
        elif kind == 2:
            row[Event.WORD_WRITE] = rng.integers(1, 20)
            row[Event.WEIGHT_UPDATE] = rng.integers(0, row[Event.WORD_WRITE] + 1)
        elif kind == 3:
            row[Event.NEURON_UPDATE] = core.neurons
            row[Event.SPIKE_OUT] = rng.integers(0, core.neurons)
        else:
            row[Event.BARRIER], row[Event.RNG_DRAW] = 1, core.neurons
    logic = sum(counts[:, event] * terms.at(core) for event, terms in TRUE.items())
    logic = logic * (1 + noise * rng.standard_normal(len(counts)))
    random = counts[:, Event.RNG_DRAW] * 0.9 + counts[:, Event.NEURON_UPDATE] * 0.01 * core.neurons
    spread = {"low": 0.5, "value": 1.0, "high": 1.5}
    by_name = ({name: pj * share for name, share in spread.items()} for pj in (logic, random))
    return Activity(
        core,
        f"core {core.axons} x {core.neurons}",
        np.zeros(len(counts), dtype=np.int64),
        counts,
        *by_name,
        busy_cycles=900,
        idle_cycles=100,
    )


def figures(core: Core) -> Figures:
    clock = {name: (10 + core.axons + 2 * core.neurons) * share for name, share in zip(WIRES_PF, (0.8, 1.0, 1.3), strict=True)}
    path = 5 + np.log2(core.axons) + 2 * np.log2(core.neurons)
    area, leakage = 500.0 + 30 * core.axons + 50 * core.neurons, 3.0 + 0.2 * core.axons + 0.1 * core.neurons
    return Figures(100, 900, area, leakage, clock, TimedPath(float(path), ("control", "integrate.field[0].adder", "integrate"), 9))


def measured(noise: float = 0.0) -> Measured:
    cores = [Core(*size, (role,)) for role in ("first", "inner", "last") for size in SIZES]
    found = Measured([(core, figures(core)) for core in cores], [activity(core, i, noise) for i, core in enumerate(cores)])
    other = [Core(24, 12, (role,)) for role in ("first", "inner", "last")]
    found.other_size = [(core, figures(core)) for core in other]
    found.held_out = {HELD_OUT_SIZE: [activity(core, 100 + i, noise) for i, core in enumerate(other)]}
    return found


def made(tmp_path: Path, noise: float = 0.0, chip: str = "plain_sram", name: str = "made") -> tuple[CalibratedTable, Path]:
    table = CalibratedTable(name, 130, load_chip(chip, {}, "test"), read_cells(TINY), [read_macro(RAM)], measured(noise))
    path = tmp_path / f"{name}.toml"
    path.write_text(table.text(), encoding="utf-8")
    return table, path


# ---- prices


@pytest.mark.parametrize("role", ["first", "inner", "last"])
def test_prices_are_found_again(role):
    prices = fit.fit_by_role(measured().fitted)[role]
    for event, true in TRUE.items():
        for core in (Core(24, 12), Core(100, 50)):
            want = true.at(core) + (0.01 * core.neurons if event == Event.NEURON_UPDATE else 0.0)
            assert prices[event].at(core) == pytest.approx(want, rel=1e-6), event.name
    assert prices[Event.RNG_DRAW].at(Core(9, 9)) == pytest.approx(0.9, rel=1e-6)
    assert Event.COLUMN_READ not in prices and Event.ERROR_UPDATE not in prices  # nothing is said of what did not happen


def test_noise_stays_small_and_nothing_gets_negative():
    data = measured(noise=0.2)
    prices = fit.fit_by_role(data.fitted)
    assert all(min(terms.base, terms.per_axon, terms.per_neuron) >= 0 for of_role in prices.values() for terms in of_role.values())
    assert abs(fit.error(data.held_out[HELD_OUT_SIZE], prices)) < 0.1


def test_a_wrong_price_shows_in_the_error():
    data = measured()
    prices = fit.fit_by_role(data.fitted)
    assert abs(fit.error(data.held_out[HELD_OUT_SIZE], prices)) < 1e-6
    for of_role in prices.values():
        of_role[Event.ACCUMULATE].base *= 3
    assert fit.error(data.held_out[HELD_OUT_SIZE], prices) > 0.15


def test_idle_cycles_belong_to_the_start_after_them():
    s = State
    states = np.array([s.IDLE, s.START, s.INTEGRATE, s.INTEGRATE, s.FIRE, s.IDLE, s.IDLE, s.LOAD, s.START, s.FIRE, s.IDLE])
    rows, n = rows_of(states)
    assert rows[0] == -1 and n == 7  # idle cycles after the last tick are a row of their own
    assert rows[2] == rows[3] != rows[4]
    assert rows[5] == rows[6] == rows[8] != rows[1]
    assert len({int(rows[k]) for k in (1, 3, 4, 7, 8, 9)}) == 6


# ---- the table


def test_table_holds_what_was_measured(tmp_path):
    table, path = made(tmp_path)
    loaded = load_table(path)
    core = Core(24, 12, ("inner",))
    priced = loaded.for_memory(64, 1024, core)
    read = priced.prices[Event.WORD_READ]
    assert read.value == pytest.approx(20.0 + TRUE[Event.WORD_READ].at(core), rel=1e-4)  # macro and the logic around it
    assert read.bounds == pytest.approx((20 + 0.5 * TRUE[Event.WORD_READ].at(core), 20 + 1.5 * TRUE[Event.WORD_READ].at(core)), rel=1e-3)
    assert priced.prices[Event.ACCUMULATE].value == pytest.approx(1.6, rel=1e-4)
    assert priced.prices[Event.ACCUMULATE].kind == "simulated" and priced.prices[Event.HOP].kind == "assumed"
    assert priced.prices[Event.SPIKE_IN].value == 0.0 and "Does not happen" in priced.prices[Event.SPIKE_IN].reason
    assert (priced.clock.busy.value, priced.clock.idle.value) == pytest.approx((58.0, 58.0), rel=1e-4)
    assert priced.clock.busy.bounds == pytest.approx((0.8 * 58, 1.3 * 58), rel=2e-3)
    assert priced.leakage_uw(0, 12) == pytest.approx((3 + 0.2 * 24 + 0.1 * 12) / 1000, rel=1e-3)
    assert loaded.timing.clock_mhz(core) == pytest.approx(1000 / (5 + np.log2(24) + 2 * np.log2(12)), rel=1e-3)
    assert loaded.area.logic_um2.resolve(core).value == pytest.approx(500 + 30 * 24 + 50 * 12, rel=1e-3)
    assert "per_unit" in loaded.calibration.rng and "xorshift16" in loaded.calibration.rng
    assert loaded.calibration.hold_out_error["clock at another size"] == pytest.approx(0.0, abs=1e-3)
    for check in loaded.check:
        assert loaded.reproduce(check) == pytest.approx(check.expected_pj, rel=1e-3)  # without noise the table is the netlist
    assert len(loaded.check) == 3
    tomllib.loads(table.text())


def test_macros_of_another_supply_are_scaled(tmp_path):
    library = read_cells(TINY)
    library.vdd_v = 3.0
    path = tmp_path / "scaled.toml"
    path.write_text(CalibratedTable("scaled", None, load_chip("plain_sram", {}, "t"), library, [read_macro(RAM)], measured()).text())
    macro = load_table(path).sram_macro[0]
    assert (macro.read_pj, macro.write_pj, macro.leakage_nw, macro.kind) == (45.0, 54.0, 50.0, "scaled")
    assert "2 V -> 3 V" in macro.derivation and load_table(path).node_nm is None


@pytest.mark.parametrize(("name", "supply_v"), [("sg13g2_rtl_1v2", 1.2), ("sky130_rtl_1v8", 1.2)])
def test_shipped_tables_assume_what_a_new_one_would(name, supply_v):
    """supply_v: of the macros' files, from which the table's own energies are scaled."""
    text = shipped("energy_tables")[name].read_text(encoding="utf-8")
    table = tomllib.loads(text)
    share, hop = (supply_v / table["vdd_v"]) ** 2, table["pj_per_event"]["hop"]
    macros = [
        Macro(m["from"], "", m["words"], m["bits"], m["read_pj"] * share, m["write_pj"] * share, 1.0, 1.0, supply_v, 1.0, "one edge")
        for m in table["sram_macro"]
    ]
    for event, assumed in assumed_prices(hop["base"], hop["from"], macros, table["vdd_v"]).items():
        wanted = tomllib.loads("\n".join(assumed.lines(event.name)))[event.name]
        assert table["pj_per_event"][event.name.lower()] == wanted, event.name


def test_states_without_a_macro_of_their_width_cost_half_a_read(tmp_path):
    _, path = made(tmp_path)  # its one macro is 1024 x 64
    priced = load_table(path).for_memory(64, 1024, Core(24, 12, ("inner",)))
    state, draw = priced.prices[Event.STATE_READ], priced.prices[Event.HOP].value
    assert (state.value, state.bounds, state.kind) == (10.0, pytest.approx((0.4, 20.0)), "assumed")
    assert priced.prices[Event.ADDRESS].value == pytest.approx(draw * 3.488 / 1.2927, rel=1e-4)


def test_a_price_that_depends_on_size_wants_a_size(tmp_path):
    _, path = made(tmp_path)
    with pytest.raises(ValueError, match="depend on the size of a core"):
        load_table(path).for_memory(64, 1024)


def test_a_core_alone_is_first_and_last(tmp_path):
    _, path = made(tmp_path)
    table = load_table(path)
    assert roles_of(True, True) == ("first", "last") and roles_of(False, False) == ("inner",)
    alone = table.for_memory(64, 1024, Core(24, 12, ("first", "last"))).clock.busy.value
    assert alone == pytest.approx(58.0, rel=1e-4)  # in this table all roles are alike


# ---- a run with it


@pytest.fixture(scope="module")
def run_with_clock(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clocked")
    _, table = made(folder)
    path = write_experiment(folder, n_train=10, n_test=5, epochs=1)
    arguments = ["--set", f'energy.table="{table}"', "--set", 'chip.preset="plain_sram"', "--set", "chip.clock_mhz=100", "--quiet"]
    result = CliRunner().invoke(main, ["run", str(path), "--out", str(folder / "run"), *arguments])
    assert result.exit_code == 0, result.output
    return folder / "run", table, path


def test_run_has_a_clock_line(run_with_clock):
    folder, path, _ = run_with_clock
    run, table = load_run(folder), load_table(path)
    for which in ("train", "test"):
        total = run.summary.totals.of(which)
        for i, layer in enumerate(run.summary.layers):
            part = layer.of(which)
            priced = table.for_memory(64, 1024, Core(layer.axons, layer.neurons, roles_of(i == 0, i == 1)))
            want = priced.clock_pj(part.busy_cycles, total.cycles - part.busy_cycles) / part.samples
            assert part.energy_pj["clock"] == pytest.approx(want, rel=1e-12) and want > 0
            low, high = part.energy_pj_range
            assert low < sum(part.energy_pj.values()) < high
        assert total.energy_pj["clock"] == sum(layer.of(which).energy_pj["clock"] for layer in run.summary.layers)
        assert sum(total.energy_share_by_kind.values()) == pytest.approx(1.0)


def test_run_shows_area_clock_and_range(run_with_clock):
    folder, path, experiment = run_with_clock
    summary = load_run(folder).summary
    found, chip, table = summary.silicon, load_chip("plain_sram", {"clock_mhz": 100}, "t"), load_table(path)
    assert found == silicon(chip, table, place(load_setup(str(experiment), ("chip.preset='plain_sram'",)), 64, 3))
    assert found.logic_um2 == pytest.approx(2 * (500 + 30 * 1024 + 50 * 256), rel=1e-3)
    assert found.memory_um2 == pytest.approx(2 * 64 * 5000)
    assert found.clock_mhz == pytest.approx(1000 / (5 + 10 + 16), rel=1e-3)
    assert any("chip.clock_mhz = 100 is above the 32.3 MHz" in warning for warning in summary.warnings)
    screen = CliRunner().invoke(main, ["report", str(folder)]).output
    page = (folder / "report.html").read_text(encoding="utf-8")
    flat = " ".join(screen.split())
    for text in (flat, page):
        assert "largest clock" in text and "area" in text and "mm2" in text
    low, high = summary.totals.test.energy_nj_per_sample_range
    told = energy_text(summary.totals.test.energy_nj_per_sample, (low, high))
    assert "(" in told and told in flat and told in " ".join(page.split())
    compared = CliRunner().invoke(main, ["compare", str(folder), str(folder)]).output
    assert "largest clock, as built / as used [MHz]" in " ".join(compared.split()) and told in " ".join(compared.split())


def test_accelergy_adds_up_with_the_clock(run_with_clock, tmp_path):
    pytest.importorskip("yaml", reason="PyYAML is not installed")
    from support.accelergy_files import recomputed

    from neurochip.report.accelergy import export_run

    folder, _, _ = run_with_clock
    export_run(folder, tmp_path)
    for which, total in load_run(folder).summary.totals:
        assert recomputed(tmp_path / which) == pytest.approx(total.energy_nj_per_sample * 1000 * total.samples, rel=1e-9)


def test_a_table_without_bounds_and_clock_shows_neither(run_with_clock):
    _, _, path = run_with_clock
    setup = load_setup(str(path))
    assert silicon(setup.chip, setup.energy_table, place(setup, 64, 3)) is None
    counts = np.ones((N_PHASES, N_EVENTS), dtype=np.int64)
    priced = setup.energy_table.for_memory(64, 1024)
    assert priced.clock is None and priced.clock_pj(10, 10) == 0.0 and priced.energy_pj(counts).total_pj > 0


# ---- the command


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["calibrate", *arguments])
    assert result.exit_code == 2 and "Traceback" not in result.output
    lines = result.output.strip().splitlines()
    assert len(lines) == 1, result.output
    return lines[0]


@needs_tools
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((TINY, TINY), "no memory macro: 7 cells and no memory() group; give standard cells with --liberty, and macros with --sram"),
        ((RAM, RAM), "holds a memory macro, not standard cells; give it with --sram, and standard cells with --liberty"),
        ((TINY, "nowhere.lib"), "nowhere.lib: No such file or directory; give the path of a Liberty file"),
        ((TINY, RAM, "--sram", RAM), "a second macro of 1024 x 64; give one --sram for each size"),
        ((TINY, RAM, "--chip", "plain"), "unknown chip 'plain'; did you mean 'plain_sram'?"),
        ((TINY, RAM, "--out", "nowhere/table.toml"), "nowhere/table.toml: its folder is not there; make it, or choose another --out"),
        ((TINY, RAM, "--dont-use", "DFF"), "no usable flip-flop (ff group with next_state) among 5 cells"),
    ],
)
def test_bad_arguments_are_one_line(arguments, message):
    liberty, sram, *more = map(str, arguments)
    assert message in refused("--liberty", liberty, "--sram", sram, *more)


@needs_tools
def test_macros_that_make_no_bank_are_refused(tmp_path):
    narrow = tmp_path / "narrow.lib"
    narrow.write_text(RAM.read_text().replace("address_width : 10", "address_width : 9"))
    line = refused("--liberty", str(TINY), "--sram", str(narrow))
    assert "no macro makes a bank of chip plain_sram, 1024 words x 64 bits, alone or side by side; given: 512 x 64; give another" in line
    far = tmp_path / "far.lib"
    far.write_text(RAM.read_text().replace("nom_voltage : 2.0", "nom_voltage : 5.0"))
    assert "far.lib: 5 V, the cells have 2 V: too far to scale" in refused("--liberty", str(TINY), "--sram", str(far))


def test_missing_tools_are_named(monkeypatch):
    from neurochip.calibrate import command

    monkeypatch.setattr(command, "find_yosys", lambda: None)
    assert refused("--liberty", str(TINY), "--sram", str(RAM)).endswith("get it with: pip install 'neurochip[rtl]'")
    monkeypatch.setattr(command, "find_yosys", lambda: ["yosys"])
    monkeypatch.setattr(command.verilator.shutil, "which", lambda name: None)
    line = refused("--liberty", str(TINY), "--sram", str(RAM))
    assert "no g++ on this machine" in line or "no Verilator on this machine" in line
    assert "give --experiment" in refused("--liberty", str(TINY), "--sram", str(RAM), "--into", "mine.toml")


# ---- the whole way, with a made-up library


SMALL = Network(6, (3,))  # a chain of one core: first and last


@pytest.fixture(scope="module")
def small_core(tmp_path_factory):
    """(netlist, work, folder) of a core that is first and last."""
    folder = tmp_path_factory.mktemp("small")
    design = Design(load_chip("plain_sram", {}, "t"), SMALL, FIT)
    sources = sorted(RTL.glob("nc_*.sv"))
    elaborated = elaborate_cores(sources, design.package(folder), 1, folder)
    core_work = simulate_rtl(design, sources, [ports_of(elaborated[0])], folder)[0]
    return make_netlist(elaborated[0], read_cells(TINY), folder), core_work, folder


@pytest.mark.slow
@needs_tools
def test_a_core_is_measured(small_core, tmp_path):
    netlist, core_work, _ = small_core
    work = activity_of(netlist, Core(6, 3, ("first", "last")), "small", core_work)  # equal, or it raises
    assert (
        work.counts[:, Event.LEARN_DECISION].any() and work.counts[:, Event.ACCUMULATE].sum() == core_work.events[:, Event.ACCUMULATE].sum()
    )
    assert 0 < work.logic_pj["low"].sum() < work.logic_pj["value"].sum() < work.logic_pj["high"].sum()
    assert 0 < work.random_pj["value"].sum() < work.total_pj()
    figures = figures_of(netlist, 1.0)
    assert figures.clock_pj["value"] == pytest.approx(figures.flip_flops * 0.046)  # the library's round numbers
    assert figures.clock_pj["low"] == pytest.approx(figures.flip_flops * 0.038)
    assert figures.area_um2 > 6 * figures.flip_flops and figures.path.ns > 1


@pytest.mark.slow
@needs_tools
@pytest.mark.parametrize("block", ["control", "generators.neuron_bank"])
def test_a_core_with_one_wrong_gate_is_refused(block, small_core, tmp_path):
    netlist, core_work, _ = small_core
    into_register = {net for net, sinks in netlist.sinks.items() if any(instance.cell.flip_flop for instance, _ in sinks)}
    gates = [net for net, (instance, _) in netlist.drivers.items() if instance.block.startswith(block) and not instance.cell.flip_flop]
    net = next((net for net in gates if net in into_register), gates[0])
    text, found = re.subn(rf"(assign n{net} = )(.*);", r"\1~(\2);", to_verilog_text(netlist, GATE, delayed=False))
    assert found == 1
    with pytest.raises(NeurochipError, match=r"^netlist of nc_core: not the RTL: cycle \d+, output \w+\[\d+\] is [01x], the RTL has [01]"):
        replay(netlist, text, core_work.pins, 20000, tmp_path, {TRACE})


def test_other_work_of_the_rtl_is_refused(tmp_path, monkeypatch):
    """If the simulator's counters are not those of the trace, nothing is calibrated."""
    design = Design(load_chip("plain_sram", {}, "t"), SMALL, FIT)
    counts = design.counts()
    quiet = CoreWork(PinWaves.of_text("clk", [], []), np.zeros(5, dtype=np.int64), np.zeros((5, N_EVENTS), dtype=np.int64))
    monkeypatch.setattr(Design, "counts", lambda self: counts)
    with pytest.raises(NeurochipError, match=r"^core 0 of 6-3: the RTL counts 0 input_load in phase forward, the simulator \d+: not "):
        _compare_counts(design, [quiet])
