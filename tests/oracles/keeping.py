"""A rule that keeps states, on one core of the oracle: told by its Python functions alone, in dicts of unbounded integers.

chip["keeps"] = {"rule": its Description, "visits", "judged", "rewarded": ticks or -1};
a part's "rule_param": the registers' integers, "rails": ends of its weights, "trace": (peak, factor), "pace": ticks from sweep to sweep
"""

from neurochip.core.events import Event, Phase
from oracles.core import RNG_BITS, draw_words


class Keeper:
    """States and tags of one core, and the rule that changes them and its weights."""

    def __init__(self, core):
        self.core, self.keeps, self.judgement = core, core.chip["keeps"], 0
        self.rule = self.keeps["rule"]
        channels, layer = len(core.channels), core.layer
        self.known = dict(zip(self.rule.registers, layer["rule_param"], strict=True))
        self.known |= {"draw_end": 2 ** RNG_BITS[core.rng["kind"]], "w_min": layer["rails"][0], "w_max": layer["rails"][1]}
        self.known |= {"weight_bits": layer["weight_bits"], "channels": channels}
        self.known |= dict(zip(("trace_peak", "trace_factor"), layer["trace"], strict=True))
        self.of_axons = [dict.fromkeys(self.rule.axon, 0) for _ in range(core.n_axons)]
        self.of_neurons = [dict.fromkeys(self.rule.neuron, 0) for _ in range(core.n_neurons)]
        self.tags = {}  # by row and channel, of synapses that were visited

    def give(self, role, **more):
        """What the function of a role gives: a tuple."""
        function = self.rule.python[role]
        known = {**self.known, **more}
        given = function(*(known[name] for name in function.__code__.co_varnames[: function.__code__.co_argcount]))
        return tuple(map(int, given)) if isinstance(given, tuple) else (int(given),)

    def begin(self):
        """A sample begins: what does not last is 0."""
        for kept, states in ((self.of_axons, self.rule.axon), (self.of_neurons, self.rule.neuron)):
            for one in kept:
                one.update({name: 0 for name, state in states.items() if not state.lasts})
        self.judgement = 0

    def draw(self):
        words, _ = draw_words({**self.core.rng, "sharing": "per_unit"}, self.core.layer["learn_state"], 1)
        self.count(Event.RNG_DRAW)
        return words[0]

    def count(self, event, n=1):
        self.core.count(Phase.LEARN, event, n)

    def update(self, label):
        """Bring states up to date; label: what the teacher names here, or None."""
        core = self.core
        for i, one in enumerate(self.of_axons if self.rule.axon else ()):
            one.update(zip(one, self.give("axon", spiked=int(i in core.spikes_in), **one), strict=True))
            self.count(Event.STATE_READ)
            self.count(Event.STATE_WRITE)
        potentials = core.potential if core.model["model"] == "stochastic" else core.potential_of
        for j, one in enumerate(self.of_neurons if self.rule.neuron else ()):
            taught = 0 if label is None else 1 if j == label else -1
            given = self.give("neuron", fired=int(j in core.spikes_out), v=potentials[j], taught=taught, **one)
            one.update(zip(one, given, strict=True))
            self.count(Event.STATE_READ)
            self.count(Event.STATE_WRITE)

    def learn(self, tick):
        """Own events, then a reward and a sweep."""
        core, learns_from, n = self.core, self.rule.learns_from, len(self.core.channels)
        every = [(unit, 1 if learns_from == "arrivals" else 0) for unit in range(core.n_neurons)]
        own = {"errors": core.own_errors, "spikes": [(unit, 1) for unit in core.spikes_out], "arrivals": every, "reward": []}[learns_from]
        reward = self.judgement if tick == self.keeps["rewarded"] else 0
        sweep = int(core.layer["pace"] > 0 and (tick + 1) % max(1, core.layer["pace"]) == 0)
        stages = [(own, self.keeps["visits"], 0, 0, learns_from == "arrivals")]
        if reward or sweep:
            self.count(Event.ERROR_IN, int(reward != 0))
            stages.append(([(unit, 0) for unit, _ in every], "all", reward, sweep, True))
        for events, visits, reward, sweep, needs_rows in stages:
            for at in range(len(core.locations)):
                here = [(unit % n, signal) for unit, signal in events if unit // n == at]
                under = core.fields[at, core.candidate[at]]
                under = sorted(under, key=lambda entry: entry[1]) if core.layer["kind"] == "dense" else under
                rows = [(row, axon) for row, axon in under if self.is_visited(axon, visits)]
                if here and (rows or not needs_rows):
                    self.visit(at, here, rows, reward=reward, sweep=sweep)

    def is_visited(self, axon, visits):
        if visits == "spiked":
            return axon in self.core.spikes_in
        return visits == "all" or any(self.of_axons[axon].values())

    def visit(self, at, events, rows, **broadcast):
        """All decisions first, then the rows of each event, then biases."""
        core, first = self.core, at * len(self.core.channels)
        names = list(self.rule.axon)
        sums = {"rows": max(1, len(rows)), "x_sum": sum(self.of_axons[axon][names[0]] for _, axon in rows) if names else 0}
        draws = self.rule.reads("decide", "draw") and ("draws" not in self.rule.python or self.give("draws")[0])
        decided = []
        self.count(Event.LEARN_DECISION, len(events))
        for channel, signal in events:
            draw = self.draw() if draws else 0
            given = self.give("decide", signal=signal, draw=draw, **sums, **broadcast, **self.of_neurons[first + channel])
            told = dict(zip(self.rule.told, given, strict=True))
            if told["told"]:
                decided.append((channel, told))
        learners = [channel for channel, _ in decided]
        for _ in rows:  # one generator: where synapses draw, a location's learners come one after another
            for together in [[one] for one in learners] if self.rule.reads("synapse", "draw") else [learners]:
                core.count_touched(together)
        for channel, told in decided:
            for row, axon in rows:
                self.step(row, channel, told, self.of_axons[axon])
        for channel, told in decided if "bias" in self.rule.python else ():
            if told.get("bias_told", 1):
                for j in range(len(core.channels)) if self.rule.reads("bias", "own") else [channel]:
                    b = core.layer["bias"][j]
                    (now,) = self.give("bias", b=b, own=int(j == channel), **told, **self.of_neurons[first + j])
                    core.layer["bias"][j] = now
                    self.count(Event.BIAS_UPDATE if now != b else Event.UPDATE_LOST)

    def step(self, row, channel, told, states):
        """One synapse: its weight and its tags."""
        w, tags = self.core.layer["weight"][row][channel], self.tags_of(row, channel)
        draw = self.draw() if self.rule.reads("synapse", "draw") else 0
        now, *kept = self.give("synapse", w=w, draw=draw, **told, **states, **tags)
        then = dict(zip(tags, kept, strict=True))
        self.count(Event.WEIGHT_UPDATE if (now, then) != (w, tags) else Event.UPDATE_LOST)
        self.core.layer["weight"][row][channel] = now
        self.tags[row, channel] = then

    def tags_of(self, row, channel):
        return self.tags.get((row, channel), dict.fromkeys(self.rule.synapse, 0))
