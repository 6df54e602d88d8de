"""Pins recorded by Verilator: the values of Icarus Verilog in every cycle in which those are known."""

import numpy as np
import pytest
from support.liberty_files import needs_tools
from support.pins_of_icarus import record_by_icarus

from neurochip.calibrate.core_work import READ_WITH, WATCHED, simulate_rtl
from neurochip.calibrate.designs import FIT, Design, Network
from neurochip.calibrate.flow import RTL
from neurochip.calibrate.measure import elaborate_cores, ports_of
from neurochip.calibrate.pins import UNKNOWN, PinWaves
from neurochip.experiment.chip import load_chip


def test_waves_of_text():
    waves = PinWaves.of_text("clk", ["a", "b"], [["10", "x"], ["0x", "1"]])
    assert waves.ports == {"a": 2, "b": 1} and len(waves) == 2
    assert waves.levels([("a", 0), ("a", 1), ("b", 0)], slice(0, 2)).tolist() == [[0, 1, UNKNOWN], [UNKNOWN, 0, 1]]
    assert waves.text(["b", "a"]) == ["x10", "10x"] and waves.text(["a"], "0") == ["10", "00"]


@pytest.mark.slow
@needs_tools
@pytest.mark.parametrize(("chip", "network"), [("plain_sram", Network(6, (3,))), ("reference", Network(13, (9, 4)))])
def test_pins_are_those_of_icarus(chip, network, tmp_path):
    design = Design(load_chip(chip, {}, "t"), network, FIT)
    sources = sorted(RTL.glob("nc_*.sv"))
    elaborated = elaborate_cores(sources, design.package(tmp_path), len(network.neurons), tmp_path)
    ports = [ports_of(path) for path in elaborated]
    wanted = record_by_icarus(Design(load_chip(chip, {}, "t"), network, FIT), sources, ports, tmp_path)
    works = simulate_rtl(design, sources, ports, tmp_path)
    for work, rows in zip(works, wanted, strict=True):
        icarus = PinWaves.of_text("clk", [*work.pins.ports, *WATCHED], rows)
        wanted_bits, found = icarus.bits[:, : work.pins.bits.shape[1]], work.pins.bits
        known = wanted_bits != UNKNOWN
        assert len(icarus) == len(work.pins) > 300 and known[10:].mean() > 0.7
        assert (found == wanted_bits)[known & (found != UNKNOWN)].all()
        ends = np.cumsum([0, *work.pins.ports.values()])
        port_of = np.repeat(list(work.pins.ports), np.diff(ends))
        unasked = np.zeros_like(known)
        for port, askers in READ_WITH.items():
            unasked |= (port_of == port)[None, :] & ~(wanted_bits[:, np.isin(port_of, askers)] != 0).any(axis=1)[:, None]
        assert (found[unasked] == UNKNOWN).all() and not unasked.all(axis=0).all()
        lost = np.argwhere((known & ~unasked & (found == UNKNOWN))[3:])  # after the reset, whose x Icarus takes for a 0 in conditions
        assert not len(lost), {(port_of[bit], int(cycle)) for cycle, bit in lost[:20]}
        assert (wanted_bits[:, port_of == "row_read"] == 1).sum() > 30
        busy = np.flatnonzero(work.states)
        state = np.array([int(row[-2], 2) if set(row[-2]) <= {"0", "1"} else 0 for row in rows])
        assert (state == work.states).all() and len(busy) > 100
