"""The oracle: one whole chip in plain Python, slow and obvious, written from the chip's specification and not from its kernels.

Everything is a dict, a list or an unbounded integer. Every generator is stepped one by one, every tick; every packet sits in a mailbox
until the next tick; every row, column and word is walked. The names of events and phases are all it shares with `neurochip.core`.

    chip = {"rng": {"kind": "lfsr16" | "xorshift16" | "xorshift32", "sharing": "per_unit" | "rotated" | "broadcast", "steps": 1 ...},
            "gumbel": [...], "cycles": {Event: cycles}, "cycles_per_tick": 6, "word_bits": 64,
            "port": "transposable" | "plain" | "skewed", "beside": {field bits: words side by side},
            "error_gain": 0, "beta_16": 16 (in sixteenths), "readout": "potential" | "spikes",
            "soma_lanes": 1, "input_lanes": 1, "encoder": "parallel" | "serial" (these three: if not said, 1 and parallel),
            "first_integrate": "spikes" | "delta",
            "streams": "signed" | "split" (if not said, signed), "feedback": "transposed" | "random" | "direct" (if not said, transposed),
            "told_by": "winner" | "class", "told_one_in": 4 (of direct feedback); then every layer has a "sign_seed", with random feedback
            also a "shift", log2 of its weights,
            "exit": (margin, ticks before which no sample ends, whether generators then go on as if it had not); margin 0 or no key: never,
            "layers": [{"weight": [axon][neuron], "bias": [neuron], "weight_bits": 16, "frac_bits": 12, "acc_bits": None (never too narrow),
                        "back_bits": None, "p_learn": 0 .. 2**rng bits, "axon_states": [...], "neuron_states": [...], "learn_state": 1}]}

`run` changes weights, biases and states of that dict in place and returns votes, counts and cycles.
"""

from collections import Counter
from itertools import pairwise

from neurochip.core.events import OBSERVED, Event, Phase

RNG_BITS = {"lfsr16": 16, "xorshift16": 16, "xorshift32": 32}


def next_state(kind, x):
    """One state update."""
    if kind == "lfsr16":  # Galois: the bit that falls out at the right is fed back into the taps
        out = x % 2
        x = x // 2
        return x ^ 0b1011_0100_0000_0000 if out else x
    left, right, last, bits = {"xorshift16": (7, 9, 8, 16), "xorshift32": (13, 17, 5, 32)}[kind]
    x = x ^ (x << left) % 2**bits
    x = x ^ (x >> right)
    return x ^ (x << last) % 2**bits


def rotate_left(word, turn, bits):
    """The word as a ring of bits, turned left."""
    text = format(word, f"0{bits}b")
    return int(text[turn % bits :] + text[: turn % bits], 2)


def draw_words(rng, states, units):
    """Step the bank `states` (in place) by one draw; return the word of every unit and how many generators stepped."""
    used = units if rng["sharing"] == "per_unit" else 1
    for i in range(used):
        for _ in range(rng["steps"]):
            states[i] = next_state(rng["kind"], states[i])
    bits = RNG_BITS[rng["kind"]]
    if rng["sharing"] == "per_unit":
        return list(states[:units]), used
    if rng["sharing"] == "rotated":
        return [rotate_left(states[0], unit, bits) for unit in range(units)], used
    return [states[0]] * units, used


def top_bits(rng, word, n):
    """The n most significant bits of a word."""
    return word // 2 ** (RNG_BITS[rng["kind"]] - n)


def clamp(value, bits):
    """Saturate to a signed width; None is wide enough for anything."""
    if bits is None:
        return value
    return max(-(2 ** (bits - 1)), min(2 ** (bits - 1) - 1, value))


def signs_from(rng, seed, column, n, width):
    """n fixed signs: a generator that starts from the seed and the column's number makes them, `width` from the top bits of each word."""
    bits, signs = RNG_BITS[rng["kind"]], []
    state = [(seed ^ column) | 2 ** (bits - 1)]
    while len(signs) < n:
        word = draw_words({**rng, "sharing": "per_unit"}, state, 1)[0][0]
        signs += [-1 if bit == "1" else 1 for bit in format(word, f"0{bits}b")[:width]]
    return signs[:n]


class Core:
    """One layer on its core: what it knows is its layer, its mailboxes and the chip's constants."""

    def __init__(self, chip, number):
        self.chip, self.rng, self.layer = chip, chip["rng"], chip["layers"][number]
        self.is_first, self.is_last = number == 0, number == len(chip["layers"]) - 1
        self.n_axons, self.n_neurons = len(self.layer["weight"]), len(self.layer["bias"])
        self.n_fed = self.n_axons  # axons that others feed
        self.counts = Counter()
        self.new_sample()

    def new_sample(self):
        """A sample starts with empty queues."""
        self.spikes_in, self.errors_in, self.own_errors = [], [], []  # axons; (neuron, sign); (neuron, sign)
        self.spikes_out, self.errors_out = [], []
        self.is_first_tick = True

    def count(self, phase, event, n=1):
        self.counts[phase, event] += n

    def add(self, phase, total, term, bits):
        """One addition in an accumulator of that width."""
        kept = clamp(total + term, bits)
        self.count(phase, Event.ACCUMULATE)
        self.count(phase, Event.ACC_SATURATED, kept != total + term)
        return kept

    def word_of(self, field):
        """Which word of its row (or, by column, of its column) a field is in; a field never straddles two words."""
        return field // (self.chip["word_bits"] // self.layer.get("field_bits", self.layer["weight_bits"]))

    def access_of(self, field):
        """Which access to the banks side by side brings a field of a row."""
        return self.word_of(field) // self.beside()

    def beside(self):
        """How many words are read at once."""
        return self.chip["beside"][self.layer.get("field_bits", self.layer["weight_bits"])]

    def count_column(self, rows):
        """The reads of one column's fields in these rows."""
        if self.chip["port"] == "transposable":
            self.count(Phase.ERROR, Event.COLUMN_READ, len({self.word_of(row) for row in rows}))
            return
        self.count(Phase.ERROR, Event.WORD_READ, len(rows))
        together = self.beside() if self.chip["port"] == "skewed" else 1  # successive rows have the word in different banks
        self.count(Phase.ERROR, Event.BANK_ACCESS, len({row // together for row in rows}))

    def groups(self, units):
        """Numbers of the groups of somas, evaluated side by side, in which these units are; an output core evaluates one at a time."""
        return {unit // (1 if self.is_last else self.chip.get("soma_lanes", 1)) for unit in units}

    def take_inputs(self):
        """Cycles in which intensities are loaded or encoded."""
        self.count(Phase.FORWARD, Event.INPUT_CYCLE, len({i // self.chip.get("input_lanes", 1) for i in range(self.n_fed)}))

    def encode(self, pixels):
        words, stepped = draw_words(self.rng, self.layer["axon_states"], self.n_axons)
        self.count(Phase.FORWARD, Event.RNG_DRAW, stepped)
        if self.chip.get("encoder") == "serial":
            self.take_inputs()
        self.spikes_in = [i for i in range(self.n_axons) if top_bits(self.rng, words[i], 8) < pixels[i]]
        self.likely = [i for i in range(self.n_axons) if pixels[i] >= 128]

    def integrate(self):
        self.potential = list(self.layer["bias"])
        if self.is_first and self.chip["first_integrate"] == "delta":
            self.integrate_deltas()
            return
        for i in self.spikes_in:
            self.count_row()
            for j in range(self.n_neurons):
                self.potential[j] = self.add(Phase.FORWARD, self.potential[j], self.layer["weight"][i][j], self.layer["acc_bits"])

    def count_row(self):
        """A row read by an axon that was taken."""
        self.count(Phase.FORWARD, Event.SPIKE_IN)
        self.count(Phase.FORWARD, Event.WORD_READ, self.word_of(self.n_neurons - 1) + 1)
        self.count(Phase.FORWARD, Event.BANK_ACCESS, self.access_of(self.n_neurons - 1) + 1)

    def integrate_deltas(self):
        """The same potentials from a base sum that is made once per sample, and rows that come and go."""
        weight, spiked, likely = self.layer["weight"], set(self.spikes_in), set(self.likely)
        rows = sorted(spiked - likely) + sorted(likely - spiked)
        if self.is_first_tick:
            rows += sorted(likely)
        self.is_first_tick = False
        for _ in rows:
            self.count_row()
            self.count(Phase.FORWARD, Event.ACCUMULATE, self.n_neurons)
        for j in range(self.n_neurons):
            base = sum(weight[i][j] for i in likely)
            self.potential[j] += base + sum(weight[i][j] for i in spiked - likely) - sum(weight[i][j] for i in likely - spiked)

    def send_errors_back(self):
        """Back-integrate the errors of the previous tick, then let the error somas fire."""
        if self.is_first or not self.own_errors or self.feedback() == "direct":
            return
        back = {+1: [0] * self.n_axons, -1: [0] * self.n_axons}
        for k, sign in self.own_errors:
            self.count_back(range(self.n_axons))
            column = self.column_back(k)
            for i in range(self.n_axons):
                self.add_back(back, i, sign * column[i])
        for sums in self.streams(back):
            self.error_somas(sums)

    def feedback(self):
        """What errors go back through."""
        return self.chip.get("feedback", "transposed")

    def sign_width(self):
        """Fixed signs of a word: of random feedback no more than the memory has weights in a word."""
        bits, fields = RNG_BITS[self.rng["kind"]], self.chip["word_bits"] // self.layer.get("field_bits", self.layer["weight_bits"])
        return min(bits, fields) if self.feedback() == "random" else bits

    def column_back(self, k):
        """The weights through which an error of neuron k goes back, by axon; those that are fixed count as one."""
        if self.feedback() == "transposed":
            return [row[k] for row in self.layer["weight"]]
        return signs_from(self.rng, self.layer["sign_seed"], k, self.n_axons, self.sign_width())

    def count_back(self, rows):
        """What it takes to have the weights of one error in these rows."""
        if self.feedback() == "transposed":
            self.count_column(rows)
            return
        words = len({row // self.sign_width() for row in rows})
        self.count(Phase.ERROR, Event.SIGN_CYCLE, words)
        self.count(Phase.ERROR, Event.RNG_DRAW, words)

    def add_back(self, back, axon, term):
        """One addition to an axon's error sum, or to the one of the term's sign."""
        sums = back[-1] if term < 0 and self.chip.get("streams") == "split" else back[+1]
        sums[axon] = self.add(Phase.ERROR, sums[axon], term, self.layer["back_bits"])

    def streams(self, back):
        """The error sums whose somas draw in this tick: those of plus before those of minus, none that are all zero if others are not."""
        return [sums for sums in back.values() if any(sums)] or [back[+1]]

    def error_somas(self, back):
        """A stream: every axon with a sum draws, and may send an error."""
        words, stepped = draw_words(self.rng, self.layer["axon_states"], self.n_axons)
        self.count(Phase.ERROR, Event.RNG_DRAW, stepped)
        for i in range(self.n_axons):
            if back[i] == 0:
                continue
            size = abs(back[i]) * 2 ** (self.chip["error_gain"] + self.shift())
            self.count(Phase.ERROR, Event.ERROR_UPDATE)
            self.count(Phase.ERROR, Event.ERROR_SATURATED, size > 2 ** self.layer["frac_bits"])
            if top_bits(self.rng, words[i], self.layer["frac_bits"]) < size:
                self.errors_out.append((i, 1 if back[i] > 0 else -1))
                self.count(Phase.ERROR, Event.ERROR_OUT)
                self.count(Phase.ERROR, Event.HOP)

    def shift(self):
        """log2 of the weights that errors go back through, if they are fixed."""
        return self.layer["shift"] if self.feedback() == "random" and not self.is_first else 0

    def fire(self):
        words, stepped = draw_words(self.rng, self.layer["neuron_states"], self.n_neurons)
        self.count(Phase.FORWARD, Event.RNG_DRAW, stepped)
        self.count(Phase.FORWARD, Event.NEURON_UPDATE, self.n_neurons)
        self.count(Phase.FORWARD, Event.SOMA_CYCLE, len(self.groups(range(self.n_neurons))))
        if self.is_last:
            self.winner = self.winner_of(words)
            self.spikes_out = [self.winner]
        else:
            self.gate_is_open = [0 < v < 2 ** self.layer["frac_bits"] for v in self.potential]
            thresholds = [top_bits(self.rng, word, self.layer["frac_bits"]) for word in words]
            self.spikes_out = [j for j in range(self.n_neurons) if thresholds[j] < self.potential[j]]
        self.count(Phase.FORWARD, Event.SPIKE_OUT, len(self.spikes_out))
        self.count(Phase.FORWARD, Event.HOP, len(self.groups(self.spikes_out)))  # the spikes of a group leave together

    def winner_of(self, words):
        """argmax of beta * potential (rounded down) + noise; the lowest neuron on a tie."""
        noise = [self.chip["gumbel"][word * len(self.chip["gumbel"]) // 2 ** RNG_BITS[self.rng["kind"]]] for word in words]
        scores = [self.chip["beta_16"] * v // 16 + g for v, g in zip(self.potential, noise, strict=True)]
        return scores.index(max(scores))

    def read_out(self, votes):
        if self.chip["readout"] == "spikes":
            votes[self.winner] += 1
            self.count(Phase.FORWARD, Event.READOUT)
        else:
            for k in range(self.n_neurons):
                votes[k] += self.potential[k]
                self.count(Phase.FORWARD, Event.READOUT)

    def receive_errors(self):
        passed = [(neuron, sign) for neuron, sign in self.errors_in if self.gate_is_open[neuron]]
        met = {neuron for neuron, sign in passed if (neuron, -sign) in passed}  # one of each stream: they cancel
        self.own_errors = sorted((neuron, sign) for neuron, sign in passed if neuron not in met)
        self.count(Phase.ERROR, Event.ERROR_IN, len(self.errors_in))
        self.count(Phase.ERROR, Event.ERROR_GATED, len(self.errors_in) - len(passed))
        self.count(Phase.ERROR, Event.ERROR_CANCELLED, len(passed) - len(self.own_errors))

    def hear(self, label, won, is_first_time, n_classes):
        """Direct feedback: the errors of this tick, by the class and by who won in the tick before (None: nobody yet)."""
        every = self.chip["told_one_in"]
        words, _ = draw_words({**self.rng, "sharing": "per_unit"}, self.layer["learn_state"], 1)
        turn = words[0] * every // 2 ** RNG_BITS[self.rng["kind"]]
        width = self.sign_width()
        code = [signs_from(self.rng, self.layer["sign_seed"], number, self.n_neurons, width) for number in range(n_classes)]
        self.count(Phase.ERROR, Event.RNG_DRAW, 1 + (len({j // width for j in range(self.n_neurons)}) if is_first_time else 0))
        mine = [j for j in range(self.n_neurons) if j % every == turn]
        if self.chip["told_by"] == "winner":
            mine = [j for j in mine if won is not None and code[won][j] != code[label][j]]
        self.errors_in = [self.told(j, code[label][j]) for j in mine]

    def told(self, neuron, sign):
        """An error as it lies in the mailbox."""
        return neuron, sign

    def tell_winner(self, n_cores):
        """Direct feedback: who has won goes to every hidden core."""
        if self.feedback() == "direct" and self.chip["told_by"] == "winner":
            self.count(Phase.ERROR, Event.HOP, n_cores - 1)

    def teach(self, teacher):
        self.own_errors = [(teacher, 1), (self.winner, -1)] if teacher != self.winner else []

    def learn(self):
        self.learn_at(self.own_errors, self.spikes_in)

    def learn_at(self, errors, rows):
        """The rule: errors as (neuron, sign), and the rows of weights that were added to these neurons in this tick."""
        learners = []
        for neuron, sign in errors:
            self.count(Phase.LEARN, Event.LEARN_DECISION)
            if self.draws_below(self.layer["p_learn"]):
                learners.append((neuron, sign))
        for i in rows:
            self.count_touched([neuron for neuron, _ in learners])
            for neuron, sign in learners:
                self.layer["weight"][i][neuron] = self.step(self.layer["weight"][i][neuron], sign, Event.WEIGHT_UPDATE)
        for neuron, sign in learners:
            self.layer["bias"][neuron] = self.step(self.layer["bias"][neuron], sign, Event.BIAS_UPDATE)

    def count_touched(self, neurons):
        """The words of one row that hold these neurons' fields, read and written."""
        words = len({self.word_of(neuron) for neuron in neurons})
        self.count(Phase.LEARN, Event.WORD_READ, words)
        self.count(Phase.LEARN, Event.WORD_WRITE, words)
        self.count(Phase.LEARN, Event.BANK_ACCESS, 2 * len({self.access_of(neuron) for neuron in neurons}))

    def draws_below(self, p):
        """Does the rule's generator draw less than p? What is certain takes no draw."""
        if p >= 2 ** RNG_BITS[self.rng["kind"]]:
            return True
        words, _ = draw_words({**self.rng, "sharing": "per_unit"}, self.layer["learn_state"], 1)
        self.count(Phase.LEARN, Event.RNG_DRAW)
        return words[0] < p

    def step(self, value, sign, event):
        """One step of one LSB; at the rail it is lost."""
        kept = clamp(value + sign, self.layer["weight_bits"])
        self.count(Phase.LEARN, event if kept == value + sign else Event.UPDATE_LOST)
        return kept

    def skip(self, ticks, is_encoding):
        """Let the generators that step in every tick run on for ticks that the sample does not have."""
        for _ in range(ticks):
            draw_words(self.rng, self.layer["neuron_states"], self.n_neurons)
            if self.is_first and is_encoding:
                draw_words(self.rng, self.layer["axon_states"], self.n_axons)

    def busy_cycles(self):
        """Cycles of all that was counted so far."""
        return sum(n * self.chip["cycles"][event] for (_, event), n in self.counts.items() if event not in OBSERVED)


def lead(votes):
    """How far the largest is ahead of all others; a single one is as far ahead as can be."""
    if len(votes) == 1:
        return 2**31 - 1
    *_, second, first = sorted(votes)
    return first - second


def is_settled(chip, votes, tick, read_from):
    """Does the sample end after this tick, in which the registers have become `votes`?"""
    margin, at_least, _ = chip.get("exit", (0, 0, False))
    return margin > 0 and tick >= read_from and tick + 1 >= at_least and lead(votes) >= margin


def run(chip, images, labels, ticks, learn_from, read_from, teaches, events=None):
    """Run samples; return {"votes": [sample][class], "counts": a Counter of (phase, event) per core, "share", "busy": cycles per core,
    "shown": ticks of each sample,
    With `events` [sample][tick] -> axons these arrive at the first core, whose encoder and its generators then rest.
    "trace": (tick, core or -1 for the encoder, unit, sign of an error it learns from or 0 for a spike), in the order of the hardware}.
    """
    cores = [Core(chip, number) for number in range(len(chip["layers"]))]
    share, busy, all_votes, trace, shown = [0] * len(cores), [0] * len(cores), [], [], []
    for sample, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        votes = [0] * cores[-1].n_neurons
        for core in cores:
            core.new_sample()
        if events is None:
            cores[0].count(Phase.FORWARD, Event.INPUT_LOAD, cores[0].n_axons)
            if chip.get("encoder") != "serial":
                cores[0].take_inputs()
        won = None  # in the tick before
        for tick in range(ticks):
            for number, core in enumerate(cores):  # packets of the previous tick are delivered
                core.spikes_in = cores[number - 1].spikes_out if number > 0 else []
                core.errors_in = cores[number + 1].errors_out if not core.is_last else []
            for core in cores:
                core.spikes_out, core.errors_out = [], []
            for core in cores:
                if core.is_first and events is not None:
                    core.spikes_in = list(events[sample][tick])
                elif core.is_first:
                    core.encode(pixels)
                core.integrate()
                core.send_errors_back()
                core.fire()
                if core.is_last and tick >= read_from:
                    core.read_out(votes)
                if not core.is_last:
                    if core.feedback() == "direct" and teaches and tick >= learn_from:
                        core.hear(label, won, tick == learn_from, cores[-1].n_neurons)
                    core.receive_errors()
                elif teaches and tick >= len(cores) - 1:  # not before the output core has input
                    core.teach(label)
                    core.tell_winner(len(cores))
            won = cores[-1].winner if tick >= len(cores) - 1 else None
            for core in cores:
                if teaches and tick >= learn_from:
                    core.learn()
                core.count(Phase.FORWARD, Event.BARRIER)
            this_tick = [core.busy_cycles() - before for core, before in zip(cores, busy, strict=True)]
            busy = [core.busy_cycles() for core in cores]
            share_tick(share, this_tick, chip["cycles_per_tick"])
            trace += [(tick, -1, i, 0) for i in cores[0].spikes_in]
            for number, core in enumerate(cores):
                trace += [(tick, number, j, 0) for j in core.spikes_out] + [(tick, number, j, sign) for j, sign in core.own_errors]
            if is_settled(chip, votes, tick, read_from):
                break
        shown.append(tick + 1)
        for core in cores if chip.get("exit", (0, 0, False))[2] else ():
            core.skip(ticks - shown[-1], events is None)
        all_votes.append(votes)
    return {"votes": all_votes, "counts": [core.counts for core in cores], "share": share, "busy": busy, "trace": trace, "shown": shown}


def share_tick(share, busy, overhead):
    """Between two moments at which a core falls idle, the cycles are split evenly among those still at work; the rest to the slowest."""
    slowest = busy.index(max(busy))
    moments = sorted({0, *busy})
    stretches = [(end - start, [c for c in range(len(busy)) if busy[c] >= end]) for start, end in pairwise(moments)]
    for cycles, working in [*stretches, (overhead, list(range(len(busy))))]:
        for c in working:
            share[c] += cycles // len(working)
        share[slowest] += cycles % len(working)
