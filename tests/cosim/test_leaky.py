"""The RTL of neurons with a memory: in lock-step with the simulator's kernel, faults that lock-step must see, four states, no warnings.

The update of one neuron is proven over all inputs in cosim/test_proofs.py.
"""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from support.leaky_faults import MUTANTS, OWN, SMALL, SOURCES
from support.rtl_tools import mutated, needs_icarus, needs_yosys

from neurochip.common.errors import NeurochipError
from neurochip.core.vectors import P
from neurochip.cosim import verilator
from neurochip.cosim.leaky import lockstep as leaky
from neurochip.cosim.leaky.lockstep import BANKS, choices, random_drive, run_choices
from neurochip.cosim.leaky.rtl import ALL, FIELDS, TOP, WRAPPER, Bank, BankRtl, bank_library, chip_of, told_by_kernel
from neurochip.cosim.yosys import run_yosys

TICKS = 60


def title(of: Bank) -> str:
    return f"{of.neurons}x{of.state_bits}"


def generics(of: Bank) -> dict[str, int]:
    return {"N_NEURONS": of.neurons, "STATE_BITS": of.state_bits, "ACC_BITS": of.acc_bits, "REST_BITS": of.rest_bits}


@pytest.fixture(scope="module")
def libraries() -> dict[Bank, Path]:
    """All banks, built two at a time (or taken from the cache)."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(BANKS, pool.map(bank_library, BANKS), strict=True))


@pytest.mark.parametrize("at", range(len(BANKS)), ids=map(title, BANKS))
def test_every_neuron_agrees_in_every_tick(at, libraries):
    """Every choice of options."""
    of = BANKS[at]
    options = list(choices(of))
    sums = run_choices(of, libraries[of], TICKS, options)
    assert sums.difference is None, f"{sums.where}: {sums.difference.text}"
    assert sums.choices == len(options)
    assert sums.updates == len(options) * TICKS * of.neurons
    assert min(sums.spikes, sums.open_gates, sums.clamps, sums.at_rest) > len(options)


def test_the_choices_are_all_there_is():
    for of in BANKS:
        all_of = list(choices(of))
        assert {choice["model"] for choice in all_of} == {"lif", "if"}
        assert {choice["reset"] for choice in all_of} == {"zero", "subtract"}
        assert {0, 1, (1 << of.rest_bits) - 1} <= {choice["refractory_ticks"] for choice in all_of}
        assert {1, 15} <= {choice.get("leak_shift") for choice in all_of}
        assert {0, 256} <= {choice.get("leak_factor") for choice in all_of}


def test_a_neuron_takes_a_cycle(libraries):
    """As chips/*.toml have it: reading and writing states takes no cycle beside the updates; `start` is the cycle of `barrier`."""
    for of, library in libraries.items():
        chip = chip_of(of, next(choices(of)))
        drive, first = random_drive(of, 1, TICKS, np.random.default_rng(1))
        with BankRtl(of, library) as rtl:
            cycles, difference = rtl.run(chip.param[ALL], drive, first, told_by_kernel(chip, drive, first), 0, 1)
        assert difference is None
        assert cycles == TICKS * (of.neurons + 2)  # the one that is left is the last write, while the barrier waits


def test_the_command(capsys, monkeypatch, libraries):
    monkeypatch.setattr(leaky, "choices", lambda of: list(choices(of))[::40])
    assert leaky.main(["--ticks", "5"]) == 0
    assert re.search(r"^\d\d choices of 5 ticks, [\d,]+ updates, .* no difference, ", capsys.readouterr().out, re.M)


# ---- faults: each must differ on some choice of options


@pytest.fixture(scope="module")
def mutant_libraries(tmp_path_factory) -> dict[str, Path]:
    """A small bank with each fault."""
    folder = tmp_path_factory.mktemp("mutants")

    def made(name: str) -> Path:
        return bank_library(SMALL, mutated(OWN, folder / name.replace(" ", "_"), *MUTANTS[name]), lenient=True)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(MUTANTS, pool.map(made, MUTANTS), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_fault_is_seen(name, mutant_libraries):
    sums = run_choices(SMALL, mutant_libraries[name], TICKS, list(choices(SMALL))[::7])
    assert sums.difference is not None
    assert re.match(rf"tick \d+, neuron [01], ({'|'.join(FIELDS)}): expected -?\d+, got -?\d+$", sums.difference.text)
    assert sums.difference.expected != sums.difference.got


def test_a_difference_says_where(libraries):
    """The kernel's potential of one neuron in one tick, changed by one."""
    chip = chip_of(SMALL, {"model": "if", "threshold": 2.0})
    drive, first = np.ones((9, 2), np.int32), np.zeros(9, np.uint8)
    first[0] = 1
    told = told_by_kernel(chip, drive, first)
    assert told.membrane[:, 1].tolist() == list(range(1, 10))
    told.membrane[5, 1] += 1
    with BankRtl(SMALL, libraries[SMALL]) as rtl:
        _, difference = rtl.run(chip.param[ALL], drive, first, told, 0, 1)
    assert difference.text == "tick 5, neuron 1, potential: expected 7, got 6"


# ---- tools: no latches, four states


@needs_yosys
@pytest.mark.parametrize("of", BANKS[:3], ids=title)
def test_yosys_finds_no_latch_and_no_loop(of, tmp_path):
    chosen = "".join(f" -chparam {name} {n}" for name, n in generics(of).items())
    run_yosys(
        f"""read_verilog -sv {" ".join(map(str, SOURCES))}
hierarchy -check -top {TOP}{chosen}
proc
select -assert-none t:$dlatch t:$adlatch t:$sr t:$dlatchsr
flatten
opt
check -assert
""",
        tmp_path,
    )


BENCH = """
module bench;
    localparam int N = {n}, S = {state}, A = {acc}, R = {rest}, UPDATES = {updates};
    reg clk = 0, rst = 1, start = 0, first = 0, update = 0;
    reg [A+S+R+3:0] vectors[0:UPDATES-1];
    reg signed [A-1:0] acc = 'x;
    reg begins, wants_spike, wants_gate, wants_clamp;
    reg [S-1:0] v;
    reg [R-1:0] resting;
    wire spike, gate, clamped, written;
    wire signed [S-1:0] written_v;
    wire [R-1:0] written_resting;
    integer k;
    nc_leaky_bank #(.N_NEURONS(N), .STATE_BITS(S), .ACC_BITS(A), .REST_BITS(R)) bank (
        .clk(clk), .rst(rst), .leaks(1'd{leaks}), .leak_shift(4'd{shift}), .leak_factor(9'd{factor}), .threshold({threshold}),
        .taken({taken}), .refractory({refractory}), .start(start), .first(first), .update(update), .acc(acc), .neuron(),
        .spike(spike), .gate(gate), .clamped(clamped), .written(written), .written_neuron(), .written_v(written_v),
        .written_resting(written_resting)
    );
    task step; begin #5 clk = 1; #5 clk = 0; end endtask
    initial begin
        $readmemh("vectors.memh", vectors);
        step;
        step;
        rst = 0;
        for (k = 0; k < UPDATES; k = k + 1) begin
            {{begins, wants_spike, wants_gate, wants_clamp, acc, v, resting}} = vectors[k];
            if (k % N == 0) begin
                update = 0;
                step;
                start = 1;
                first = begins && k > 0;
                step;
                start = 0;
            end
            update = 1;
            #5;
            if ({{spike, gate, clamped}} !== {{wants_spike, wants_gate, wants_clamp}}) $fatal(1, "update %0d: FAIL", k);
            clk = 1;
            #5 clk = 0;
            if ({{written, written_v, written_resting}} !== {{1'b1, v, resting}}) $fatal(1, "update %0d: state", k);
        end
        $display("PASS: %0d updates", UPDATES);
        $finish;
    end
endmodule
"""


@needs_icarus
@pytest.mark.parametrize("of", BANKS[:4], ids=title)
def test_four_states_agree(of, tmp_path):
    """Icarus Verilog: the memory is not cleared, and nothing unknown comes out of it; the first tick begins with the reset alone."""
    chip = chip_of(of, {"model": "lif", "leak_factor": 200, "threshold": 1.0, "reset": "subtract", "fires_at": 0.5, "refractory_ticks": 1})
    param = chip.param[ALL]
    drive, first = random_drive(of, int(param[P.THRESHOLD]), 200, np.random.default_rng(3))
    told = told_by_kernel(chip, drive, first)
    columns = [(np.repeat(first, of.neurons), 1), (told.fired, 1), (told.gate, 1), (told.clamped, 1), (drive, of.acc_bits)]
    columns += [(told.membrane, of.state_bits), (told.resting, of.rest_bits)]
    words = [0] * drive.size
    for values, bits in columns:
        words = [word << bits | value & (1 << bits) - 1 for word, value in zip(words, values.ravel().tolist(), strict=True)]
    (tmp_path / "vectors.memh").write_text("".join(f"{word:x}\n" for word in words), encoding="ascii")
    sizes = {"n": of.neurons, "state": of.state_bits, "acc": of.acc_bits, "rest": of.rest_bits, "updates": drive.size}
    levels = {key: f"{of.state_bits - 1}'d{param[column]}" for key, column in (("threshold", P.THRESHOLD), ("taken", P.TAKEN))}
    options = {"leaks": 1, "shift": 0, "factor": 200, **levels}
    text = BENCH.format(**sizes, **options, refractory=f"{of.rest_bits}'d1")
    (tmp_path / "bench.sv").write_text(text, encoding="utf-8")
    for command in (["iverilog", "-g2012", "-s", "bench", "-o", "bench", "bench.sv", *map(str, SOURCES)], ["vvp", "-n", "bench"]):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"PASS: {drive.size} updates"


def test_parameters_are_checked_at_elaboration():
    design = verilator.Design(TOP, tuple(SOURCES), WRAPPER, (("ACC_BITS", 1),))
    with pytest.raises(NeurochipError, match="nc_leaky_bank: a parameter is out of range"):
        verilator.build_design(design)
