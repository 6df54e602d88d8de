"""What a random program loads of a rule that is made from its text: registers, states, tags, who learns, when a reward comes."""

import numpy as np

from neurochip.core.language.described import Description, Widths
from neurochip.core.state import ChipState
from neurochip.core.vectors import P, Run
from neurochip.cosim.core.rule_views import CoreView
from neurochip.experiment.setup import Setup
from neurochip.simulator.build import set_rule
from neurochip.simulator.memories import memory_of
from neurochip.simulator.simulator import Learning, run_vector
from neurochip.simulator.states import walk_of

MOST_SWEEP = 5


def draw_rule(draw: np.random.Generator, setup: Setup, state: ChipState) -> None:
    """Draw registers (mostly as the rule's settings make them), states and tags; every tenth core does not learn."""
    text, bits = setup.experiment.learning_rule.text, setup.chip.generator.bits
    assert text is not None
    set_rule(state, setup.experiment, int(draw.integers(0, 3)))
    strange = draw.random() < 0.5
    for c, param in enumerate(state.param):
        widths = Widths(int(setup.experiment.network.layers[int(param[P.LAYER])].weight_bits or 16), bits)
        for k, register in enumerate(text.registers.values()):
            low, high = register.range(widths)
            state.rule_param[c, k] = min(max(int(state.rule_param[c, k]), low), high)
            if strange and draw.random() < 0.4:
                state.rule_param[c, k] = _drawn(draw, low, high)
        if strange and text.axon:
            param[[P.TRACE_PEAK, P.TRACE_FACTOR]] = draw.integers(0, next(iter(text.axon.values())).range().high + 1), draw.integers(0, 256)
        if text.has_sweeps:
            param[P.SWEEP_TICKS] = draw.integers(0, MOST_SWEEP)
        if text.is_binary:
            weight = memory_of(state, c)[0][:, : int(param[P.CHANNELS])]
            weight[...] = np.where(draw.random(weight.shape) < draw.random(), param[P.WEIGHT_MIN], param[P.WEIGHT_MAX])
        param[P.LEARNS] = draw.random() < 0.9
        if text.keeps_states:
            _draw_states(draw, CoreView(state, c, text), text)


def _drawn(draw: np.random.Generator, low: int, high: int) -> int:
    """Draw from a range: an end of it, anything, or something near zero, as small numbers do more."""
    style = int(draw.integers(3))
    if style == 0:
        return int(draw.choice([low, high]))
    small = int(draw.integers(0, 17))
    return min(max(small if style == 1 else int(draw.integers(low, high + 1)), low), high)


def _draw_states(draw: np.random.Generator, view: CoreView, text: Description) -> None:
    for arrays, declared in ((view.axon, text.axon), (view.neuron, text.neuron), (view.tag, text.synapse)):
        for name, one in declared.items():
            limits = one.range()
            arrays[name][...] = draw.integers(limits.low, limits.high + 1, arrays[name].shape)


def rule_run(draw: np.random.Generator, setup: Setup, ticks: int, learn_from: int, teach: bool, deepest: int) -> np.ndarray:
    """Return the run vector of such a program, with a reward in some tick after that in which the answer is judged."""
    rule = setup.experiment.learning_rule
    judged, hears = int(draw.integers(0, ticks - 1)), rule.hears_reward
    rewarded = (judged, judged + int(draw.integers(1, ticks - judged + 1))) if hears and draw.random() < 0.9 else (-1, -1)
    kind = Learning(rule.takes_errors, walk_of(rule), rewarded)
    run = run_vector(ticks, learn_from, int(draw.integers(0, ticks)), True, deepest, kind=kind)
    run[Run.TEACH] &= teach
    return run
