"""Faults put into the RTL of the network-on-chip."""

from neurochip.cosim.mesh.lockstep import NOC_RTL
from neurochip.simulator.noc import Mesh

SOURCES = sorted(NOC_RTL.glob("nc_*.sv"))


SMALL = Mesh(3, 2, fifo_depth=3, packet_bits=16)


COMBINATIONAL = (
    ("output reg in_ready", "output wire in_ready"),
    ("            in_ready <= 1'b1;\n", ""),
    ("            in_ready <= held_then != HELD_BITS'(DEPTH);\n", ""),
    ("    assign out_data =", "    assign in_ready = pop || held != HELD_BITS'(DEPTH);\n    assign out_data ="),
)


MUTANTS = {
    "a free place is offered at once": ("nc_fifo.sv", *COMBINATIONAL),
    "a free place is offered a cycle late": ("nc_fifo.sv", ("held_then != HELD_BITS'(DEPTH)", "{1'b0, held} + push < DEPTH")),
    "one place less": ("nc_fifo.sv", ("held_then != HELD_BITS'(DEPTH)", "held_then < HELD_BITS'(DEPTH - (DEPTH > 1 ? 1 : 0))")),
    "one place too many": ("nc_fifo.sv", ("in_ready <= held_then != HELD_BITS'(DEPTH)", "in_ready <= held != HELD_BITS'(DEPTH)")),
    "wraps a place too early": ("nc_fifo.sv", ("PLACE_BITS'(DEPTH - 1)", "PLACE_BITS'(DEPTH > 1 ? DEPTH - 2 : 0)")),
    "reset leaves packets": ("nc_fifo.sv", ("            out_valid <= 1'b0;\n", ""), ("            held <= '0;\n", "")),
    "pointer stays at the granted": ("nc_round_robin.sv", ("chosen | (chosen - 5'd1)", "chosen - 5'd1")),
    "pointer moves for an output not ready": ("nc_round_robin.sv", ("if (|taken)", "if (|asks)")),
    "pointer moves for nobody": ("nc_round_robin.sv", ("else if (|taken)", "else")),
    "always the first": ("nc_round_robin.sv", ("|first ? first : asks", "asks")),
    "from the pointer on, not around": ("nc_round_robin.sv", ("= |first ? first : asks", "= |from ? first : asks")),
    "pointers last beyond the tick": ("nc_router.sv", ("rst | start", "rst")),
    "first Y, then X": (
        "nc_router.sv",
        ("!in_column ? {1'b0, row} : !in_row ? {1'b0, column}", "!in_row ? {1'b0, column} : !in_column ? {1'b0, row}"),
        ("{5'b11111, 5'b10010, 5'b11011, 5'b11000, 5'b11110}", "25'h1ffffff"),
    ),
    "X for Y": ("nc_router.sv", ("y = head[i*PACKET_BITS+X_BITS+:", "y = head[i*PACKET_BITS+:")),
    "no turn from the east to the south": ("nc_router.sv", ("5'b10010, 5'b11011", "5'b10010, 5'b11001")),
    "data of another input": ("nc_router.sv", ("{PACKET_BITS{chosen[3]}}", "{PACKET_BITS{chosen[1]}}")),
    "idle too early": ("nc_router.sv", ("assign busy = |waiting", "assign busy = |waiting[3:0]")),
    "ejection waits for a free local FIFO": ("nc_mesh.sv", ("out_ready[r*5+LOCAL] = 1'b1", "out_ready[r*5+LOCAL] = in_ready[r*5+LOCAL]")),
    "links that look at the wrong FIFO": ("nc_mesh.sv", ("= in_ready[THERE]", "= in_ready[BESIDE*5+LOCAL]")),
}  # fmt: skip
