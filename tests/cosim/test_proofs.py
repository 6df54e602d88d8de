"""The small blocks of the RTL, proven over all inputs: yosys' SAT solver finds no input on which block and specification differ. The
link between two cores has a memory; it is proven over all sequences of inputs of a dozen cycles after a reset.

A specification is an obviously wide version of the block (rtl_models/proofs/spec_*.sv); that of the generators is made here from the
simulator's own function. A proof that proves nothing is easily written, so for each there is a mutant of the block that it rejects.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.rtl_tools import miter

from neurochip.common.errors import NeurochipError
from neurochip.core import rng
from neurochip.core.rng import Kind, RngParam
from neurochip.cosim.yosys import WANTED, find_yosys, run_yosys
from neurochip.experiment.generator import Generator, generators

RTL = Path(__file__).parents[2] / "rtl_models"
SOURCES = {
    "saturating_add": ("nc_saturating_add.sv",),
    "find_first": ("nc_find_first.sv",),
    "divide": ("nc_divide.sv",),
    "fire": ("nc_fire.sv",),
    "error_fire": ("nc_error_fire.sv",),
    "spike_backprop": (
        "nc_spike_backprop_bias.sv",
        "nc_spike_backprop_decide.sv",
        "nc_spike_backprop_draws.sv",
        "nc_spike_backprop_synapse.sv",
        "nc_spike_backprop.sv",
    ),
    "rng_next": ("nc_rng_next.svh", "nc_rng_next.sv"),
    "rng_steps": ("nc_rng_next.svh", "nc_rng_next.sv"),
    "link": ("nc_link.sv",),
    "leaky": ("nc_saturating_add.sv", "neuron/nc_leaky.sv"),
}
CYCLES = 12  # of the link: six times as many as it has entries
pytestmark = pytest.mark.skipif(find_yosys() is None, reason=f"no yosys: {WANTED}")


def parameters(names: str, *rows: tuple[int, ...]) -> list[dict[str, int]]:
    return [dict(zip(names.split(), row, strict=True)) for row in rows]


GENERATORS = generators() | {
    "users_lfsr": Generator(name="users_lfsr", kind="lfsr", bits=24, mask=0xE10000, source="x^24 + x^23 + x^22 + x^17 + 1"),
}


def numbers(generator: Generator, steps: int = 1) -> dict[str, int]:
    """The RTL's parameters of a generator."""
    vector = generator.vector(steps)
    return {key.name: int(vector[key]) for key in RngParam if key != RngParam.SHARING}


PROOFS = {
    "saturating_add": parameters(
        "SUM_BITS TERM_BITS SATURATES", (4, 7, 1), (8, 8, 1), (8, 8, 0), (17, 17, 1), (21, 16, 1), (26, 16, 0), (32, 16, 1)
    ),
    "find_first": parameters("N", (1,), (32,), (33,), (70,)),
    "divide": parameters("LIMIT DIVISOR", (1, 1), (12, 12), (210, 10), (7, 6), (300, 4)),
    "fire": parameters("ACC_BITS FRAC_BITS BITS", (21, 12, 16), (4, 15, 16), (32, 1, 32), (16, 8, 16)),
    "error_fire": parameters("BACK_BITS FRAC_BITS BITS", (20, 12, 16), (4, 15, 16), (32, 1, 32), (12, 6, 16)),
    "spike_backprop": parameters("WEIGHT_BITS FIELDS BITS", (16, 4, 16), (3, 5, 16), (8, 8, 32)),
    "rng_next": [numbers(generator) for generator in GENERATORS.values()],
    "rng_steps": [numbers(generator, steps) for generator in GENERATORS.values() for steps in (2, 16)],
    "link": parameters("BITS", (1,), (3,)),
    "leaky": parameters("STATE_BITS ACC_BITS REST_BITS", (4, 6, 8), (6, 5, 1), (8, 10, 3), (16, 21, 8), (32, 32, 8)),
}
MUTANTS = {  # of which block: old text, new text, and with which parameters its proof must fail
    "saturating_add": [
        ("sum) + WIDE'(term)", "sum) - WIDE'(term)", 1),
        ("{(SUM_BITS - 1) {~exact[WIDE-1]}}", "{(SUM_BITS - 1) {exact[WIDE-1]}}", 1),
        ("&exact[WIDE-1:SUM_BITS-1] | ~|", "~|", 1),  # everything negative saturates
        ("&exact[WIDE-1:SUM_BITS-1] | ~|exact[WIDE-1:SUM_BITS-1]", "&exact[WIDE-1:SUM_BITS-1] | ~exact[WIDE-1]", 1),  # no upper rail
        ("&exact[WIDE-1:SUM_BITS-1] |", "exact[WIDE-1] |", 1),  # no lower rail
        ("> TERM_BITS ? SUM_BITS : TERM_BITS) + 1", "> TERM_BITS ? SUM_BITS : TERM_BITS)", 3),
        ("assign saturated = ~fits", "assign saturated = 1'b0", 0),
        ("saturated = 1'b0", "saturated = exact[SUM_BITS]", 2),
    ],
    "find_first": [
        ("upwards = upwards | upwards << d", "upwards = upwards << d", 1),
        ("above = above | above << d", "above = above", 3),
        ("{upto[g*32+:31], 1'b0}", "upto[g*32+:32]", 1),
        ("bits & others", "others", 1),
        ("padded & ~others", "padded", 3),
    ],
    "divide": [
        ("- 64'd1) / 64'(DIVISOR)", "- 64'd1) / 64'(DIVISOR) - 64'd1", 2),
        ("LIMIT <= DIVISOR", "LIMIT <= DIVISOR + 1", 3),
        ("20'(read) - 20'(quotient * 20'(DIVISOR))", "20'(read)", 2),
    ],
    "fire": [
        ("draw < v", "draw <= v", 0),
        ("v > 0", "v >= 0", 0),
        ("v < one", "v <= one", 0),
        ("word[BITS-1-:FRAC_BITS]", "word[0+:FRAC_BITS]", 3),
        ("(ACC_BITS > FRAC_BITS + 1 ? ACC_BITS : FRAC_BITS + 1) + 1", "ACC_BITS", 1),
    ],
    "error_fire": [
        ("< size", "<= size", 0),
        ("size > SIZE", "size >= SIZE", 0),
        ("? -sum : sum", "? ~sum : sum", 3),
        ("? BACK_BITS + SHIFT + 9", "? BACK_BITS + SHIFT + 6", 0),  # the compare's width is the sum's,
        (": FRAC_BITS + 2", ": FRAC_BITS - 2", 1),  # or the draw's
        ("minus = sum[BACK_BITS-1]", "minus = ~sum[BACK_BITS-1]", 1),
        ("<< gain", "<< gain[2:0]", 0),
    ],
    "spike_backprop": [
        ("(RNG_BITS + 1)'(draw) < p_learn", "(RNG_BITS + 1)'(draw) <= p_learn", 0),
        ("? signal : 2'sd0", "? 2'sd0 : signal", 0),
        ("p_learn < DRAW_END", "p_learn <= DRAW_END", 0),
        ("is_certain = ~is_drawn", "is_certain = is_drawn", 0),
        (".told({minus[f] & learners[f], learners[f]})", ".told({minus[f], 1'b1})", 1),
        ("minus[f] & learners[f], learners[f]", "minus[0] & learners[f], learners[f]", 1),
        ("bias_minus ? 2'b11 : 2'b01", "minus[0] ? 2'b11 : 2'b01", 1),
        ("ones(learners & ~is_same)", "ones(learners)", 1),
        ("ones(learners & is_same)", "ones(is_same)", 1),
        ("assign is_same[f]", "assign is_same[FIELDS-1-f]", 1),
        ("(WEIGHT_BITS + 1)'(w) + ", "(WEIGHT_BITS + 1)'(w) - ", 2),
        ("(WEIGHT_BITS + 1)'(b) + ", "(WEIGHT_BITS + 1)'(b) - ", 2),
        ("w_then_fits ? w_then_1[WEIGHT_BITS-1:0]", "1'b1 ? w_then_1[WEIGHT_BITS-1:0]", 2),
        ("{~w_then_1[WEIGHT_BITS]}", "{w_then_1[WEIGHT_BITS]}", 1),
        ("{~b_then_1[WEIGHT_BITS]}", "{b_then_1[WEIGHT_BITS]}", 1),
    ],
    "rng_next": [
        ("rng_next >> 1", "rng_next >> 2", 0),
        ("rng_next[0] ?", "~rng_next[0] ?", 0),
        ("rng_next << LAST", "rng_next << (LAST + 1)", 1),
        ("rng_next >> RIGHT", "rng_next >> (RIGHT - 1)", 2),
    ],
    "rng_steps": [
        ("update < STEPS", "update < STEPS - 1", 1),
        ("update < STEPS", "update <= STEPS", 2),
        ("rng_next = before_draw", "rng_next = before_draw >> 1", 4),
    ],
    "link": [
        ("in_ready = ~filled[1]", "in_ready = 1'b1", 1),  # drops under back-pressure
        ("in_ready = ~filled[1]", "in_ready = ~filled[0]", 0),
        ("filled[1] ? second : in_data", "in_data", 1),
        ("else if (push && !filled[0]) head", "else if (push) head", 1),
        ("filled[0] && !pop) second", "!filled[0]) second", 0),
        ("filled[0] <= (filled[0] & head_after_pop) | push", "filled[0] <= filled[0] | push", 0),
        ("(push & filled[0] & ~pop)", "(push & filled[0])", 0),
        ("filled <= 2'b00", "filled <= filled & 2'b10", 1),
    ],
    "leaky": [
        ("lost = v >>> leak_shift", "lost = v >> leak_shift", 0),
        ("lost = v >>> leak_shift", "lost = (v + v[STATE_BITS-1]) >>> leak_shift", 2),  # rounds towards zero
        ("leak_shift != 4'd0 ?", "leak_shift[2:0] != 3'd0 ?", 0),
        ("product[8+:STATE_BITS]", "product[7+:STATE_BITS]", 1),
        ("STATE_BITS + 9", "STATE_BITS + 7", 0),
        (".sum(leaked)", ".sum(v)", 0),
        ("reached = ~over[STATE_BITS]", "reached = ~over[STATE_BITS] & |over", 1),  # v > threshold
        ("? left : '0", "? kept : '0", 3),
        ("kept - $signed({1'b0, taken})", "kept - $signed({1'b0, threshold})", 0),
        ("|taken ?", "taken[0] ?", 0),
        ("drive > 0", "drive >= 0", 0),
        ("drive < limit", "drive <= limit", 0),
        ("? STATE_BITS : ACC_BITS;", "? ACC_BITS : STATE_BITS;", 0),  # drive and threshold compared in the narrower width
        ("gate = ~rests &", "gate =", 2),
        ("clamped = ~rests & saturated", "clamped = saturated", 1),
        ("v_then = rests ? v :", "v_then =", 0),
        ("reached ? refractory : '0", "refractory", 0),
        ("resting - REST_BITS'(1)", "resting", 1),
    ],
}  # fmt: skip


def matrix(generator: Generator, steps: int = 1) -> np.ndarray:
    """uint32 (bits,): what the simulator's generator makes of each unit vector. Being linear, it is no more than that."""
    images = np.array([1 << i for i in range(generator.bits)], np.uint32)
    rng.step(images, generator.bits, generator.vector(steps))
    return images


def matrix_module(generator: Generator) -> str:
    """One step of the simulator's generator: every bit of the next state is the parity of some bits of this one."""
    images, bits = matrix(generator).tolist(), generator.bits
    rows = [sum((images[j] >> i & 1) << j for j in range(bits)) for i in range(bits)]
    lines = "".join(f"    assign word[{i}] = ^(state & {bits}'h{row:x});\n" for i, row in enumerate(rows))
    parameters = ", ".join(f"parameter [31:0] {name} = 0" for name in numbers(generator))
    ports = f"input wire [{bits - 1}:0] state, output wire [{bits - 1}:0] word"
    return f"module spec_rng_next #({parameters}) ({ports});\n{lines}endmodule\n"


def copied(block: str, folder: Path, old: str = "", new: str = "") -> None:
    """The sources of a block in `folder`, one text replaced; their package holds the names of the simulator's generators."""
    values = {kind.name: kind.value for kind in Kind} | {f"RNG_{key}": value for key, value in numbers(GENERATORS["xorshift16"]).items()}
    package = "".join(f"    localparam int {name} = {value};\n" for name, value in values.items())
    package = f"package neurochip_pkg;\n{package}endpackage\n"
    (folder / "neurochip_pkg.sv").write_text(package, encoding="utf-8")
    found = 0
    for name in SOURCES[block]:
        text = (RTL / name).read_text(encoding="utf-8")
        found += text.count(old) if old else 1
        (folder / Path(name).name).write_text(text.replace(old, new) if old else text, encoding="utf-8")
    assert found, f"{block}: {old!r} is no longer in its sources"


def half(folder: Path, top: str, sources: list[str], values: dict[str, int], name: str) -> str:
    """The commands that leave `top` with its parameters set, flat, in a design called `name`."""
    chosen = "".join(f" -chparam {key} {value}" for key, value in values.items())
    return f"""
read_verilog -sv -formal -DSYNTHESIS {" ".join(sources)}
hierarchy -check -top {top}{chosen}
proc
flatten
chformal -lower
opt_clean
rename -top {name}
design -stash {name}
"""


def prove(block: str, values: dict[str, int], folder: Path) -> None:
    """Raise NeurochipError unless block and specification give the same outputs for all inputs."""
    sources = ["neurochip_pkg.sv", *(Path(name).name for name in SOURCES[block] if name.endswith(".sv"))]
    top = f"nc_{block}"
    if block == "rng_next":
        generator = next(one for one in GENERATORS.values() if numbers(one) == values)
        (folder / "spec_rng_next.sv").write_text(matrix_module(generator), encoding="utf-8")
        specification = ["spec_rng_next.sv"]
    else:
        shutil.copy(RTL / "proofs" / f"spec_{block}.sv", folder)
        specification = [f"spec_{block}.sv"]
    more = []
    if block == "rng_steps":
        top, specification = "nc_rng_next", [*sources, *specification]
    if block == "link":
        top, specification = "shown_link", [*sources, *specification]
        sources, more = specification, ["-set-at 1 in_rst 1", "-seq 1", "-tempinduct-baseonly", f"-maxsteps {CYCLES}"]
    script = half(folder, top, sources, values, "gate") + half(folder, f"spec_{block}", specification, values, "gold")
    told = run_yosys(
        miter(script, f"-set-assumes -set-def-inputs {' '.join(more)}"),
        folder,
    )
    assert told.count("SUCCESS!") == 1


@pytest.mark.parametrize(("block", "number"), [(block, n) for block, sets in PROOFS.items() for n in range(len(sets))])
def test_block_is_its_specification(block, number, tmp_path):
    copied(block, tmp_path)
    prove(block, PROOFS[block][number], tmp_path)


@pytest.mark.parametrize(("block", "number"), [(block, n) for block, mutants in MUTANTS.items() for n in range(len(mutants))])
def test_proof_rejects_a_mutant(block, number, tmp_path):
    old, new, at = MUTANTS[block][number]
    copied(block, tmp_path, old, new)
    with pytest.raises(NeurochipError, match=r"^yosys: ERROR: Called with -verify and proof did fail!$"):
        prove(block, PROOFS[block][at], tmp_path)


def test_every_block_has_a_proof_and_a_mutant():
    assert set(PROOFS) == set(MUTANTS) == set(SOURCES)
    specified = {path.stem.removeprefix("spec_") for path in (RTL / "proofs").glob("spec_*.sv")}
    assert specified | {"rng_next"} == set(SOURCES)


@pytest.mark.parametrize("name", GENERATORS)
def test_the_simulators_generators_are_their_matrices(name):
    """On every 16-bit state (on a sample of the 32-bit ones) the function is the XOR of the images of the state's bits, for 1 and 16 steps;
    and 16 steps are 16 times one."""
    generator = GENERATORS[name]
    bits = generator.bits
    few = np.random.default_rng(1).integers(0, 2**bits, 50_000, dtype=np.uint32)
    states = np.arange(2**16, dtype=np.uint32) if bits == 16 else few
    images = {steps: matrix(generator, steps) for steps in (1, 16)}

    def product_of(vectors: np.ndarray, steps: int) -> np.ndarray:
        result = np.zeros_like(vectors)
        for j in range(bits):
            result ^= np.where(vectors >> j & 1, images[steps][j], 0).astype(np.uint32)
        return result

    for steps in (1, 16):
        stepped = states.copy()
        rng.step(stepped, len(stepped), generator.vector(steps))
        assert np.array_equal(stepped, product_of(states, steps))
    power = images[1]
    for _ in range(15):
        power = product_of(power, 1)
    assert np.array_equal(power, images[16])
