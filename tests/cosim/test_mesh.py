"""The network-on-chip's RTL: in lock-step with the simulator, faults that lock-step must see, four-state simulation, proven blocks."""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from oracles import noc as noc_oracle
from support.mesh_faults import MUTANTS, SMALL, SOURCES
from support.rtl_tools import miter, mutated, needs_icarus, needs_yosys

from neurochip.common.errors import NeurochipError
from neurochip.core.noc.state import Port
from neurochip.cosim import verilator
from neurochip.cosim.mesh import lockstep as mesh
from neurochip.cosim.mesh import ticks as mesh_ticks
from neurochip.cosim.mesh.lockstep import NOC_RTL, MeshRtl, mesh_library, packet_words
from neurochip.cosim.mesh.ticks import KINDS, MESHES, random_traffic, run_random
from neurochip.cosim.yosys import run_yosys
from neurochip.simulator.noc import Mesh, Network

SEEDS = range(40)


def title(of: Mesh) -> str:
    return f"{of.width}x{of.height}_depth{of.fifo_depth}"


def generics(of: Mesh) -> dict[str, int]:
    return {"WIDTH": of.width, "HEIGHT": of.height, "PACKET_BITS": of.packet_bits, "DEPTH": of.fifo_depth}


@pytest.fixture(scope="module")
def libraries() -> dict[Mesh, Path]:
    """All meshes, built two at a time (or taken from the cache)."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(MESHES, pool.map(mesh_library, MESHES), strict=True))


@pytest.mark.parametrize("at", range(len(MESHES)), ids=map(title, MESHES))
def test_random_ticks_agree_in_every_cycle(at, libraries):
    of = MESHES[at]
    sums = run_random(of, libraries[of], SEEDS)
    assert sums.difference is None, f"tick {sums.seed}: {sums.difference.text}"
    assert sums.ticks == 2 * len(SEEDS)
    assert sums.packets > 500
    if of.n_cores > 1 or of.fifo_depth == 1:  # alone, a core's packets leave as fast as they come
        assert sums.waits > 0
        assert sums.fullest == of.fifo_depth


@pytest.mark.parametrize("of", MESHES, ids=title)
def test_every_packet_moves_in_its_cycle(of, libraries):
    """Over which link a packet goes in which cycle is the oracle's too, not only what comes out."""
    with MeshRtl(of, libraries[of]) as rtl:
        for seed in range(len(KINDS)):
            _, packets = random_traffic(of, seed)
            traffic = list(zip(*(numbers.tolist() for numbers in packets), strict=True))
            wanted = noc_oracle.run(of.width, of.height, of.fifo_depth, False, traffic)
            moves = np.zeros((wanted["cycles"] + 1, of.n_cores, len(Port)), np.uint8)
            for cycle, (x, y), output in wanted["moves"]:
                moves[cycle, y * of.width + x, Port[output.upper()]] = 1
            sent = np.zeros_like(moves)
            _, difference = rtl.run(packets, sent=sent)
            assert difference is None
            assert np.argwhere(sent != moves).tolist() == []


def test_the_random_ticks_are_of_every_kind_and_every_depth():
    assert {random_traffic(MESHES[0], seed)[0] for seed in SEEDS} == set(KINDS)
    assert {of.fifo_depth for of in MESHES} == set(range(1, 9))
    assert {1} < {of.width for of in MESHES} and {1} < {of.height for of in MESHES}


def test_the_command(capsys, libraries):
    assert mesh_ticks.main(["--ticks", "2"]) == 0
    assert re.search(r"^48 ticks, [\d,]+ packets, .* no difference, ", capsys.readouterr().out, re.M)


# ---- faults: each must differ on the random ticks of a small mesh


@pytest.fixture(scope="module")
def mutant_libraries(tmp_path_factory) -> dict[str, Path]:
    """A small mesh with each fault."""
    folder = tmp_path_factory.mktemp("mutants")

    def made(name: str) -> Path:
        return mesh_library(SMALL, mutated(SOURCES, folder / name.replace(" ", "_"), *MUTANTS[name]), lenient=True)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(MUTANTS, pool.map(made, MUTANTS), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_fault_is_seen(name, mutant_libraries):
    difference = run_random(SMALL, mutant_libraries[name], SEEDS).difference
    assert difference is not None
    assert re.match(r"cycle -?\d+, (\(\d,\d\) [a-z ]+|the network): expected .+, got .+$", difference.text)
    assert difference.expected.split()[:2] != difference.got.split()[:2]


def test_a_difference_says_where(tmp_path):
    """Two cores that send to the one between them: a pointer that stays gives the east a second turn."""
    packets = [[0, 0, 1, 1], [2, 0, 2, 0], [1, 1, 1, 1]]
    library = mesh_library(SMALL, mutated(SOURCES, tmp_path / "rtl", *MUTANTS["pointer stays at the granted"]), lenient=True)
    with MeshRtl(SMALL, library) as rtl:
        told, difference = rtl.run(packets)
    assert told.ejected.tolist() == [2, 3, 4, 5]
    assert difference is not None
    assert (difference.cycle, difference.router, difference.port) == (3, 1, "eject")
    assert difference.text == "cycle 3, (1,0) eject: expected packet 1, got packet 2"


# ---- tools: no latches, four states


BENCH = """
module bench;
    localparam int N = {n}, BITS = {bits}, CYCLES = {cycles}, HELD_BITS = {held_bits};
    reg clk = 0, rst = 1;
    reg [2*N*BITS+3*N:0] vectors[0:CYCLES-1];
    reg start = 0;
    reg [N-1:0] offer = 0, accept, leaves;
    reg [N*BITS-1:0] offered = 0, leaving;
    wire [N-1:0] inject_ready, eject_valid;
    wire [N*BITS-1:0] eject_data;
    wire busy;
    wire [N*5*HELD_BITS-1:0] held;
    wire [N*5-1:0] sent;
    integer k, c;
    nc_mesh #(.WIDTH({width}), .HEIGHT({height}), .PACKET_BITS(BITS), .DEPTH({depth})) mesh (
        .clk(clk), .rst(rst), .start(start), .inject_valid(offer), .inject_ready(inject_ready), .inject_data(offered),
        .eject_valid(eject_valid), .eject_data(eject_data), .busy(busy), .held(held), .sent(sent)
    );
    initial begin
        $readmemh("vectors.memh", vectors);
        for (k = 0; k < 2; k = k + 1) begin #5 clk = 1; #5 clk = 0; end
        rst = 0;
        for (k = 0; k < CYCLES; k = k + 1) begin
            {{start, offer, accept, leaves, offered, leaving}} = vectors[k];
            #5;
            if ((offer & inject_ready) !== accept || eject_valid !== leaves) $fatal(1, "cycle %0d: FAIL", k);
            if (^{{busy, held, sent, inject_ready}} === 1'bx) $fatal(1, "cycle %0d: unknown", k);
            for (c = 0; c < N; c = c + 1)
                if (leaves[c] && eject_data[c*BITS+:BITS] !== leaving[c*BITS+:BITS]) $fatal(1, "cycle %0d, core %0d: data", k, c);
            clk = 1;
            #5 clk = 0;
        end
        $display("PASS: %0d cycles", CYCLES);
        $finish;
    end
endmodule
"""


def vectors(of: Mesh, seed: int) -> list[int]:
    """One tick, a word per cycle: start, offered, accepted, leaves, words offered, words that leave."""
    _, packets = random_traffic(of, seed)
    told, (ready, source, dest) = Network(of).run(*packets), packets
    n, bits = of.n_cores, of.packet_bits
    words = [int(word) for word in packet_words(of, dest)]
    rows = np.zeros((told.cycles + 1, 5), object)
    rows[0, 0] = 1 << n  # start, above the offers
    free = [0] * n  # from when a core can offer its next packet
    for k, core in enumerate(source.tolist()):
        injected, ejected = int(told.injected[k]), int(told.ejected[k])
        for cycle in range(max(int(ready[k]), free[core]), injected + 1):
            rows[cycle, 0] |= 1 << core
            rows[cycle, 3] |= words[k] << core * bits
        free[core] = injected + 1
        rows[injected, 1] |= 1 << core
        rows[ejected, 2] |= 1 << int(dest[k])
        rows[ejected, 4] |= words[k] << int(dest[k]) * bits
    shifts = (2 * n * bits + 2 * n, 2 * n * bits + n, 2 * n * bits, n * bits, 0)
    return [sum(value << shift for value, shift in zip(row, shifts, strict=True)) for row in rows.tolist()]


@needs_icarus
@pytest.mark.parametrize("of", [MESHES[0], MESHES[3], MESHES[5], MESHES[9]], ids=title)
def test_four_states_agree(of, tmp_path):
    """Icarus Verilog: nothing unknown is left by a reset, and packets go in and out in the simulator's cycles."""
    cycles = [word for seed in range(len(KINDS)) for word in vectors(of, seed)]
    (tmp_path / "vectors.memh").write_text("".join(f"{word:x}\n" for word in cycles), encoding="ascii")
    values = {"n": of.n_cores, "bits": of.packet_bits, "cycles": len(cycles), "held_bits": of.fifo_depth.bit_length()}
    text = BENCH.format(**values, width=of.width, height=of.height, depth=of.fifo_depth)
    (tmp_path / "bench.sv").write_text(text, encoding="utf-8")
    for command in (["iverilog", "-g2012", "-s", "bench", "-o", "bench", "bench.sv", *map(str, SOURCES)], ["vvp", "-n", "bench"]):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"PASS: {len(cycles)} cycles"


@needs_yosys
@pytest.mark.parametrize("of", [MESHES[0], MESHES[3], MESHES[5]], ids=title)
def test_yosys_finds_no_latch_and_no_loop(of, tmp_path):
    chosen = "".join(f" -chparam {name} {n}" for name, n in generics(of).items())
    run_yosys(
        f"""read_verilog -sv {" ".join(map(str, SOURCES))}
hierarchy -check -top {mesh.TOP}{chosen}
proc
select -assert-none t:$dlatch t:$adlatch t:$sr t:$dlatchsr
flatten
opt
check -assert
""",
        tmp_path,
    )


# ---- proofs: a block and its specification, over all sequences of inputs after a reset

SPECIFICATIONS = {
    "round_robin": """
module spec_round_robin(input wire clk, input wire rst, input wire [4:0] asks, input wire ready, output reg [4:0] chosen,
    output wire [4:0] taken);
    reg [2:0] pointer, winner;
    integer k;
    always @* begin
        chosen = 0;
        winner = 0;
        for (k = 4; k >= 0; k = k - 1)
            if (asks[(pointer + k) % 5]) begin
                winner = (pointer + k) % 5;
                chosen = 5'd1 << winner;
            end
    end
    assign taken = chosen & {5{ready}};
    always @(posedge clk)
        if (rst) pointer <= 0;
        else if (ready && |asks) pointer <= winner == 4 ? 0 : winner + 1;
endmodule
module shown_round_robin(input wire clk, input wire rst, input wire [4:0] asks, input wire ready, output wire [4:0] chosen,
    output wire [4:0] taken);
    nc_round_robin block(.clk(clk), .rst(rst), .asks(asks), .ready(ready), .chosen(chosen), .taken(taken));
endmodule
""",
    "fifo": """
module spec_fifo #(parameter DEPTH = 4) (input wire clk, input wire rst, input wire in_valid, output wire in_ready,
    input wire [1:0] in_data, output wire out_valid, input wire out_ready, output wire [1:0] out_data, output reg [3:0] held);
    reg [2*DEPTH+1:0] all;  // the first packet in the lowest bits
    wire push = in_valid && in_ready, pop = out_valid && out_ready;
    assign in_ready = held < DEPTH;
    assign out_valid = held > 0;
    assign out_data = out_valid ? all[1:0] : 0;
    always @(posedge clk) begin
        held <= rst ? 0 : held + push - pop;
        all <= (push ? all & ~(2'd3 << 2 * held) | in_data << 2 * held : all) >> (pop ? 2 : 0);
    end
endmodule
module shown_fifo #(parameter DEPTH = 4) (input wire clk, input wire rst, input wire in_valid, output wire in_ready,
    input wire [1:0] in_data, output wire out_valid, input wire out_ready, output wire [1:0] out_data, output wire [3:0] held);
    localparam HELD_BITS = $clog2(DEPTH + 1);
    wire [1:0] data;
    wire [HELD_BITS-1:0] n;
    nc_fifo #(.BITS(2), .DEPTH(DEPTH)) block(.clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(in_data),
        .out_valid(out_valid), .out_ready(out_ready), .out_data(data), .held(n));
    assign out_data = out_valid ? data : 0;
    assign held = n;
endmodule
""",
}
PROVEN = (("round_robin", 0), *(("fifo", depth) for depth in range(1, 4)))
REJECTED = (
    ("a free place is offered a cycle late", 2), ("one place less", 3), ("one place too many", 2), ("wraps a place too early", 3),
    ("reset leaves packets", 1), ("pointer stays at the granted", 0), ("pointer moves for an output not ready", 0),
    ("always the first", 0), ("from the pointer on, not around", 0),
)  # fmt: skip


def prove(block: str, depth: int, rtl: Path, folder: Path) -> str:
    """Block and specification give the same outputs in the reset's cycle and all after it, up to twice as many as there are places."""
    (folder / "spec.sv").write_text(SPECIFICATIONS[block], encoding="utf-8")
    chosen = f" -chparam DEPTH {depth}" if depth else ""
    halves = "".join(
        f"""read_verilog -sv {rtl / f"nc_{block}.sv"} spec.sv
hierarchy -check -top {top}_{block}{chosen}
proc
flatten
memory
opt_clean
rename -top {name}
design -stash {name}
"""
        for top, name in (("shown", "gate"), ("spec", "gold"))
    )
    return run_yosys(
        miter(halves, f"-set-def-inputs -set-at 1 in_rst 1 -seq 1 -tempinduct-baseonly -maxsteps {2 * depth + 5}"),
        folder,
    )


@needs_yosys
@pytest.mark.parametrize(("block", "depth"), PROVEN)
def test_block_is_its_specification(block, depth, tmp_path):
    assert prove(block, depth, NOC_RTL, tmp_path).count("SUCCESS!") == 1


@needs_yosys
@pytest.mark.parametrize(("name", "depth"), REJECTED)
def test_proof_rejects_a_fault(name, depth, tmp_path):
    block = MUTANTS[name][0].removeprefix("nc_").removesuffix(".sv")
    with pytest.raises(NeurochipError, match=r"^yosys: ERROR: Called with -verify and proof did fail!$"):
        prove(block, depth, mutated(SOURCES, tmp_path / "rtl", *MUTANTS[name]), tmp_path)


# ---- what is refused


def test_parameters_are_checked_at_elaboration(tmp_path):
    design = verilator.Design(mesh.TOP, tuple(SOURCES), mesh.WRAPPER, (("WIDTH", 4), ("HEIGHT", 4), ("PACKET_BITS", 4)))
    with pytest.raises(NeurochipError, match="nc_mesh: a parameter is out of range"):
        verilator.build_design(design)


@pytest.mark.parametrize(
    ("of", "message"),
    [
        (Mesh(2, 2, packet_bits=65), r"^mesh: packet_bits = 65; the RTL is compared with up to 64$"),
        (Mesh(9, 8), r"^mesh: cores = 72; the RTL is compared with up to 64$"),
    ],
)
def test_meshes_that_are_not_compared(of, message):
    with pytest.raises(NeurochipError, match=message):
        mesh_library(of)


def test_ticks_that_are_not_compared(libraries):
    of = MESHES[0]
    with MeshRtl(of, libraries[of]) as rtl:
        with pytest.raises(NeurochipError, match=r"^mesh: 513 packets; 9 bits of payload tell 512 apart$"):
            rtl.run([np.zeros(513, int)] * 3)
        with pytest.raises(NeurochipError, match=r"^mesh: a tick of 20000002 cycles; the RTL, .* up to 16777216$"):
            rtl.run([[20_000_000], [0], [0]])
        with pytest.raises(NeurochipError, match=r"^mesh: sent is uint8 \(4, 1, 5\); it must be uint8 \(6, 1, 5\)$"):
            rtl.run([[3], [0], [0]], sent=np.zeros((4, 1, 5), np.uint8))
        assert rtl.run([[3], [0], [0]])[1] is None


def test_words_name_their_packets():
    of = Mesh(3, 5, packet_bits=12)
    words = packet_words(of, np.arange(15) % 15)
    assert len(set(words.tolist())) == 15
    assert (words & 3).tolist() == [k % 3 for k in range(15)]
    assert (words >> 2 & 7).tolist() == [k // 3 for k in range(15)]
    assert int(words.max()) < 1 << 12
