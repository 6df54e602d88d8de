"""Chip and network -> `neurochip_pkg.sv`: the only way by which widths, sizes and tables get into the RTL.

A chip whose cycles are not those of the RTL, or a network that is not a chain of dense layers with a core each, is refused by name.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.core.events import N_EVENTS, N_PHASES, STEP_OF, STEPS, Event, Phase
from neurochip.core.rng import Kind, RngParam, Sharing
from neurochip.core.vectors import BETA_FRAC_BITS, Feedback, P
from neurochip.cosim.core import register_map
from neurochip.cosim.core.record import State
from neurochip.cosim.core.rule_package import hardware_of, is_generic, levels_of, neurons_of, rule_lines, told_bits
from neurochip.cosim.rule.core_modules import RuleHardware
from neurochip.experiment.chip import Chip
from neurochip.experiment.setup import Experiment, Setup, load_setup
from neurochip.mapping.feedback import feedback_of
from neurochip.mapping.place import Mapping, Placement, place
from neurochip.simulator.build import gumbel_table
from neurochip.simulator.feedback import feedback_params, sign_seed

COUNTED = {
    Phase.FORWARD: (
        Event.INPUT_LOAD, Event.WORD_READ, Event.ACCUMULATE, Event.NEURON_UPDATE, Event.READOUT, Event.RNG_DRAW, Event.SPIKE_IN,
        Event.SPIKE_OUT, Event.HOP, Event.BARRIER, Event.BANK_ACCESS, Event.SOMA_CYCLE, Event.INPUT_CYCLE, Event.ACC_SATURATED,
    ),
    Phase.ERROR: (
        Event.WORD_READ, Event.COLUMN_READ, Event.ACCUMULATE, Event.ERROR_UPDATE, Event.RNG_DRAW, Event.ERROR_IN, Event.ERROR_OUT,
        Event.HOP, Event.BANK_ACCESS, Event.ERROR_GATED, Event.ACC_SATURATED, Event.ERROR_SATURATED,
    ),
    Phase.LEARN: (
        Event.WORD_READ, Event.WORD_WRITE, Event.RNG_DRAW, Event.WEIGHT_UPDATE, Event.BIAS_UPDATE, Event.LEARN_DECISION, Event.BANK_ACCESS,
        Event.UPDATE_LOST,
    ),
}  # fmt: skip
"""Events that can happen in a phase: the counters that the RTL has."""

RTL_CYCLES = {
    event: int(event in (Event.COLUMN_READ, Event.ERROR_UPDATE, Event.ERROR_IN, Event.LEARN_DECISION, Event.BARRIER))
    for event in Event if any(event in events for events in COUNTED.values()) and event not in STEP_OF and event not in STEPS
}  # fmt: skip
"""Cycles of each other event that can happen in the RTL: one where a state handles it, none where it is done beside."""

MOST_WORDS = 1 << 20
MOST_FIELDS = 4096
PORTS = ("plain", "transposable", "skewed", "signs")
"""What errors go back through: words of rows, a column port, skewed banks; or fixed signs, whose memory has rows alone."""
TERMS = ("all_terms", "positive_terms", "negative_terms")
"""What a sum of errors adds."""
BARRIER_CYCLES = 2
ADDRESS_BITS = 16  # of a packet


class NotInRtl(NeurochipError):
    """The simulator has it, the RTL of a core does not."""


def refuse_if_not_rtl(setup: Setup, mapping: Mapping) -> None:
    """Raise NeurochipError, naming the key, if the RTL is not this chip or cannot hold this network."""
    chip, feedback = setup.chip, feedback_of(setup.experiment)
    _refuse_if_not_a_chain(setup, mapping)
    if feedback == Feedback.DIRECT:
        raise NotInRtl(
            f"{setup.where}: [network] feedback = 'direct': the RTL's hidden cores hear neither the class nor the winner yet; use "
            "'transposed' or 'random'"
        )
    sign_cycles = chip.cycles_per_event.get("sign_cycle", 1)
    if feedback == Feedback.RANDOM and sign_cycles != 1:
        raise NeurochipError(
            f"chip {chip.name}: [cycles_per_event] sign_cycle = {sign_cycles}: the RTL takes 1; set sign_cycle = 1 to simulate this RTL"
        )
    if chip.rng.sharing == "rotated" and chip.generator.bits & (chip.generator.bits - 1):
        raise NotInRtl(
            f"chip {chip.name}: [rng] sharing = 'rotated': the RTL turns words of 16 or 32 bits, generator '{chip.generator.name}' has "
            f"{chip.generator.bits}; use another generator, 'per_unit' or 'broadcast'"
        )
    for event, cycles in RTL_CYCLES.items():
        key = event.name.lower()
        if chip.cycles_per_event.get(key, cycles) != cycles:
            raise NeurochipError(
                f"chip {chip.name}: [cycles_per_event] {key} = {chip.cycles_per_event[key]}: the RTL takes {cycles}; "
                f"set {key} = {cycles} to simulate this RTL"
            )
    for one, step in STEP_OF.items():
        if (got := [chip.cycles_per_event.get(event.name.lower(), 0) for event in (one, step)]) not in ([0, 1], [1, 0]):
            raise NeurochipError(
                f"chip {chip.name}: [cycles_per_event] {one.name.lower()} = {got[0]} and {step.name.lower()} = {got[1]}: the RTL takes one "
                f"cycle for it; set {one.name.lower()} = 0 and {step.name.lower()} = 1 to simulate this RTL"
            )
    network, barrier = chip.cycles_per_tick.network, chip.cycles_per_tick.barrier
    if barrier < BARRIER_CYCLES or network < 1:
        raise NeurochipError(
            f"chip {chip.name}: [cycles_per_tick] network = {network}, barrier = {barrier}: the RTL "
            f"needs at least 1 and {BARRIER_CYCLES} (packets arrive, generators step, queues swap)"
        )
    for layer in mapping.cores:
        limits = (
            ("memory_words", layer.memory_words, MOST_WORDS, "use fewer axons or neurons"),
            (
                "weights per access",
                chip.core.word_bits // layer.weight_bits * layer.words_per_access,
                MOST_FIELDS,
                "lower lanes, narrow the word or widen the weights",
            ),
        )
        for what, wanted, limit, way_out in limits:
            if wanted > limit:
                raise NeurochipError(f"layer '{layer.name}': {what} = {wanted:,}: the RTL model holds at most {limit:,}; {way_out}")
        if layer.frac_bits < 1:
            raise NeurochipError(f"layer '{layer.name}': frac_bits = {layer.frac_bits}: the RTL compares at least 1 bit; raise frac_bits")


def _refuse_if_not_a_chain(setup: Setup, mapping: Mapping) -> None:
    """The RTL is a chain of cores, wired one to the next, each with a whole dense layer."""
    chip = setup.chip
    if chip.mesh is not None:
        raise NotInRtl(
            f"chip {chip.name}: [mesh]: the RTL wires each core to the next and has no routers; leave [mesh] out, or compare the mesh "
            f"itself with its RTL: python -m neurochip.cosim.mesh.ticks"
        )
    for layer in mapping.layers:
        where, model, n_cores = f"[network.layers[{layer.index}]] layer '{layer.name}'", layer.model, len(mapping.cores_of(layer.index))
        if layer.is_conv:
            drawn = f", pool = {model.pool}" if model.pool > 1 else ""
            raise NotInRtl(f"{where}: kind = 'conv'{drawn}: shared kernels and drawn pooling are not in the RTL yet; use kind = 'dense'")
        if layer.is_pool:
            raise NotInRtl(f"{where}: kind = 'pool': pooled units are not in the RTL; use kind = 'dense'")
        if model.recurrent and layer.index > 0:
            raise NotInRtl(f"{where}: recurrent: in the RTL the first core alone takes its own spikes; leave it out")
        if model.recurrent and setup.experiment.faults is not None:
            raise NotInRtl(f"{where}: recurrent: cores that take their own spikes have no faults in the RTL; leave [faults] out")
        if model.source is not None and (layer.index > 0 or model.source != "input"):
            raise NotInRtl(f"{where}: source = '{model.source}': the RTL's cores take spikes from the core before them; leave source out")
        if model.learn_epochs is not None and model.learn_epochs[0] > 1:
            raise NotInRtl(f"{where}: learn_epochs = {model.learn_epochs}: the RTL's cores learn from the first sample on; leave it out")
        if model.levels and not is_generic(setup.experiment.learning_rule):
            raise NotInRtl(
                f"{where}: levels = {model.levels}: memories of one bit a weight are in the RTL where a rule made from its text "
                "learns them; leave it out"
            )
        if model.skip:
            raise NotInRtl(f"{where}: skip = {model.skip}: the RTL's cores take spikes from the core before them alone; leave skip out")
        if model.neuron.model == "accumulate":
            raise NotInRtl(f"{where}: neuron.model = 'accumulate': outputs that add up are not in the RTL; use 'stochastic'")
        if model.neuron.has_current:
            raise NotInRtl(f"{where}: neuron.model = 'cuba_lif': synaptic currents are not in the RTL; use 'lif'")
        if model.neuron.inhibit:
            raise NotInRtl(f"{where}: neuron.inhibit: inhibition within a location is not in the RTL; leave it out")
        if model.neuron.model != "stochastic" and chip.core.soma_lanes > 1:
            raise NotInRtl(
                f"{where}: neuron.model = '{model.neuron.model}' and [core] soma_lanes = {chip.core.soma_lanes}: in the RTL neurons with a "
                f"memory are evaluated one by one; use --set chip.core.soma_lanes=1"
            )
        if n_cores > 1:
            raise NotInRtl(
                f"{where}: cut over {n_cores} cores: the RTL has a core for each layer; use a smaller layer or a chip whose cores hold it"
            )


def words_in_line(place: Placement) -> int:
    """Return the words of an access to the core's memory in the RTL, which has no banks that no row uses."""
    return min(place.words_per_access, place.row_words)


def package_text(setup: Setup, mapping: Mapping, made_from: str) -> str:
    """Return the text of neurochip_pkg.sv for the chip and network of an experiment; `made_from` says in its first line how it is made."""
    refuse_if_not_rtl(setup, mapping)
    chip, experiment, placements = setup.chip, setup.experiment, mapping.cores
    is_random = feedback_of(experiment) == Feedback.RANDOM
    table = gumbel_table(chip.core.gumbel_address_bits, placements[-1].frac_bits)
    gumbel_bits = max(int(table.max()).bit_length(), int(-table.min()).bit_length()) + 1
    sharing, rng, hardware = Sharing[chip.rng.sharing.upper()], chip.rng_param(), hardware_of(setup, mapping)
    lines = [
        f"// Generated from {made_from}; not to be edited.",
        "`default_nettype none",
        "/* verilator lint_off UNUSEDPARAM */",
        "package neurochip_pkg;",
        "    // states of a core",
        *(f"    localparam [3:0] {state.name} = 4'd{state.value};" for state in State),
        "    // the configuration port",
        *register_map.package_lines(),
        "    // events and phases: the vocabulary of the simulator",
        *(f"    localparam int {event.name} = {event.value};" for event in Event),
        f"    localparam int N_EVENTS = {N_EVENTS};",
        f"    localparam int N_PHASES = {N_PHASES};",
        f"    localparam [{N_PHASES * N_EVENTS - 1}:0] COUNTED = {N_PHASES * N_EVENTS}'h{_counted(experiment, mapping):x};",
        "    // generators",
        *(f"    localparam int {kind.name} = {kind.value};" for kind in Kind),
        *(f"    localparam int {kind.name} = {kind.value};" for kind in Sharing),
        f"    localparam int RNG_KIND = {Kind(rng[RngParam.KIND]).name};",
        f"    localparam int RNG_BITS = {rng[RngParam.BITS]};",
        f"    localparam [31:0] RNG_MASK = 32'h{rng[RngParam.MASK]:x};",
        *(f"    localparam int RNG_{shift.name} = {rng[shift]};" for shift in (RngParam.LEFT, RngParam.RIGHT, RngParam.LAST)),
        f"    localparam int RNG_STEPS = {chip.rng.steps_per_draw};",
        f"    localparam int RNG_SHARING = {sharing.name};",
        "    // memory and time",
        f"    localparam int WORD_BITS = {chip.core.word_bits};",
        *(f"    localparam int {port.upper()} = {number};" for number, port in enumerate(PORTS)),
        f"    localparam int PORT = {'SIGNS' if is_random else chip.core.port.upper()};",
        "    // errors on their way back",
        *(f"    localparam int {terms.upper()} = {number};" for number, terms in enumerate(TERMS)),
        f"    localparam bit SPLIT_ERRORS = {int(experiment.network.error_streams == 'split')};",
        *rule_lines(experiment.learning_rule, hardware),
        *_units(chip),
        f"    localparam int NETWORK_CYCLES = {chip.cycles_per_tick.network};",
        f"    localparam int BARRIER_CYCLES = {chip.cycles_per_tick.barrier};",
        "    // what a chip may do without",
        *(f"    localparam bit {key.upper()} = {int(getattr(chip.core, key))};" for key in ("counters", "trace", "clock_gate")),
        "    // the cores, 32 bits each, the first core in the lowest",
        *_cores(setup, mapping, hardware),
        "    // noise of the winner-take-all, the first entry in the lowest bits",
        f"    localparam int BETA_FRAC_BITS = {BETA_FRAC_BITS};",
        f"    localparam int GUMBEL_ADDRESS_BITS = {chip.core.gumbel_address_bits};",
        f"    localparam int GUMBEL_BITS = {gumbel_bits};",
        f"    localparam [{len(table) * gumbel_bits - 1}:0] GUMBEL = {{",
        *_gumbel_rows(table, gumbel_bits),
        "    };",
        "endpackage",
        "/* verilator lint_on UNUSEDPARAM */",
        "`default_nettype wire",
    ]
    return "\n".join(lines) + "\n" + (hardware.text() if hardware else "")


def _cores(setup: Setup, mapping: Mapping, hardware: RuleHardware | None) -> list[str]:
    """What differs from core to core."""
    chip, placements = setup.chip, mapping.cores
    errors = [feedback_params(chip, setup.experiment, mapping, c) for c in range(len(placements))]
    widths = [
        of[P.SIGN_WIDTH] if of[P.FEEDBACK] == Feedback.RANDOM else chip.column_width(place.field_bits)
        for of, place in zip(errors, placements, strict=True)
    ]
    seeds = [sign_seed(chip, setup.experiment, mapping, c) if of[P.FEEDBACK] == Feedback.RANDOM else 0 for c, of in enumerate(errors)]
    neurons, levels = neurons_of(mapping), levels_of(mapping)
    column_bits = [max(chip.core.word_bits, n * place.field_bits) for n, place in zip(widths, placements, strict=True)]
    return [
        f"    localparam int N_CORES = {len(placements)};",
        _per_core("N_AXONS", [p.axons for p in placements]),
        _per_core("N_NEURONS", [p.neurons for p in placements]),
        _per_core("WEIGHT_BITS", [p.weight_bits for p in placements]),
        _per_core("WORDS", [words_in_line(p) for p in placements]),
        _per_core("BANKS", [p.words_per_access for p in placements]),
        _per_core("COLUMN_WIDTH", widths),
        _per_core("COLUMN_BITS", column_bits),
        _per_core("FRAC_BITS", [p.frac_bits for p in placements]),
        _per_core("ACC_BITS", [p.acc_bits for p in placements]),
        _per_core("BACK_BITS", [p.back_bits for p in placements]),
        _per_core("SIGN_SEED", seeds),
        _per_core("FEEDBACK_SHIFT", [of[P.FEEDBACK_SHIFT] for of in errors]),
        _per_core("FIELD_BITS", [p.field_bits for p in placements]),
        _per_core("LOW_LEVEL", [low for low, _ in levels]),
        _per_core("HIGH_LEVEL", [high for _, high in levels]),
        _per_core("TOLD_BITS", told_bits(hardware, len(placements))),
        *(_per_core(name, [of[name] for of in neurons]) for name in neurons[0]),
        _flags("RECURRENT", [p.own_axons > 0 for p in placements]),
        _flags("ACC_NARROW", [p.acc_is_narrow for p in placements]),
        _flags("BACK_NARROW", [p.back_is_narrow for p in placements]),
    ]


def _units(chip: Chip) -> list[str]:
    """How somas and inputs are taken."""
    return [
        f"    localparam int SOMA_LANES = {chip.core.soma_lanes};",
        f"    localparam int SPIKE_BITS = {spike_bits(chip)};",
        f"    localparam int INPUT_LANES = {chip.core.input_lanes};",
        f"    localparam bit SERIAL_ENCODER = {int(chip.core.encoder == 'serial')};",
        f"    localparam bit DELTA = {int(chip.core.first_integrate == 'delta')};",
        f"    localparam bit BETA_IS_SHIFT = {int(chip.core.beta == 'power_of_two')};",
    ]


def spike_bits(chip: Chip) -> int:
    """Return the bits of a spike packet: an axon, or with several somas a cycle a group of them and a bit for each."""
    return ADDRESS_BITS + (chip.core.soma_lanes if chip.core.soma_lanes > 1 else 0)


def _counted(experiment: Experiment, mapping: Mapping) -> int:
    also = [Event.ERROR_CANCELLED] if experiment.network.error_streams == "split" else []
    also += [Event.SIGN_CYCLE] if feedback_of(experiment) == Feedback.RANDOM else []
    happening = [(phase, event) for phase, events in COUNTED.items() for event in events] + [(Phase.ERROR, event) for event in also]
    has_memory = any(of["MEMORY_BITS"] for of in neurons_of(mapping))
    states = [Phase.FORWARD] * has_memory + [Phase.LEARN] * is_generic(experiment.learning_rule)
    happening += [(phase, event) for phase in states for event in (Event.STATE_READ, Event.STATE_WRITE)]
    rule = experiment.learning_rule.text
    happening += [(Phase.LEARN, Event.ERROR_IN)] if rule is not None and rule.hears_reward else []
    return sum(1 << (phase * N_EVENTS + event) for phase, event in happening)


def _per_core(name: str, values: Sequence[int]) -> str:
    listed = ", ".join(f"32'd{value}" if value >= 0 else f"32'h{value & 0xFFFFFFFF:x}" for value in reversed(values))
    return f"    localparam [{32 * len(values) - 1}:0] {name} = {{{listed}}};"


def _flags(name: str, values: Sequence[bool]) -> str:
    return f"    localparam [{len(values) - 1}:0] {name} = {len(values)}'b{''.join(str(int(value)) for value in reversed(values))};"


def _gumbel_rows(table: np.ndarray, bits: int) -> list[str]:
    """Entries from the last to the first, eight a line, in two's complement."""
    words = [f"{bits}'h{int(value) & ((1 << bits) - 1):x}" for value in reversed(table)]
    rows = [", ".join(words[i : i + 8]) for i in range(0, len(words), 8)]
    return [f"        {row}{',' if i + 1 < len(rows) else ''}" for i, row in enumerate(rows)]


COMMITTED_EXPERIMENT = "mnist_local_bp"


def committed_package() -> str:
    """Return the text of the committed rtl_models/neurochip_pkg.sv: the main job's chip and network."""
    setup = load_setup(COMMITTED_EXPERIMENT)
    mapping = place(setup, 784, 10)
    source = f"chips/{setup.experiment.chip.preset}.toml and experiments/{COMMITTED_EXPERIMENT}.toml by `make rtl-package`"
    return package_text(setup, mapping, source)


if __name__ == "__main__":
    (Path(__file__).parents[2] / "rtl_models" / "neurochip_pkg.sv").write_text(committed_package(), encoding="utf-8")
