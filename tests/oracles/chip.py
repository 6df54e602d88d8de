"""The oracle of whole networks: layers cut over several cores, shared kernels, pooling, skips, neurons with a memory, rules of two kinds.

Written from docs/network.md and docs/learning_systems.md and not from the kernels, in the manner of `core.py`, whose generators, widths
and words it borrows. Which units a core listens to, which rows lie under a position, where an error belongs: found by walking over
positions, taps and channels.

    chip = {"rng", "gumbel", "cycles", "cycles_per_tick", "word_bits", "port", "beside", "error_gain", "beta_16", "readout": as in core.py,
            "input_shape": (height, width, channels),
            "layers": [{"kind": "dense" | "conv" | "pool", "shape": (height, width, channels) after pooling, "pool": 1 ...,
                        "sources": [{"layer": its number or -1 (input), "kernel": 3, "stride": 1, "padding": 0}] (else: the number alone;
                                    last its own, if it is recurrent),
                        "weight_bits": 16, "frac_bits": 12, "neuron": {} or {"model": "lif" ...} as in an experiment,
                        "error_gain": None (the chip's)}],
            "parts": one per core, in order of layers: [{"layer": 0, "y": (first, end), "x": (first, end), "c": (first, end),
                      "weight": [row][channel of the part], rows in the order of the layer, "bias": [channel of the part],
                      "acc_bits", "back_bits", "p_learn": as in core.py, "axon_states": by axon, "neuron_states": by local unit,
                      "pool_states": by local location, "learn_state": [state]; of a shared bank only the first,
                      "learns": False in an epoch that is not among the layer's; "peak", "factor": of the traces}],
            "keeps": None, or a rule that keeps states, as in oracles/keeping.py,
            "on_spikes": None, or a rule that learns from spikes: a function of (core, rows, their traces, channels that fired),
            "input_ticks": of a sample, before its image goes dark (else: all), "exit": as in core.py,
            "core_of": the class of its cores, as oracles/faults.py has one (else: Core),
            "streams", "feedback", "told_by", "told_one_in": as in core.py; then every part has a "sign_seed" and a "shift",
            "mesh": None or {"width", "height", "depth", "stalls"} as in oracles/noc.py; then every part has "at": (x, y)}

A pool's part has no weight, no bias and no p_learn. `run` changes weights, biases and states of that dict in place and returns votes,
answers, tallies, counts, cycles, trace and packets.
"""

from collections import Counter
from fractions import Fraction
from math import floor

from neurochip.core.events import Event, Phase
from oracles import core as oracle
from oracles import keeping
from oracles import noc as noc_oracle
from oracles.core import RNG_BITS, clamp, draw_words, is_settled, lead, rotate_left, share_tick, top_bits

INPUT = -1
HOST, HOST_PLACE = -1, (0, 0)  # on a mesh: where events and the teacher come from and where winners go, at the router of that place


# ---- geometry: numbers of units and rows


def shape_of(chip, layer):
    """(height, width, channels) of a layer or of the input."""
    return chip["input_shape"] if layer == INPUT else chip["layers"][layer]["shape"]


def unit_number(chip, layer, y, x, c):
    """The number of a unit in its layer: location by location; of the input: plane by plane."""
    height, width, channels = shape_of(chip, layer)
    return (c * height + y) * width + x if layer == INPUT else (y * width + x) * channels + c


def all_units(chip, layer):
    """(y, x, c) of every unit, in the order of numbers."""
    height, width, channels = shape_of(chip, layer)
    found = [(y, x, c) for y in range(height) for x in range(width) for c in range(channels)]
    return sorted(found, key=lambda unit: unit_number(chip, layer, *unit))


def rows_under(chip, layer, y, x):
    """[(row, source, unit of the source)] of the position (y, x) in the grid before pooling, ascending by row.

    A pool has no rows: the channel stands in their place.
    """
    found, first_row = [], 0
    if layer["kind"] == "pool":
        size, channels = layer["pool"], layer["shape"][2]
        under = [(y * size + ky, x * size + kx) for ky in range(size) for kx in range(size)]
        return [(c, 0, (*place, c)) for c in range(channels) for place in under]
    for s, source in enumerate(layer["sources"]):
        height, width, channels = shape_of(chip, source["layer"])
        if layer["kind"] == "dense":
            for unit in all_units(chip, source["layer"]):
                found.append((first_row, s, unit))
                first_row += 1
            continue
        for ky in range(source["kernel"]):
            for kx in range(source["kernel"]):
                from_y = y * source["stride"] - source["padding"] + ky
                from_x = x * source["stride"] - source["padding"] + kx
                for c in range(channels):
                    if 0 <= from_y < height and 0 <= from_x < width:
                        found.append((first_row + (ky * source["kernel"] + kx) * channels + c, s, (from_y, from_x, c)))
        first_row += source["kernel"] * source["kernel"] * channels
    return found


class Core(oracle.Core):
    """One part of a layer on its core."""

    def __init__(self, chip, number):
        self.chip, self.rng, self.number, part = chip, chip["rng"], number, chip["parts"][number]
        self.layer = {**chip["layers"][part["layer"]], **part, "index": part["layer"]}  # the same lists: they change in place
        self.is_first = self.layer["sources"][0]["layer"] == INPUT
        self.is_recurrent = part["layer"] in [source["layer"] for source in self.layer["sources"]]
        self.is_last = part["layer"] == len(chip["layers"]) - 1
        self.is_pool = self.layer["kind"] == "pool"
        self.pool = 1 if self.is_pool else self.layer.get("pool", 1)  # candidates along a side
        self.locations = [(y, x) for y in range(*part["y"]) for x in range(*part["x"])]
        self.channels = list(range(*part["c"]))
        self.units = [(y, x, c) for y, x in self.locations for c in self.channels]  # local unit -> where it is in the layer
        self.n_neurons = len(self.units)
        self.numbers = [unit_number(chip, part["layer"], *unit) for unit in self.units]
        self.fields = {}  # (local location, candidate) -> [(row, source, unit)]
        for at, (y, x) in enumerate(self.locations):
            for k in range(self.pool * self.pool):
                self.fields[at, k] = rows_under(chip, self.layer, y * self.pool + k // self.pool, x * self.pool + k % self.pool)
                if self.is_pool:  # its channels are all it listens to
                    self.fields[at, k] = [(c, s, unit) for c, s, unit in self.fields[at, k] if c in self.channels]
        model = {"model": "stochastic", "reset": "zero", "refractory_ticks": 0, "state_bits": 16, **self.layer.get("neuron", {})}
        self.model, self.router = model, part.get("at")
        self.accumulates = model["model"] == "accumulate"
        self.has_current, self.guard = model["model"] == "cuba_lif", model.get("guard_bits", 0)
        threshold = Fraction(model.get("threshold", 1.0)) * 2 ** (self.layer["frac_bits"] + self.guard)
        self.threshold = floor(threshold * Fraction(model.get("fires_at", 1.0)) + Fraction(1, 2))  # from which it spikes
        self.taken = floor(threshold + Fraction(1, 2))
        self.keeps_traces = bool(chip.get("on_spikes")) and self.layer.get("learns", True) and not (self.is_pool or self.accumulates)
        self.keeps_states = bool(chip.get("keeps")) and self.layer.get("learns", True) and not (self.is_pool or self.accumulates)
        self.keeper = None
        self.counts = Counter()

    def connect(self, cores):
        """Find the axons: (source, unit of the source), and for each the core and local unit that it comes from (of the input: none)."""
        in_fields = {(s, unit) for rows in self.fields.values() for _, s, unit in rows}
        self.axons, self.comes_from = [], []
        if self.is_first:
            self.axons = [(0, unit) for unit in all_units(self.chip, INPUT) if (0, unit) in in_fields]
            self.comes_from = [None] * len(self.axons)
        for other in cores:
            for s, source in enumerate(self.layer["sources"]):
                wanted = {(y, x) for from_source, (y, x, _) in in_fields if from_source == s}
                for local, unit in enumerate(other.units):
                    is_wanted = (s, unit) in in_fields if self.is_pool else unit[:2] in wanted
                    if other.layer["index"] == source["layer"] and is_wanted:
                        self.axons.append((s, unit))
                        self.comes_from.append((other.number, local))
        self.n_axons = len(self.axons)
        axon_at = {axon: i for i, axon in enumerate(self.axons)}
        assert len(axon_at) == self.n_axons
        self.fields = {place: [(row, axon_at[s, unit]) for row, s, unit in rows] for place, rows in self.fields.items()}
        self.reached = [[] for _ in self.axons]  # axon -> [(local location, candidate, row)]
        for (at, k), rows in self.fields.items():
            for row, axon in rows:
                self.reached[axon].append((at, k, row))
        self.inputs = [unit_number(self.chip, INPUT, *unit) for s, unit in self.axons if s == 0] if self.is_first else []
        self.axon_of = {origin: i for i, origin in enumerate(self.comes_from) if origin is not None}
        assert len(self.axon_of) == len(self.comes_from) - len(self.inputs)  # no unit arrives on two axons
        self.n_fed = self.n_axons - self.n_neurons * self.is_recurrent  # axons that others feed; its own come last
        own = [origin is not None and origin[0] == self.number for origin in self.comes_from]
        assert own == [False] * self.n_fed + [True] * (self.n_axons - self.n_fed)
        self.keeper = keeping.Keeper(self) if self.keeps_states else None
        self.new_sample()

    def new_sample(self):
        """A sample starts with empty queues and neurons at rest."""
        super().new_sample()
        self.potential_of, self.rests = [0] * self.n_neurons, [0] * self.n_neurons  # v and q of neurons with a memory
        self.current_of = [0] * self.n_neurons  # c of those with a synaptic current
        self.own_places = []  # of own_errors: (local location, candidate)
        self.trace_of = [0] * self.n_axons
        if self.keeper:
            self.keeper.begin()
        self.packets = []  # (ready, this core, other core)

    def hops_to(self, place):
        """Links of the mesh from here to a place; without a mesh every packet takes one."""
        return 1 if self.router is None else abs(self.router[0] - place[0]) + abs(self.router[1] - place[1])

    def draw(self, phase, states, numbers):
        """The words of the units with these numbers; a bank that has one state turns its word by them."""
        words, stepped = draw_words(self.rng, states, len(numbers))
        if self.rng["sharing"] == "rotated":
            words = [rotate_left(states[0], number, RNG_BITS[self.rng["kind"]]) for number in numbers]
        self.count(phase, Event.RNG_DRAW, stepped)
        return words

    # -- the phases of a tick

    def encode(self, pixels, is_dark):
        """Its generators step in the dark, too."""
        words = self.draw(Phase.FORWARD, self.layer["axon_states"], self.inputs)
        if self.chip.get("encoder") == "serial":
            self.take_inputs()
        pixels = [0] * len(pixels) if is_dark else pixels
        spikes = [i for i in range(self.n_fed) if top_bits(self.rng, words[i], 8) < pixels[self.inputs[i]]]
        self.spikes_in = spikes + self.spikes_in  # its own of the tick before, if they come back to it

    def draw_candidates(self):
        self.candidate = [0] * len(self.locations)
        if self.pool > 1:
            width = self.layer["shape"][1]
            words = self.draw(Phase.FORWARD, self.layer["pool_states"], [y * width + x for y, x in self.locations])
            self.candidate = [word * self.pool * self.pool // 2 ** RNG_BITS[self.rng["kind"]] for word in words]

    def integrate(self):
        n = len(self.channels)
        self.potential = [0 if self.is_pool else self.layer["bias"][unit % n] for unit in range(self.n_neurons)]
        self.added = [[] for _ in self.locations]  # rows, in the order in which they were added at a location
        for i in self.spikes_in:
            self.count(Phase.FORWARD, Event.SPIKE_IN)
            if self.layer["kind"] != "dense":
                self.count(Phase.FORWARD, Event.ADDRESS, len({at for at, _, _ in self.reached[i]}))
            for at, k, row in self.reached[i]:
                if self.is_pool:
                    unit = at * n + row - self.channels[0]
                    self.potential[unit] = self.add(Phase.FORWARD, self.potential[unit], self.share_of_a_spike(), self.layer["acc_bits"])
                    continue
                if k != self.candidate[at]:
                    continue
                self.added[at].append(row)
                self.count(Phase.FORWARD, Event.WORD_READ, self.word_of(n - 1) + 1)
                self.count(Phase.FORWARD, Event.BANK_ACCESS, self.access_of(n - 1) + 1)
                for j in range(n):
                    unit = at * n + j
                    self.potential[unit] = self.add(
                        Phase.FORWARD, self.potential[unit], self.layer["weight"][row][j], self.layer["acc_bits"]
                    )

    def share_of_a_spike(self):
        """The constant weight of a pool: 1 / size**2 in LSB, half up."""
        return floor(Fraction(2 ** self.layer["frac_bits"], self.layer["pool"] ** 2) + Fraction(1, 2))

    def back_integrate(self):
        """The errors of the previous tick, back through the rows of the places where they were received."""
        self.back = None
        if self.is_first or self.is_recurrent or not self.own_errors or self.feedback() == "direct":
            return
        self.back = {+1: [0] * self.n_axons, -1: [0] * self.n_axons}
        for (unit, sign), place in zip(self.own_errors, self.own_places, strict=True):
            channel = unit % len(self.channels)
            rows = [row for row, _ in self.fields[place]]
            assert rows == sorted(set(rows))
            self.count_back(rows)
            column = self.column_back(channel)
            for row, axon in self.fields[place]:
                self.add_back(self.back, axon, sign * column[row if self.feedback() == "transposed" else axon])

    def error_fire(self, started, cores):
        """Every axon with a non-zero sum draws, and may send an error to the unit it comes from; stream by stream."""
        for sums in self.streams(self.back) if self.back else ():
            self.fire_stream(sums, started, cores)

    def fire_stream(self, back, started, cores):
        ready = self.busy_cycles() - started
        words = self.draw(Phase.ERROR, self.layer["axon_states"], list(range(self.n_axons)))
        one, gain = 2 ** self.layer["frac_bits"], self.layer.get("error_gain")
        for i in range(self.n_axons):
            if back[i] == 0:
                continue
            size = abs(back[i]) * 2 ** ((self.chip["error_gain"] if gain is None else gain) + self.shift())
            self.count(Phase.ERROR, Event.ERROR_UPDATE)
            self.count(Phase.ERROR, Event.ERROR_SATURATED, size > one)
            ready += self.chip["cycles"][Event.ERROR_UPDATE]
            if top_bits(self.rng, words[i], self.layer["frac_bits"]) < size:
                core, unit = self.comes_from[i]
                self.errors_out.append((core, unit, 1 if back[i] > 0 else -1))
                self.packets.append((ready, self.number, core))
                self.count(Phase.ERROR, Event.ERROR_OUT)
                self.count(Phase.ERROR, Event.HOP, self.hops_to(cores[core].router))

    def fire(self, started, cores, is_last_tick):
        """is_last_tick: of these read-out registers, is this the sample's last tick?"""
        ready = self.busy_cycles() - started
        each = self.chip["cycles"][Event.NEURON_UPDATE] + self.chip["cycles"][Event.SOMA_CYCLE]
        self.count(Phase.FORWARD, Event.NEURON_UPDATE, self.n_neurons)
        self.count(Phase.FORWARD, Event.SOMA_CYCLE, len(self.groups(range(self.n_neurons))))
        if self.accumulates:
            self.spikes_out = self.add_up(is_last_tick)
        elif self.is_last:
            words = self.draw(Phase.FORWARD, self.layer["neuron_states"], self.numbers)
            self.winner = self.winner_of(words)
            self.spikes_out = [self.winner]
        elif self.model["model"] == "stochastic":
            words = self.draw(Phase.FORWARD, self.layer["neuron_states"], self.numbers)
            self.gate_is_open = [0 < v < 2 ** self.layer["frac_bits"] for v in self.potential]
            thresholds = [top_bits(self.rng, word, self.layer["frac_bits"]) for word in words]
            self.spikes_out = self.heard([j for j in range(self.n_neurons) if thresholds[j] < self.potential[j]])
        else:
            self.spikes_out = self.heard(self.fire_with_memory())
        self.count(Phase.FORWARD, Event.SPIKE_OUT, len(self.spikes_out))
        for j in self.spikes_out:
            if self.is_last:
                self.packets.append((ready + self.n_neurons * each, self.number, HOST))
                self.count(Phase.FORWARD, Event.HOP, self.hops_to(HOST_PLACE))
            for core in cores:
                if core is not self and (self.number, j) in core.axon_of:
                    self.packets.append((ready + len(self.groups(range(j + 1))) * each, self.number, core.number))
        for core in cores:
            to_others = [j for j in self.spikes_out if core is not self and (self.number, j) in core.axon_of]
            packets = self.groups(to_others)  # the spikes of a group leave together
            self.count(Phase.FORWARD, Event.HOP, len(packets) * self.hops_to(core.router))

    def heard(self, spikes):
        """Spikes of hidden neurons that leave them: all of a sound core."""
        return spikes

    def charge(self, j):
        """Leak and add: the memory of neuron j takes up the sum of this tick."""
        self.potential_of[j] = self.take_up(self.potential_of[j], "leak", self.drive[j], self.model["state_bits"])

    def take_up(self, kept, leak, term, bits):
        """What is kept, after a leak of that name, and a term more."""
        if self.model.get(f"{leak}_shift") is not None:
            kept = kept - kept // 2 ** self.model[f"{leak}_shift"]
        elif self.model.get(f"{leak}_factor") is not None:
            kept = kept * self.model[f"{leak}_factor"] // 256
        self.count(Phase.FORWARD, Event.ACC_SATURATED, clamp(kept + term, bits) != kept + term)
        return clamp(kept + term, bits)

    def add_up(self, is_last_tick):
        """One tick of an output that never fires. At the end of a sample it tells the largest potential, the lowest class on a tie."""
        self.drive = self.potential
        for j in range(self.n_neurons):
            self.charge(j)
        self.tells = is_last_tick(self.potential_of)
        self.count(Phase.FORWARD, Event.STATE_READ, self.n_neurons)
        self.count(Phase.FORWARD, Event.STATE_WRITE, self.n_neurons)
        return [largest(self.potential_of)] if self.tells else []

    def fire_with_memory(self):
        """One tick of neurons with a memory; return those that spike."""
        self.drive = self.potential
        if self.has_current:  # a word of its own; those of neurons at rest go on
            for j, arrived in enumerate(self.potential):
                self.current_of[j] = self.take_up(
                    self.current_of[j], "current_leak", arrived * 2**self.guard, self.model.get("current_bits", 16)
                )
            self.drive = self.current_of
            self.count(Phase.FORWARD, Event.STATE_READ, self.n_neurons)
            self.count(Phase.FORWARD, Event.STATE_WRITE, self.n_neurons)
        self.count(Phase.FORWARD, Event.STATE_READ, self.n_neurons)
        self.count(Phase.FORWARD, Event.STATE_WRITE, self.n_neurons)
        self.gate_is_open, ripe, n = [False] * self.n_neurons, [], len(self.channels)
        for j in range(self.n_neurons):
            if self.rests[j] > 0:
                self.rests[j] -= 1
                continue
            self.charge(j)
            self.gate_is_open[j] = 0 < self.drive[j] < self.threshold
            if self.potential_of[j] >= self.threshold:
                ripe.append(j)
        if self.model.get("inhibit"):
            rivals = [[j for j in ripe if j // n == at] for at in range(len(self.locations))]
            ripe = [max(group, key=lambda j: (self.potential_of[j], -j)) for group in rivals if group]
        for j in ripe:
            self.rests[j] = self.model["refractory_ticks"]
            self.potential_of[j] = self.potential_of[j] - self.taken if self.model["reset"] == "subtract" else 0
            for other in range(j // n * n, j // n * n + n) if self.model.get("inhibit") else ():
                self.potential_of[other] = 0
        return ripe

    def skip(self, ticks, is_encoding):
        for _ in range(ticks):
            if self.model["model"] == "stochastic":
                draw_words(self.rng, self.layer["neuron_states"], self.n_neurons)
            if self.pool > 1:
                draw_words(self.rng, self.layer["pool_states"], len(self.locations))
            if self.is_first and is_encoding:
                draw_words(self.rng, self.layer["axon_states"], self.n_fed)

    def read_out(self, votes, tick, read_from):
        """Read-out registers after this tick, and the class that leads."""
        if self.accumulates:
            votes[:] = self.potential_of
            self.count(Phase.FORWARD, Event.READOUT, self.n_neurons if self.tells else 0)
        elif tick >= read_from:
            super().read_out(votes)
        return largest(votes) if tick >= read_from else -1

    def receive_errors(self):
        hears_all = self.chip.get("keeps") and not self.chip["keeps"]["rule"].is_gated
        passed = [(unit, sign) for unit, sign in self.errors_in if hears_all or self.gate_is_open[unit]]
        self.own_errors = []
        for unit in range(self.n_neurons):
            total = sum(sign for other, sign in passed if other == unit)
            self.own_errors += [(unit, 1 if total > 0 else -1)] * abs(total)
        self.count(Phase.ERROR, Event.ERROR_IN, len(self.errors_in))
        self.count(Phase.ERROR, Event.ERROR_GATED, len(self.errors_in) - len(passed))
        self.count(Phase.ERROR, Event.ERROR_CANCELLED, len(passed) - len(self.own_errors))

    def remember_places(self):
        locations = [unit // len(self.channels) for unit, _ in self.own_errors]
        self.own_places = [(at, self.candidate[at]) for at in locations]

    def learn(self):
        for at in range(len(self.locations)):
            errors = [(unit % len(self.channels), sign) for unit, sign in self.own_errors if unit // len(self.channels) == at]
            if errors:
                self.learn_at(errors, self.added[at])

    def update_traces(self):
        """What arrived and when: every axon's trace fades, and is at its peak if a spike arrived."""
        self.count(Phase.LEARN, Event.STATE_READ, self.n_axons)
        self.count(Phase.LEARN, Event.STATE_WRITE, self.n_axons)
        for i in range(self.n_axons):
            self.trace_of[i] = self.layer["peak"] if i in self.spikes_in else self.trace_of[i] * self.layer["factor"] // 256

    def learn_from_spikes(self):
        """The rule is asked at every location at which a unit fired, about all rows under its taps."""
        self.count(Phase.LEARN, Event.LEARN_DECISION, len(self.spikes_out))
        for at in range(len(self.locations)):
            fired = [unit % len(self.channels) for unit in self.spikes_out if unit // len(self.channels) == at]
            under = self.fields[at, self.candidate[at]]
            if self.layer["kind"] == "dense":  # its rows stand in the order of its axons
                under = sorted(under, key=lambda entry: entry[1])
            if fired:
                self.chip["on_spikes"](self, [row for row, _ in under], [self.trace_of[axon] for _, axon in under], fired)


def largest(values):
    """Where the largest is, the first on a tie."""
    return values.index(max(values))


def build(chip):
    """All cores of a chip, connected."""
    cores = [chip.get("core_of", Core)(chip, number) for number in range(len(chip["parts"]))]
    for core in cores:
        core.connect(cores)
    return cores


def deliver(cores):
    """Packets of the previous tick, from every core to the queues of the cores they are for."""
    for core in cores:
        spikes = {(other.number, unit) for other in cores for unit in other.spikes_out}
        core.spikes_in = [i for i, origin in enumerate(core.comes_from) if origin in spikes]
        core.errors_in = [(unit, sign) for other in cores for to, unit, sign in other.errors_out if to == core.number]
    for core in cores:
        core.spikes_out, core.errors_out, core.packets = [], [], []


def take(core, events):
    """Phase 0 of a first core without encoder: those of the inputs that arrive in this tick for which it has an axon.

    On a mesh the host has sent them, one per cycle.
    """
    spikes = [i for i, number in enumerate(core.inputs) if number in events]
    if core.router is not None:
        core.packets += [(k, HOST, core.number) for k in range(len(spikes))]
        core.count(Phase.FORWARD, Event.HOP, len(spikes) * core.hops_to(HOST_PLACE))
    core.spikes_in = spikes + core.spikes_in


def send_teacher(core):
    """On a mesh, in the first tick of a sample: the label comes from the host."""
    if core.router is not None:
        core.packets.append((0, HOST, core.number))
        core.count(Phase.ERROR, Event.HOP, core.hops_to(HOST_PLACE))


def travel(chip, cores, packets, busy):
    """Carry a tick's packets over the mesh; return the cycles of the tick without its barrier, and of the network alone."""
    mesh = chip["mesh"]
    router_of = {core.number: core.router[1] * mesh["width"] + core.router[0] for core in cores} | {HOST: 0}
    traffic = [(ready, router_of[source], router_of[to]) for ready, source, to in packets]
    done = noc_oracle.run(mesh["width"], mesh["height"], mesh["depth"], mesh["stalls"], traffic)
    ends = [cycles + (done["waits"][core.router] if mesh["stalls"] else 0) for core, cycles in zip(cores, busy, strict=True)]
    return max(*ends, done["cycles"]), done["cycles"]


def spiking_inputs(cores):
    """Numbers of the inputs that spiked, ascending; all cores that listen to one agree on it."""
    firsts = [core for core in cores if core.is_first]
    of_core = [{core.inputs[i] for i in core.spikes_in if i < core.n_fed} for core in firsts]
    spiked = set().union(*of_core)
    for core, own in zip(firsts, of_core, strict=True):
        agrees = own == spiked & set(core.inputs)
        assert agrees or core.chip.get("core_of"), "two encoders disagree"  # as broken ones do
    return sorted(spiked)


def run(chip, images, labels, ticks, learn_from, read_from, teaches, events=None):
    """Run samples; return votes, counts, share, busy and trace as `oracles.core.run` does, and
    "answers": after every tick of every sample the class that leads (-1 before the first read-out tick), after an early end the last one;
    "leads": likewise by how much (-1 before the first read-out tick and after an early end);
    "tallies": [sample][axon of the output core], spikes from the first read-out tick on;
    "packets": per tick [(ready cycle, source core, destination core)] in each core's order of sending (-1: the host);
    "ticks": [cycles of the tick, of its network (0 without a mesh)].
    In the trace core -1 is the input, encoded or arriving, by its numbers, each once.

    `events` [sample][tick] -> numbers of inputs.
    """
    cores = build(chip)
    share, busy, all_votes, trace, packets, lengths = [0] * len(cores), [0] * len(cores), [], [], [], []
    answers, tallies, leads, shown = [], [], [], []
    for sample, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        votes, tally = [0] * cores[-1].n_neurons, [0] * cores[-1].n_axons
        for core in cores:
            core.new_sample()
            if core.is_first and events is None:
                core.count(Phase.FORWARD, Event.INPUT_LOAD, core.n_fed)
                if chip.get("encoder") != "serial":
                    core.take_inputs()
        won = None  # in the tick before
        for tick in range(ticks):
            deliver(cores)
            for core in cores:
                if core.is_first and events is not None:
                    take(core, events[sample][tick])
                elif core.is_first:
                    core.encode(pixels, tick >= chip.get("input_ticks", ticks))
                core.draw_candidates()
                core.integrate()
                core.back_integrate()
                core.error_fire(busy[core.number], cores)
                core.fire(busy[core.number], cores, lambda votes, tick=tick: tick == ticks - 1 or is_settled(chip, votes, tick, read_from))
                if core.is_last and teaches and tick == 0:
                    send_teacher(core)
                if core.is_last:
                    answers.append(core.read_out(votes, tick, read_from))
                    leads.append(lead(votes) if tick >= read_from else -1)
                    for i in core.spikes_in if tick >= read_from else ():
                        tally[i] += 1
                if not core.is_last:
                    if core.feedback() == "direct" and teaches and tick >= learn_from:
                        core.hear(label, won, tick == learn_from, cores[-1].n_neurons)
                    core.receive_errors()
                elif teaches and tick >= len(chip["layers"]) - 1:  # not before the output core has input
                    core.teach(label)
                    core.tell_winner(len(cores))
                core.remember_places()
                if core.keeper:
                    core.keeper.update(label if core.is_last and tick >= len(chip["layers"]) - 1 else None)
                    if tick >= learn_from:
                        core.keeper.learn(tick)
                elif core.keeps_traces:
                    core.update_traces()
                    if tick >= learn_from:
                        core.learn_from_spikes()
                elif teaches and tick >= learn_from and not chip.get("keeps") and core.layer.get("learns", True):
                    core.learn()
                core.count(Phase.FORWARD, Event.BARRIER)
            if chip.get("keeps") and tick == chip["keeps"]["judged"]:
                for core in cores:
                    if core.keeper:
                        core.keeper.judgement = 1 if largest(votes) == label else -1
            won = cores[-1].winner if not cores[-1].accumulates and tick >= len(chip["layers"]) - 1 else None
            this_tick = [core.busy_cycles() - before for core, before in zip(cores, busy, strict=True)]
            busy = [core.busy_cycles() for core in cores]
            packets.append([packet for core in cores for packet in core.packets])
            work, network = travel(chip, cores, packets[-1], this_tick) if chip.get("mesh") else (max(this_tick), 0)
            idle = work - max(this_tick) + chip["cycles_per_tick"]
            lengths.append((work + chip["cycles_per_tick"], network))
            share_tick(share, this_tick, idle)
            trace += [(tick, INPUT, number, 0) for number in spiking_inputs(cores)]
            for core in cores:
                trace += [(tick, core.number, j, 0) for j in core.spikes_out]
                trace += [(tick, core.number, j, sign) for j, sign in core.own_errors]
            if is_settled(chip, votes, tick, read_from):
                break
        shown.append(tick + 1)
        answers += [answers[-1]] * (ticks - shown[-1])
        leads += [-1] * (ticks - shown[-1])
        for core in cores if chip.get("exit", (0, 0, False))[2] else ():
            core.skip(ticks - shown[-1], events is None)
        all_votes.append(votes)
        tallies.append(tally)
    return {
        "votes": all_votes, "answers": answers, "tallies": tallies, "counts": [core.counts for core in cores], "share": share,
        "busy": busy, "trace": trace, "packets": packets, "ticks": lengths, "leads": leads, "shown": shown,
        "kept": [core.keeper for core in cores],
    }  # fmt: skip
