"""Small chips whose rules are made from their texts: every rule that ships and one that does not, on neurons with and without a memory."""

from itertools import count
from pathlib import Path

import numpy as np

from neurochip.core import rules
from neurochip.cosim.core.cases import Case
from neurochip.cosim.core.random_cases import any_case, refusal
from neurochip.cosim.core.rule_package import is_generic

LIF = (("model", "lif"), ("leak_shift", 3), ("threshold", 0.5), ("state_bits", 14))
REST = (("model", "lif"), ("leak_factor", 200), ("threshold", 0.3), ("state_bits", 11), ("reset", "subtract"), ("refractory_ticks", 2))
IF = (("model", "if"), ("threshold", 0.4), ("state_bits", 12))

RULE_CASES = (
    Case("stdp", 12, ((10, 8, 6), (4, 8, 6)), rule="stdp"),
    Case("stdp_lif", 11, ((9, 8, 6), (5, 8, 6)), "plain_sram", ("lfsr16", "rotated", 1), rule="stdp", neuron=LIF),
    Case("stdp_rows", 10, ((11, 8, 6), (7, 10, 8), (3, 8, 6)), "plain_sram", core=(("lanes", "row"), ("n_neurons", 16), ("soma_lanes", 4)),
         rule="stdp"),
    Case("stochastic", 9, ((7, 6, 4), (4, 8, 6)), "serial64", ("xorshift32", "per_unit", 1), rule="stochastic_stdp", levels=(-0.5, 0.5)),
    Case("hebbian_if", 10, ((9, 8, 6), (3, 8, 6)), "plain_sram", ("lfsr16", "broadcast", 1), (("lanes", 128),),
         rule="stochastic_stdp_hebbian", levels=(0.0, 1.0), neuron=IF),
    Case("sdsp", 9, ((5, 8, 6),), "serial64", rule="sdsp"),
    Case("sdsp_lif", 8, ((7, 8, 6), (4, 8, 7)), "plain_sram", ("xorshift16", "rotated", 1), rule="sdsp", neuron=REST),
    Case("sdsp_groups", 9, ((10, 8, 6), (4, 8, 7)), "serial64", core=(("soma_lanes", 4), ("input_lanes", 3)), rule="sdsp"),
    Case("r_stdp", 8, ((4, 9, 7),), "serial64", rule="r_stdp", is_rewarded=True),
    Case("r_stdp_lif", 7, ((6, 8, 6), (3, 8, 6)), "plain_sram", ("xorshift32", "rotated", 1), (("lanes", "row"), ("n_neurons", 16)),
         rule="r_stdp", is_rewarded=True, neuron=LIF),
    Case("e_prop", 7, ((6, 8, 6), (5, 8, 6), (3, 8, 6)), "serial64", ("lfsr16", "broadcast", 1), rule="e_prop"),
    Case("e_prop_lif", 8, ((7, 8, 6), (3, 8, 6)), "plain_sram", ("xorshift32", "per_unit", 1), rule="e_prop", neuron=REST, recurrent=True),
    Case("fading_tags", 8, ((6, 8, 6), (3, 8, 6)), "serial64", rule=str(Path(__file__).with_name("fading_tags.py"))),
    Case("backprop_lif", 10, ((9, 8, 6), (7, 8, 6), (4, 8, 6)), "serial64",
         core=(("encoder", "serial"), ("input_lanes", 3), ("first_integrate", "delta")), neuron=REST),
)  # fmt: skip
NEURONS = ((), (), LIF, REST, IF)


def random_rule_case(seed: int) -> Case:
    """Draw the small chip of that seed: as `random_case` does, with a rule that ships, and neurons with or without a memory."""
    return next(case for attempt in count() if refusal(case := _any_rule_case(seed, attempt)) is None)


def _any_rule_case(seed: int, attempt: int) -> Case:
    draw, case = np.random.default_rng([seed, attempt, *b"rule"]), any_case(seed, attempt)
    shipped = [name for name in rules.names() if rules.load(name).learns]
    rule, neuron = str(draw.choice(shipped)), NEURONS[int(draw.integers(len(NEURONS)))]
    loaded = rules.load(rule)
    by_text = is_generic(loaded)
    if not by_text and not neuron:
        neuron = LIF  # `random_case` has the others
    core = dict(case.core)
    for key, is_left_out in (("first_integrate", by_text), ("soma_lanes", bool(neuron)), ("acc_bits", loaded.is_binary)):
        if is_left_out:
            core.pop(key, None)
    widths = [(8, 6) if loaded.is_binary else (min(max(bits, 4), 10), min(frac, 8, max(bits, 4))) for _, bits, frac in case.layers]
    layers = tuple((min(n, 12), *width) for (n, _, _), width in zip(case.layers, widths, strict=True))
    return case._replace(
        name=f"rule_{seed}",
        inputs=min(case.inputs, 12),
        layers=layers,
        core=tuple(core.items()),
        rule=rule,
        neuron=neuron,
        network=() if by_text else case.network,
        levels=(-0.25, 0.5) if loaded.is_binary else None,
        is_rewarded=loaded.hears_reward,
    )
