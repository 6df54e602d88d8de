"""What must never happen in the RTL: every assertion is made to fail once, in a bench of its module alone; and lock-step tells of it."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from support.rtl_tools import mutated, needs_icarus
from support.tiny import neurochip, write_experiment

from neurochip.cosim import asserted, verilator
from neurochip.cosim.core import cases, package
from neurochip.cosim.core.bridge import Rtl
from neurochip.cosim.core.register_map import BARRIER_CORE, Region, Register, port_address
from neurochip.cosim.core.wiring import Wiring, load

MODULES = {path.stem: path for path in verilator.RTL.rglob("nc_*.sv")}
ASSERTION = re.compile(r"\bassert \(.*?\$error\(\"([^\"]+)\"\)", re.DOTALL)


class Provoked(NamedTuple):
    """How an assertion is made to fail: signals of the module forced, cycle by cycle, after a reset in which all inputs are zero."""

    module: str
    steps: tuple[str, ...]  # each `signal = value, ...`: what is forced before a rising edge, and stays
    parameters: str = ""


PROVOKED = {
    "a link holds a second packet and no first": Provoked("nc_link", ("filled = 2",)),
    "a packet overruns a link": Provoked("nc_link", ("filled = 3, push = 1",)),
    "a spike for an axon that is not there": Provoked("nc_spike_queue", ("in_valid = 1, in_unit = 16",)),
    "a spike arrives while the queues are swapped": Provoked("nc_spike_queue", ("in_valid = 1, in_unit = 3, swap = 1",)),
    "two spikes of a tick for one axon": Provoked("nc_spike_queue", ("in_valid = 1, in_unit = 3", "in_unit = 3")),
    "an error for a neuron that is not there": Provoked("nc_own_errors", ("in_valid = 1, in_neuron = 8",)),
    "an error arrives while the queues are swapped": Provoked("nc_own_errors", ("in_valid = 1, swap = 1",)),
    "an error is received and none has arrived": Provoked("nc_own_errors", ("receive = 1",)),
    "an own error is taken and there is none": Provoked("nc_own_errors", ("walk_take = 1, walk_restart = 1",)),
    "two errors of a tick for one neuron": Provoked("nc_own_errors", ("in_valid = 1, in_neuron = 5", "in_minus = 1")),
    "a core is in no state": Provoked("nc_control", ("now = 13",)),
    "a tick starts while the core is busy": Provoked("nc_control", ("start = 1", "start = 1")),
    "intensities in a core that takes none": Provoked("nc_control", ("now = 11",)),
    "a group of axons beyond the input": Provoked("nc_control", ("encoder_moves = 1, encoder_ahead = 16",)),
    "a word is learned in which nobody learns": Provoked("nc_control", ("now = 9, word_any = 0",)),
    "a word is read and written through one port": Provoked("nc_control", ("row_read = 1, row_write = 1, row_address = 0",)),
    "a word beyond the memory": Provoked("nc_control", ("row_read = 1, row_address = 32",)),
    "an access to no word": Provoked("nc_control", ("row_read = 1, row_address = 0, row_enable = 0",)),
    "a column beyond the memory": Provoked("nc_control", ("column_read = 1, column_neuron = 8, column_access = 0",)),
    "configuration while the core is busy": Provoked("nc_core", ("config_write = 1, step = 1",)),
    "configuration reads and writes at once": Provoked("nc_core", ("config_write = 1, config_read = 1",)),
    "an idle core accesses its memory": Provoked("nc_core", ("column_read = 1",)),
    "a spike and an error leave at once": Provoked("nc_core", ("spike_out_valid = 1, error_out_valid = 1",)),
    "a packet that was not taken is changed": Provoked("nc_core", ("spike_out_valid = 1, spike_out_unit = 1, error_out_unit = 0",
                                                                  "spike_out_unit = 2")),
    "the generator of decisions stands at zero": Provoked("nc_core", ("decides = 1, learn_state = 0",)),
    "a tick begins while a core is busy": Provoked("nc_barrier", ("any_busy = 1, sample_valid = 1",)),
    "a sample has more ticks than asked for": Provoked("nc_barrier", ("state = 2, tick = 5, ticks = 5",)),
    "the barrier is configured while a sample runs": Provoked("nc_barrier", ("config_write = 1, state = 1",)),
    "configuration of a core that is not there": Provoked("nc_engine", ("config_read = 1, config_core = 2",)),
    "a FIFO holds more than its places": Provoked("nc_fifo", ("held = 5, out_valid = 1",)),
    "a packet overruns a FIFO": Provoked("nc_fifo", ("held = 4, out_valid = 1, push = 1",)),
    "a FIFO offers a packet that it does not hold, or hides one": Provoked("nc_fifo", ("held = 1, out_valid = 0",)),
    "two inputs are granted one output": Provoked("nc_round_robin", ("asks = 5'b00110, chosen = 5'b00110",)),
    "an output is granted to an input that does not ask": Provoked("nc_round_robin", ("chosen = 5'b00100",)),
    "a packet leaves a router by two outputs": Provoked("nc_router", ("taken = 25'b00000_00000_00000_00001_00001",)),
    "a packet turns where none may turn": Provoked("nc_router", ("wants = 25'b00000_00000_00000_00000_00010",)),
    "a packet leaves the mesh": Provoked("nc_mesh", ("out_valid = 20'b00000_00000_00000_00001",)),
    "a packet is ejected beside its destination": Provoked("nc_mesh", ("eject_valid = 4'b0001, eject_data = 1",)),
    "a tick of the mesh begins while it holds packets": Provoked("nc_mesh", ("start = 1, busy = 1",)),
    "a neuron is updated in the cycle in which its tick starts": Provoked("nc_leaky_bank", ("start = 1, first = 1, update = 1",)),
    "a neuron is updated outside a tick": Provoked("nc_leaky_bank", ("update = 1",)),
    "a state is read while it is written": Provoked("nc_leaky_bank", ("start = 1, written = 1, written_neuron = 0",)),
}  # fmt: skip
INPUT = re.compile(r"^ *input wire (?:signed )?(?:\[[^\]]+\] )?([\w, ]+)", re.MULTILINE)  # one name or several


def bench(provoked: Provoked) -> str:
    """Three quiet cycles after a reset, then the steps."""
    lists = INPUT.findall(MODULES[provoked.module].read_text(encoding="utf-8"))
    inputs = [name.strip() for names in lists for name in names.split(",") if name.strip()]
    quiet = " ".join(f"force dut.{name} = {int(name == 'rst')};" for name in inputs)
    steps = "\n".join(
        " ".join(f"force dut.{part.strip()};" for part in step.split(",")) + " #5 force dut.clk = 1; #5 force dut.clk = 0;"
        for step in provoked.steps
    )
    return f"""`timescale 1ns / 1ps
module bench;
  {provoked.module} dut ();
  initial begin
    {quiet}
    repeat (2) begin #5 force dut.clk = 1; #5 force dut.clk = 0; end
    force dut.rst = 0;
    repeat (3) begin #5 force dut.clk = 1; #5 force dut.clk = 0; end
    $display("STEPS");
    {steps}
    $finish;
  end
endmodule
"""


def assertions(path: Path) -> list[str]:
    return ASSERTION.findall(path.read_text(encoding="utf-8"))


def test_every_assertion_has_a_text_of_its_own_and_is_provoked():
    found = {module: assertions(path) for module, path in MODULES.items()}
    texts = [text for texts in found.values() for text in texts]
    assert len(texts) == len(set(texts)) == sum(len(re.findall(r"\bassert \(", path.read_text())) for path in MODULES.values())
    assert set(texts) == set(PROVOKED)
    assert all(text in found[provoked.module] for text, provoked in PROVOKED.items())


@needs_icarus
@pytest.mark.parametrize("text", PROVOKED)
def test_an_assertion_fails_where_it_must_and_only_there(text, tmp_path):
    (tmp_path / "bench.sv").write_text(bench(PROVOKED[text]), encoding="utf-8")
    sources = [verilator.RTL / "neurochip_pkg.sv", *MODULES.values(), tmp_path / "bench.sv"]
    setup, mapping = cases.case_setup(cases.CASES[0])
    sources[0] = tmp_path / "neurochip_pkg.sv"
    sources[0].write_text(package.package_text(setup, mapping, "a test"), encoding="utf-8")
    build = ["iverilog", "-g2012", f"-I{verilator.RTL}", "-s", "bench", "-o", str(tmp_path / "bench"), *map(str, sources)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = subprocess.run(["vvp", "-n", str(tmp_path / "bench")], capture_output=True, text=True, check=False).stdout
    before, _, after = said.partition("STEPS")
    assert "ERROR" not in before, before
    assert f": {text}\n" in after, after


def test_they_are_in_the_verilated_chip(tmp_path):
    """Every assertion of a module that is in lock-step; what Verilator found could never fail would be missing."""
    case = next(case for case in cases.CASES if case.name == "soma_groups")
    setup, mapping = cases.case_setup(case)
    (tmp_path / "neurochip_pkg.sv").write_text(package.package_text(setup, mapping, "a test"), encoding="utf-8")
    tool = verilator.find_verilator()
    command = [tool.program, *verilator.VERILATOR_FLAGS, "-Mdir", str(tmp_path / "cpp"), f"-I{verilator.RTL}"]
    command += [str(tmp_path / "neurochip_pkg.sv"), *map(str, verilator.sources())]
    subprocess.run(command, env=verilator.environment(tool.program, tool.root), check=True, capture_output=True)
    made = "".join(path.read_text() for path in (tmp_path / "cpp").glob("*.cpp"))
    # this chip has no neurons with a memory: those of their folder are in test_leaky's builds
    missing = {text for path in verilator.sources() if path.parent == verilator.RTL for text in assertions(path) if text not in made}
    assert missing == set()


@pytest.fixture
def chip():
    """A loaded chip of the first case, and how to load it again."""
    case = cases.CASES[0]
    made = cases.program(case, 3)
    setup, mapping = cases.case_setup(case)
    rtl = Rtl(cases.case_library(case))
    load(rtl, made.state, Wiring(made.state, mapping.cores, setup.chip), made.run)
    assert rtl.violation() is None
    yield rtl, made
    rtl.close()


def test_configuration_of_a_busy_core_is_told(chip):
    rtl, made = chip
    rtl.wander(5, 0, made.pixels[0], 1)
    assert rtl.violation() is None
    rtl.write(0, port_address(Region.REGISTERS, Register.BETA), np.array([3]))
    assert re.fullmatch(
        r"an assertion of the RTL is violated: configuration while the core is busy \(nc_core\.sv:\d+, nc_engine\.core\[0\]\.core\)",
        rtl.violation(),
    )
    rtl.write(BARRIER_CORE, 0, np.array([3]))
    assert "while the core is busy" in rtl.violation()  # the first one stays
    assert Rtl(cases.case_library(cases.CASES[0])).violation() is None  # until there is another chip


def test_configuration_of_the_running_barrier_is_told(chip):
    rtl, made = chip
    rtl.wander(5, 0, made.pixels[0], 1)
    rtl.write(BARRIER_CORE, 0, np.array([3]))
    assert "the barrier is configured while a sample runs (nc_barrier.sv:" in rtl.violation()


def test_what_verilator_says_otherwise_is_kept_too():
    class Library:
        class rtl_violation:
            restype = None

            def __new__(cls):
                return b"nc_x.sv:3"

    assert asserted.violation(Library) == "an assertion of the RTL is violated: nc_x.sv:3"


ARRIVES_TWICE = (
    (
        "            nc_spike_queue #(",
        "            reg again;\n            reg [15:0] unit_before;\n"
        "            always_ff @(posedge clk) again <= in_valid;\n            always_ff @(posedge clk) unit_before <= in_unit[15:0];\n"
        "            nc_spike_queue #(",
    ),
    (".in_valid(in_valid),", ".in_valid(in_valid | again),"),
    (".in_unit(in_unit[15:0]),", ".in_unit(in_valid ? in_unit[15:0] : unit_before),"),
)


@pytest.mark.slow
def test_cosim_names_the_assertion(tmp_path):
    """A fault of which no trace record and no register tells: every spike arrives twice in the queue, which is a bitmap."""
    sources = [*verilator.RTL.glob("*.sv"), *verilator.RTL.glob("*.svh")]
    rtl = mutated(sources, tmp_path / "rtl", "nc_spikes_in.sv", *ARRIVES_TWICE)
    experiment = write_experiment(tmp_path, n_train=6, n_test=3, neurons=(6, 3), epochs=1, ticks=6)
    result = neurochip("cosim", experiment, "--samples", 6, "--rtl", rtl, "--vcd", tmp_path / "here.vcd")
    assert result.exit_code == 1, result.output
    assert re.search(
        r"first divergence: cycle \d+, sample \d+, tick \d+: an assertion of the RTL is violated: two spikes of a tick for one axon "
        r"\(nc_spike_queue\.sv:\d+, nc_engine\.core\[1\]\.core\.spikes_in\.from_core\.queue\)",
        result.output,
    )
    assert "Traceback" not in result.output and "%Error" not in result.output
