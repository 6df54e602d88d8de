"""What a rule in the language does to the synapses of one location, told by its Python functions alone: no text, no kernel, no width."""

from neurochip.core import rng
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.language.described import Description
from neurochip.core.rng import RngParam
from neurochip.core.vectors import P


class Walk:
    """One call of a hook. Changes weight, bias, rng_learn and counts of `synapses` (arrays) as the compiled hook must."""

    def __init__(self, rule: Description, synapses, rule_param, rows, traces, neurons, signs) -> None:
        self.rule, self.synapses = rule, synapses
        param, bits = synapses.param, int(synapses.rng_param[RngParam.BITS])
        self.known = dict(zip(rule.registers, map(int, rule_param), strict=True))
        self.known |= {"draw_end": 2**bits, "w_min": int(param[P.WEIGHT_MIN]), "w_max": int(param[P.WEIGHT_MAX])}
        self.known |= {"weight_bits": int(param[P.WEIGHT_MAX]).bit_length() + 1, "channels": int(param[P.CHANNELS])}
        self.known |= {"x_sum": int(traces.sum()), "rows": max(1, len(rows))}
        self.rows, self.traces = rows.tolist(), traces.tolist()
        self.events = list(zip(neurons.tolist(), signs.tolist(), strict=True))

    def give(self, role: str, **more: int):
        """Call the function of a role with what it reads."""
        function = self.rule.python[role]
        return function(*(({**self.known, **more})[name] for name in function.__code__.co_varnames[: function.__code__.co_argcount]))

    def count(self, event: Event, n: int) -> None:
        """Count n events of learning."""
        self.synapses.counts[Phase.LEARN * N_EVENTS + event] += n

    def draw(self) -> int:
        """Step the generator, counted."""
        self.count(Event.RNG_DRAW, 1)
        return int(rng.draw(self.synapses.rng_learn, self.synapses.rng_param))

    def run(self) -> None:
        """Take all decisions, then visit the rows of each event, then biases."""
        draws = self.rule.reads("decide", "draw") and ("draws" not in self.rule.python or self.give("draws"))
        decided = []
        for neuron, sign in self.events:
            given = self.give("decide", signal=sign, draw=self.draw() if draws else 0)
            told = dict(zip(self.rule.told, given if isinstance(given, tuple) else (given,), strict=True))
            if told["told"]:
                decided.append((neuron, told))
        words = len({neuron // int(self.synapses.param[P.FIELDS_PER_WORD]) for neuron, _ in decided}) * len(self.rows)
        if self.rule.reads("synapse", "draw"):  # one generator: an access for each synapse
            words = len(decided) * len(self.rows)
        self.count(Event.WORD_READ, words)
        self.count(Event.WORD_WRITE, words)
        self.count(Event.BANK_ACCESS, 2 * words)
        for neuron, told in decided:
            for row, trace in zip(self.rows, self.traces or [0] * len(self.rows), strict=True):
                states = dict.fromkeys(self.rule.axon, trace)
                w = int(self.synapses.weight[row, neuron])
                now = self.give("synapse", w=w, draw=self.draw() if self.rule.reads("synapse", "draw") else 0, **states, **told)
                self.synapses.weight[row, neuron] = now
                self.count(Event.WEIGHT_UPDATE if now != w else Event.UPDATE_LOST, 1)
        for neuron, told in decided if "bias" in self.rule.python else ():
            if told.get("bias_told", 1):
                everyone = range(self.known["channels"]) if self.rule.reads("bias", "own") else [neuron]
                for j in everyone:
                    b = int(self.synapses.bias[j])
                    self.synapses.bias[j] = now = self.give("bias", b=b, own=int(j == neuron), **told)
                    self.count(Event.BIAS_UPDATE if now != b else Event.UPDATE_LOST, 1)
