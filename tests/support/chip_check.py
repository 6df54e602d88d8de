"""A network on the kernels and in the oracle, side by side: equal in every bit, count, cycle and packet."""

import math
import random
from collections import Counter
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from oracles import chip as chip_oracle
from oracles import core as oracle
from oracles import faults as faults_oracle

from neurochip.common import random as host_random
from neurochip.core import rules
from neurochip.core.engine import run_samples
from neurochip.core.events import Event
from neurochip.core.faults import Upset
from neurochip.core.noc.totals import NocTotal
from neurochip.core.rng import jump_table
from neurochip.core.vectors import P, Trace
from neurochip.experiment.setup import load_setup
from neurochip.simulator.build import set_rule
from neurochip.simulator.exits import Exit
from neurochip.simulator.memories import memory_of
from neurochip.simulator.simulator import Simulator
from support.chip_nets import Net
from support.chip_words import check_common, events_in

RULES = Path(__file__).parent / "rules"  # of the tests
STATES = ("axon_states", "neuron_states", "pool_states", "learn_state")


def unseeded(net: Net, parts: list[tuple]) -> dict:
    """An oracle's chip without memories and states."""
    channels, height, width = net.planes
    return {
        "rng": {"kind": net.kind, "sharing": net.sharing, "steps": net.steps}, "cycles": net.timed(), "cycles_per_tick": net.overhead,
        "word_bits": net.word_bits, "port": net.port,
        "first_integrate": net.first_integrate, "beside": net.beside(), "error_gain": net.error_gain, "beta_16": round(net.beta * 16),
        "readout": net.readout, "input_shape": (height, width, channels), "layers": net.as_lists(),
        "input_ticks": net.input_ticks or net.ticks, "exit": net.exit, **net.units_beside(), **net.error_path(),
        "parts": [
            {
                "layer": layer, "y": y, "x": x, "c": c, "acc_bits": net.acc_bits, "back_bits": net.back_bits, **net.rule_of(layer),
            }
            for layer, y, x, c in parts
        ],
        "on_spikes": SPIKE_RULES.get(net.rule),
    }  # fmt: skip


def step_by_trace(core: chip_oracle.Core, rows: list[int], traces: list[int], fired: list[int]) -> None:
    """The rule by_trace: a unit that fired draws; the weights to it step up where something arrived lately, else down."""
    p = int(core.layer["probability"] * 2 ** oracle.RNG_BITS[core.rng["kind"]] + 0.5)
    learners = [channel for channel in fired if core.draws_below(p)]
    for row, trace in zip(rows, traces, strict=True):
        core.count_touched(learners)
        for channel in learners:
            sign = 1 if trace > core.layer["threshold"] else -1
            core.layer["weight"][row][channel] = core.step(core.layer["weight"][row][channel], sign, Event.WEIGHT_UPDATE)


SPIKE_RULES = {"by_trace": step_by_trace}
"""Oracles of rules that learn from spikes: functions of (core, rows, their traces, channels that fired), in phase 6 of a location."""


def units_of(chip: dict, layer: int) -> int:
    """Units of a layer, or inputs."""
    return math.prod(chip_oracle.shape_of(chip, layer))


def seed(net: Net, chip: dict, stream: str) -> None:
    """Give every part its generator states, as docs/network.md says."""

    @cache
    def seeds(n: int, *names: str | int) -> list[int]:
        return host_random.generator_seeds(host_random.stream(net.seed, "generators", stream, *names), n, bits).tolist()

    bits, is_shared, cores = oracle.RNG_BITS[net.kind], net.sharing != "per_unit", chip_oracle.build(chip)
    for core, part in zip(cores, chip["parts"], strict=True):
        i = part["layer"]
        height, width, channels = chip["layers"][i]["shape"]
        units = height * width * channels
        sources = [source["layer"] for source in chip["layers"][i]["sources"] if source["layer"] != i]
        sizes = [units_of(chip, source) for source in sources]
        of_layer = seeds(sum(sizes) + units + 1, i)
        names = [sum(sizes[:s]) + chip_oracle.unit_number(chip, sources[s], *unit) for s, unit in core.axons[: core.n_fed]]
        part["neuron_states"] = [of_layer[sum(sizes) + (0 if is_shared else number)] for number in core.numbers]
        k = sum(other.layer["index"] == i for other in cores[: core.number])
        of_part = seeds(len(names) + 1, i, "part", k) if k > 0 else []
        if core.is_first:  # all that encode the input do it alike
            encoder = seeds(units_of(chip, -1) + units_of(chip, 0) + 1, 0)
            part["axon_states"] = [encoder[0 if is_shared else name] for name in names]
        else:
            part["axon_states"] = of_part[:-1] if k > 0 else [of_layer[name] for name in names]
        part["sign_seed"] = net.sign_seed(i, k)
        spread = net.layers[i].get("initial_gain", 1.0) * math.sqrt(2 / max(1, core.n_axons)) * 2 ** net.bits(i)[1]
        part["shift"] = min(max(0, round(math.log2(spread))), 15) if spread else 0  # of a dense layer, whose axons are its rows
        part["learn_state"] = of_part[-1:] if k > 0 else of_layer[-1:]
        of_pool = seeds(height * width, i, "pool") if core.pool > 1 else []
        part["pool_states"] = [of_pool[0 if is_shared else y * width + x] for y, x in core.locations if core.pool > 1]
        if is_shared:
            part |= {key: part[key][:1] for key in ("neuron_states", "axon_states", "pool_states")}


def chip_of(net: Net, parts: list[tuple]) -> dict:
    """An oracle's chip with drawn weights, and states as a chip has them that is to be tested."""
    dice, chip = random.Random(net.seed), unseeded(net, parts)
    chip["gumbel"] = [dice.randint(-40, 40) for _ in range(16)]
    memories = []
    for layer in chip["layers"]:
        if layer["kind"] == "pool":
            memories.append([[]])
            continue
        sources = [(source, chip_oracle.shape_of(chip, source["layer"])) for source in layer["sources"]]
        rows = sum(source["kernel"] ** 2 * shape[2] if layer["kind"] == "conv" else math.prod(shape) for source, shape in sources)
        size, channels = 2 ** (layer["weight_bits"] - 2), range(layer["shape"][2])
        memories.append([[dice.randint(-size, size) for _ in channels] for _ in range(rows)] + [[dice.randint(0, size) for _ in channels]])
    for part in chip["parts"]:
        *weight, bias = memories[part["layer"]]
        first, end = part["c"]
        part["weight"], part["bias"] = [row[first:end] for row in weight], bias[first:end]
    seed(net, chip, "train")
    return chip


def spikes_of_layers(chip: dict, trace: list) -> set:
    """(row of the tick, layer, unit in the layer) of every spike, whatever the cores; the samples follow each other."""
    cores, found, sample, last = chip_oracle.build(chip), set(), 0, 0
    for tick, core, unit, sign in trace:
        sample, last = sample + (tick < last), tick
        if sign == 0:
            found.add((sample, tick, -1, unit) if core < 0 else (sample, tick, cores[core].layer["index"], cores[core].numbers[unit]))
    return found


def build(net: Net, folder: Path) -> Simulator:
    """The simulator of a network, by the path a user's experiment takes."""
    path = folder / "case.toml"
    path.write_text(net.toml(), encoding="utf-8")
    rules.__path__.append(str(RULES))
    try:
        setup = load_setup(str(path))
        sim = Simulator(setup, net.planes, net.layers[-1]["neurons"])
    finally:
        rules.__path__.remove(str(RULES))
    chip = sim.state
    dice = np.random.default_rng(net.seed)
    for c, core in enumerate(sim.mapping.cores):
        bits = net.bits(core.layer)[0]
        if choice := net.extremes(bits):
            weight, bias = memory_of(chip, c)
            weight[:, : core.channels] = dice.choice(choice, (len(weight), core.channels))
            bias[: core.channels] = dice.choice(choice, core.channels)
    sim.break_if_due(net.epoch, net.epoch + 1)
    set_rule(chip, setup.experiment, net.epoch)
    return sim


def canonical_rows(chip: dict, core: chip_oracle.Core) -> list[int]:
    """Which row of the layer each row of a core's memory is: a dense part has them in the order of its axons."""
    layer = core.layer
    shapes = [chip_oracle.shape_of(chip, source["layer"]) for source in layer["sources"]]
    if layer["kind"] == "pool":
        return []
    if layer["kind"] == "conv":
        return list(range(sum(source["kernel"] ** 2 * shape[2] for source, shape in zip(layer["sources"], shapes, strict=True))))
    first = [sum(map(math.prod, shapes[:s])) for s in range(len(shapes))]
    return [first[s] + chip_oracle.unit_number(chip, layer["sources"][s]["layer"], *unit) for s, unit in core.axons]


def memory_of_core(chip, c: int, rows: list[int], channels: int) -> tuple[list, list]:
    """Weights in the order of the layer's rows, and biases; their padding is zero."""
    weight, bias = memory_of(chip, c)
    assert sorted(rows) == list(range(len(weight)))
    assert not weight[:, channels:].any() and not bias[channels:].any(), f"padding of core {c}"
    return [weight[at, :channels].tolist() for at in np.argsort(rows)], bias[:channels].tolist()


def states_of(net: Net, chip, c: int, n_fed: int, locations: int, channels: int, has_pool: bool) -> dict[str, list[int]]:
    """Generator states of a core; of a shared bank only the one that exists."""
    param, is_shared = chip.param[c], net.sharing != "per_unit"
    neurons = chip.rng_neuron[param[P.NEURON_AT] :][: locations * param[P.STRIDE]].reshape(locations, -1)[:, :channels].ravel()
    pool = chip.rng_pool[param[P.LOCATION_AT] :][: locations if has_pool else 0]
    banks = {"axon_states": chip.rng_axon[param[P.AXON_AT] :][:n_fed], "neuron_states": neurons, "pool_states": pool}
    return {key: bank[: 1 if is_shared else None].tolist() for key, bank in banks.items()} | {"learn_state": [int(chip.rng_learn[c])]}


def twin_of(net: Net, sim: Simulator) -> dict:
    """The oracle's dict: memories and noise table from the built chip, parts from its mapping, all else from the case."""
    parts = [(core.layer, *ends_of(core.part)) for core in sim.mapping.cores]
    twin = unseeded(net, parts)
    if net.mesh:
        twin["mesh"] = {"depth": net.mesh["fifo_depth"], "stalls": net.mesh["core_stalls"], **net.mesh}
        for part, core in zip(twin["parts"], sim.mapping.cores, strict=True):
            part["at"] = core.at
    twin["gumbel"] = sim.state.gumbel.tolist()
    for i, layer in enumerate(twin["layers"]):  # the parts of a layer are the layer
        height, width, channels = layer["shape"]
        units = [(y, x, c) for number, *ranges in parts if number == i for y, x, c in product(*(range(*ends) for ends in ranges))]
        assert sorted(units) == list(product(range(height), range(width), range(channels)))
    seed(net, twin, "train")
    return twin


def ends_of(part) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """(first, end) in y, x and channels."""
    return (part.y0, part.y1), (part.x0, part.x1), (part.c0, part.c1)


def break_part(twin: dict, c: int, sim: Simulator, rows: list[int], states: dict[str, list[int]]) -> None:
    """Give a part of the twin its core's faults, from the simulator's list."""
    part, place, broken = twin["parts"][c], sim.mapping.cores[c], sim.faults.cores[c]
    part |= {key: list(states[key]) for key in STATES}  # of units that share a generator
    cells = {(row, k): tuple(map(int, broken.cells[:, at, k])) for at, row in enumerate(rows) for k in range(place.channels)}
    words = [{unit: tuple(map(int, of[:, unit])) for unit in range(of.shape[1])} for of in (broken.neuron_words, broken.axon_words)]
    has_upsets = len(sim.state.upset) > 0 and place.layer in sim.faults.layers and place.rows > 0
    upset = dict(zip(Upset, sim.state.upset[c].tolist(), strict=True)) if has_upsets else {}
    odds = sim.state.upset_odds.tolist()
    part["faults"] = {
        "cells": cells, "neuron_words": words[0], "axon_words": words[1], "learn_word": broken.learn_word,
        "dead": set(np.flatnonzero(broken.dead).tolist()), "rows": rows, "state": {"word": upset.get(Upset.WORD)},
        "flips": (upset[Upset.FLIP_GAP], odds[0]) if any(odds[:1] and odds[0]) and has_upsets else None,
        "losses": (upset[Upset.LOSS_GAP], odds[1]) if any(odds[1:] and odds[1]) and has_upsets else None,
    }  # fmt: skip
    part["on_spikes"] = twin["on_spikes"]
    twin["core_of"] = faults_oracle.Core


def check(net: Net, folder: Path) -> tuple[Counter, dict]:
    """Kernel == oracle for everything there is; return the events of the whole chip, and what the oracle found."""
    sim = build(net, folder)
    chip, twin, pixels = sim.state, twin_of(net, sim), net.pixels()
    cores = chip_oracle.build(twin)
    rows = [canonical_rows(twin, core) for core in cores]
    sizes = [(core.n_fed, len(core.locations), len(core.channels), core.pool > 1) for core in cores]
    for c, part in enumerate(twin["parts"]):
        part["weight"], part["bias"] = memory_of_core(chip, c, rows[c], len(cores[c].channels))
        states = states_of(net, chip, c, *sizes[c])
        if net.faults:
            break_part(twin, c, sim, rows[c], states)
        assert states == {key: part[key] for key in STATES}, f"seeds of core {c}"
    labels = np.random.default_rng(net.seed).integers(0, net.layers[-1]["neurons"], len(pixels)).astype(np.int32)
    stimulus, events = net.samples_of(pixels)
    expected = chip_oracle.run(twin, pixels.tolist(), labels.tolist(), net.ticks, net.warmup, net.read_from, net.learns, events)
    chip = chip._replace(trace=np.full((len(expected["trace"]) + 1, len(Trace)), 9, np.int32))
    votes = np.zeros((len(labels), net.layers[-1]["neurons"]), np.int32)
    answers, tallies = np.full((len(labels), net.ticks), 9, np.int32), np.zeros((len(labels), cores[-1].n_axons), np.int32)
    spiked = np.zeros(sum(core.n_neurons + 1 for core in cores), np.int32)
    leads, shown = np.full((len(labels), net.ticks), 9, np.int32), np.full(len(labels), 9, np.int32)
    spent = sim.empty_spent()
    run = sim.run_vector(net.ticks, net.warmup, net.read_from, net.rule is not None, Exit(*net.exit))
    jump = jump_table(chip.rng_param, net.ticks)
    for part in (slice(1), slice(1, None)):  # in two calls of the kernel
        kept = {"leads": leads[part].ravel(), "shown": shown[part], "margins": sim.margins, "spent": spent}
        looked_at = chip._replace(answers=answers[part].ravel(), tally=tallies[part].ravel(), spiked=spiked, **kept)
        run_samples(looked_at, sim.traffic, run, sim.rule.hook, jump, *stimulus.take(part), labels[part], votes[part])

    assert answers.ravel().tolist() == expected["answers"]
    assert (leads.ravel().tolist(), shown.tolist()) == (expected["leads"], expected["shown"])
    assert spent.sum(axis=0).tolist() == [*chip.counts.ravel().tolist(), *chip.cycles.ravel().tolist()]
    assert tallies.tolist() == expected["tallies"]
    sent = Counter((c, unit) for _, c, unit, sign in expected["trace"] if sign == 0)
    for c, core in enumerate(cores):
        assert spiked[chip.param[c, P.UNIT_AT] :][: core.n_neurons].tolist() == [sent[c, unit] for unit in range(core.n_neurons)]
    assert votes.tolist() == expected["votes"]
    check_common(chip, expected)
    for c, part in enumerate(twin["parts"]):
        assert memory_of_core(chip, c, rows[c], len(cores[c].channels)) == (part["weight"], part["bias"]), f"memory of core {c}"
        assert states_of(net, chip, c, *sizes[c]) == {key: part[key] for key in STATES}, f"generators of core {c}"
    if net.mesh:
        sums = dict(zip(NocTotal, sim.traffic.totals.sums.tolist(), strict=True))
        lengths = [cycles for cycles, _ in expected["ticks"]]
        assert sums[NocTotal.PACKETS] == sum(map(len, expected["packets"]))
        assert sums[NocTotal.HOPS] == sum(n for counts in expected["counts"] for (_, event), n in counts.items() if event == Event.HOP)
        assert sums[NocTotal.NETWORK_CYCLES] == sum(cycles for _, cycles in expected["ticks"])
        assert (sums[NocTotal.TICKS], sums[NocTotal.CYCLES]) == (len(lengths), sum(lengths))
        assert sums[NocTotal.LONGEST_TICK] == max(lengths)
    return events_in(expected), expected
