"""Cells laid out by quadratic solves: spread over the die, nets shorter than at random, wires in loads, energies, clock and paths."""

import numpy as np
import pytest
from support.liberty_files import SUM, TINY, mapped, needs_tools, sum_waves

from neurochip.calibrate.cells import read_cells
from neurochip.calibrate.gate_sim import run_gates
from neurochip.calibrate.layout import PF_PER_UM, UTILISATION, buffer_of, buffers, clock_tree_pj, lay_out, with_buffers
from neurochip.calibrate.measure import figures_of


@pytest.fixture(scope="module")
def netlist(tmp_path_factory):
    return mapped(SUM, "toy", read_cells(TINY), tmp_path_factory.mktemp("toy"))


def net_length(netlist, net: int, at: np.ndarray) -> float:
    """Half-perimeter of the cells on a net, by hand."""
    cells = [i for i, instance in enumerate(netlist.instances) if net in instance.nets.values()]
    return float((at[cells].max(axis=0) - at[cells].min(axis=0)).sum())


@needs_tools
def test_cells_are_spread_and_nets_are_short(netlist):
    layout = lay_out(netlist)
    assert layout.side_um**2 * UTILISATION == pytest.approx(netlist.area_um2)
    at, half = layout.positions, layout.side_um / 2
    assert (at > 0).all() and (at < layout.side_um).all()
    areas = np.array([instance.cell.area_um2 for instance in netlist.instances])
    for axis in range(2):  # half of the area on each side of the die, to a cell
        assert areas[at[:, axis] < half].sum() == pytest.approx(areas.sum() / 2, abs=2 * areas.max())
    inner = [net for net in netlist.drivers if len(netlist.sinks.get(net, ())) == 1 and net in layout.length_um]
    ports = {bit for port in netlist.ports.values() for bit in port.bits}
    inner = [net for net in inner if net not in ports]
    placed = [net_length(netlist, net, at) for net in inner]
    assert [layout.length_um[net] for net in inner] == pytest.approx(placed)
    shuffled = np.random.default_rng(1).permutation(at)
    assert np.mean(placed) < 0.7 * np.mean([net_length(netlist, net, shuffled) for net in inner])
    assert layout.wire_pf_per_pin(netlist) == pytest.approx(
        PF_PER_UM * sum(layout.length_um.values()) / sum(len(netlist.sinks.get(net, ())) for net in layout.length_um)
    )


@needs_tools
def test_wires_are_in_loads_delays_and_energies(netlist):
    layout = lay_out(netlist)
    wires = layout.wire_pf()
    net = max(wires, key=wires.__getitem__)
    assert netlist.load_pf(net, wires) == pytest.approx(netlist.load_pf(net, 0.0) + wires[net])
    assert netlist.toggle_pj(wires)[net] > netlist.toggle_pj(0.0)[net]
    near, far = run_gates(netlist, sum_waves(100)), run_gates(netlist, sum_waves(100), wire_pf={n: 50 * pf for n, pf in wires.items()})
    assert (near.settled == far.settled).all() and (near.delayed != far.delayed).any()
    placed, bare = figures_of(netlist, 1.0, layout), figures_of(netlist, 1.0)
    assert placed.path.ns != bare.path.ns
    tree = clock_tree_pj(netlist.library, len(netlist.flip_flops), layout.side_um)
    assert placed.clock_pj["value"] == pytest.approx(netlist.clock_pj(0.0) + tree) and tree > 0
    assert placed.clock_pj["low"] == pytest.approx(netlist.clock_pj(0.0))


@needs_tools
def test_a_load_too_large_gets_buffers(netlist, monkeypatch):
    buffer = buffer_of(netlist.library)
    assert buffer.name == "BUF" and not buffers(netlist, 0.0)
    net, (_, pin) = next(item for item in netlist.drivers.items() if item[1][0].cell.name == "NAND2")
    monkeypatch.setattr(pin, "max_load_pf", 0.1)
    monkeypatch.setattr(buffer.outputs[0], "max_load_pf", 0.1)
    heavy = {net: 0.25}
    assert buffers(netlist, heavy) == {net: 3}  # with its input pins more than 0.2 pF
    plain = netlist.toggle_pj(heavy)
    more = with_buffers(netlist, plain, heavy)
    inside = buffer.outputs[0].toggle_pj(0.1) + buffer.pins["A"].toggle_pj(0.0)
    assert more[net] == pytest.approx(plain[net] + 3 * (inside + buffer.pins["A"].capacitance_pf * netlist.library.vdd_v**2 / 2))
    assert {n for n in plain if more[n] != plain[n]} == {net}


@needs_tools
def test_a_tree_grows_with_its_die_and_its_pins(netlist):
    library = netlist.library
    assert clock_tree_pj(library, 100, 200.0) > clock_tree_pj(library, 100, 100.0) > clock_tree_pj(library, 10, 100.0) > 0
