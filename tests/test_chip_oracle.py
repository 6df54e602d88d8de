"""Layers on several cores, shared kernels, drawn pooling, skips and neurons with a memory: the oracle of docs/network.md."""

import copy
import json
import math
import os
import random
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise, product
from pathlib import Path

import chip_oracle
import numpy as np
import oracle
import pytest
from test_exactness import in_a_new_process

from neurochip import host_random, simulator
from neurochip.build import memory_of, set_rule
from neurochip.core.engine import run_samples
from neurochip.core.events import N_EVENTS, N_PHASES, OBSERVED, Event, Phase
from neurochip.core.noc_totals import NocTotal
from neurochip.core.rng import jump_table
from neurochip.core.state import P, Trace
from neurochip.errors import NeurochipError
from neurochip.experiment import load_setup
from neurochip.simulator import Simulator
from neurochip.stimulus import Stimulus, of_images

TIMED = [event for event in Event if event not in OBSERVED]
STATES = ("axon_states", "neuron_states", "pool_states", "learn_state")
DECAY = 0.5
SHARINGS = ("per_unit", "rotated", "broadcast")


# ---- the oracle against the one of a chain of dense cores


def random_chain(dice: random.Random) -> dict:
    """A chain of dense cores as `oracle.run` wants it."""
    depth = dice.choice((1, 2, 2, 3))
    sizes = [dice.randint(1, 12) for _ in range(depth + 1)]
    kind, sharing = dice.choice(tuple(oracle.RNG_BITS)), dice.choice(SHARINGS)
    top = 2 ** oracle.RNG_BITS[kind]
    layers = []
    for n_axons, n_neurons in pairwise(sizes):
        bits = dice.randint(2, 12)
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        layers.append({
            "weight": [[dice.randint(low, high) for _ in range(n_neurons)] for _ in range(n_axons)],
            "bias": [dice.randint(low, high) for _ in range(n_neurons)], "weight_bits": bits, "frac_bits": dice.randint(0, bits + 1),
            "acc_bits": dice.choice((None, bits, bits + 1)), "back_bits": dice.choice((None, bits)),
            "p_learn": dice.choice((0, top // 3, top)),
            "axon_states": [dice.randrange(1, top) for _ in range(n_axons)],
            "neuron_states": [dice.randrange(1, top) for _ in range(n_neurons)], "learn_state": [dice.randrange(1, top)],
        })  # fmt: skip
    return {
        "rng": {"kind": kind, "sharing": sharing, "steps": dice.choice((1, 3))}, "gumbel": [dice.randint(-40, 40) for _ in range(16)],
        "cycles": {event: dice.choice((0, 1, 3)) for event in TIMED}, "cycles_per_tick": dice.randint(0, 7),
        "word_bits": dice.choice((16, 17, 32, 64)), "transposable": dice.random() < 0.5, "error_gain": dice.randint(0, 2),
        "beta_16": dice.choice((1, 16, 40)), "readout": dice.choice(("potential", "spikes")), "layers": layers,
    }  # fmt: skip


def in_parts(chain: dict) -> dict:
    """The same chip in the words of `chip_oracle`; its lists are copies."""
    chip = copy.deepcopy(chain)
    layers, parts = chip.pop("layers"), []
    for number, layer in enumerate(layers):
        n_neurons = len(layer["bias"])
        parts.append({"layer": number, "y": (0, 1), "x": (0, 1), "c": (0, n_neurons), **layer})
        layers[number] = {
            "kind": "dense", "shape": (1, 1, n_neurons), "sources": [{"layer": number - 1}],
            "weight_bits": layer["weight_bits"], "frac_bits": layer["frac_bits"],
        }  # fmt: skip
    return {**chip, "input_shape": (1, 1, len(parts[0]["weight"])), "layers": layers, "parts": parts}


def test_a_chain_of_dense_cores_is_what_it_was():
    for seed in range(60):
        dice = random.Random(seed)
        chain = random_chain(dice)
        chip = in_parts(chain)
        n_inputs, n_classes, ticks = len(chain["layers"][0]["weight"]), len(chain["layers"][-1]["bias"]), dice.randint(4, 9)
        images = [[dice.choice((0, 80, 200, 255)) for _ in range(n_inputs)] for _ in range(2)]
        labels = [dice.randrange(n_classes) for _ in images]
        events = [[sorted(dice.sample(range(n_inputs), n_inputs // 2)) for _ in range(ticks)] for _ in images]
        rest = (images, labels, ticks, dice.randint(0, 3), dice.randint(0, 3), dice.random() < 0.9, dice.choice((None, events)))
        expected, got = oracle.run(chain, *rest), chip_oracle.run(chip, *rest)
        for layer, part in zip(chain["layers"], chip["parts"], strict=True):
            assert {key: part[key] for key in layer} == layer, f"seed {seed}"
        for key, value in expected.items():
            assert got[key] == value, f"seed {seed}: {key}"


# ---- small networks


@dataclass
class Net:
    """One network, its chip and its samples, in the words of an experiment file."""

    planes: tuple[int, int, int] = (1, 5, 5)  # of the input: channels, height, width
    layers: tuple[dict, ...] = (
        {"kind": "conv", "filters": 3, "kernel": 3},
        {"kind": "dense", "neurons": 4},
    )  # keys of [[network.layers]]
    mapping: dict[str, dict] = field(default_factory=dict)
    kind: str = "xorshift16"
    sharing: str = "per_unit"
    steps: int = 1
    word_bits: int = 64
    transposable: bool = True
    acc_bits: int | None = None
    back_bits: int | None = None
    gumbel_address_bits: int = 8
    error_gain: int = 0
    beta: float = 1.0
    readout: str = "potential"
    learns: bool = True
    learn_rate: float = 1.0  # at 1.0 every update is certain
    epoch: int = 0
    ticks: int = 10
    warmup: int = 2
    read_from: int = 2
    cycles: dict = field(default_factory=lambda: {event: 1 + 2 * event for event in TIMED})
    overhead: int = 6
    seed: int = 1
    images: tuple[str, ...] = ("random", "sparse")
    corners: str = "none"  # overwrite the initial weights: all at the low rail, all at the high one, or a mix
    has_events: bool = False
    mesh: dict | None = None  # width, height, fifo_depth, core_stalls

    def name(self, i: int) -> str:
        return "output" if i == len(self.layers) - 1 else f"layer{i}"

    def bits(self, i: int) -> tuple[int, int]:
        return self.layers[i].get("weight_bits", 8), self.layers[i].get("frac_bits", 6)

    def toml(self) -> str:
        """The experiment file."""
        layers = [{"name": self.name(i), **layer} for i, layer in enumerate(self.layers)]
        narrow = "".join(f"{key} = {bits}\n" for key, bits in (("acc_bits", self.acc_bits), ("back_bits", self.back_bits)) if bits)
        rates = f"learn_rate = {self.learn_rate!r}\nlearn_rate_decay = {DECAY}" if self.learns else ""
        cycles = "\n".join(f"{event.name.lower()} = {n}" for event, n in self.cycles.items())
        return f"""
name = "case"
seed = {self.seed}
network.layers = {in_toml(layers)}
mapping = {in_toml(self.mapping)}
[data]
name = "mnist"
[rule]
name = "{"spike_backprop" if self.learns else "frozen"}"
error_gain = {self.error_gain}
beta = {self.beta}
{rates}
[run]
epochs = 1
ticks = {self.ticks}
warmup_ticks = {self.warmup}
read_from_tick = {self.read_from}
readout = "{self.readout}"
[energy]
table = "loihi_sanafe"
[chip]
preset = "reference"
n_cores = {self.mesh["width"] * self.mesh["height"] if self.mesh else 64}
{"mesh = " + in_toml(self.mesh) if self.mesh else ""}
[chip.core]
word_bits = {self.word_bits}
weight_bits = 8
frac_bits = 6
transposable = {in_toml(self.transposable)}
gumbel_address_bits = {self.gumbel_address_bits}
{narrow}
[chip.rng]
kind = "{self.kind}"
sharing = "{self.sharing}"
steps_per_draw = {self.steps}
[chip.cycles_per_tick]
network = {0 if self.mesh else self.overhead // 2}
barrier = {self.overhead - (0 if self.mesh else self.overhead // 2)}
[chip.cycles_per_event]
{cycles}
"""

    def pixels(self) -> np.ndarray:
        dice, n = np.random.default_rng(self.seed), math.prod(self.planes)
        kinds = {
            "black": lambda: np.zeros(n),
            "white": lambda: np.full(n, 255),
            "random": lambda: dice.integers(0, 256, n),
            "sparse": lambda: dice.integers(0, 256, n) * (dice.random(n) < 0.2),
        }
        return np.array([kinds[image]() for image in self.images], dtype=np.uint8).reshape(-1, n)

    def p_learn(self, i: int) -> int:
        rate = self.layers[i].get("rule", {}).get("learn_rate", self.learn_rate)
        p = min(rate * DECAY**self.epoch * 2 ** self.bits(i)[1], 1.0) if self.learns else 0
        return int(p * 2 ** oracle.RNG_BITS[self.kind] + 0.5)

    def as_lists(self) -> list[dict]:
        """The layers as the oracle wants them."""
        channels, height, width = self.planes
        shapes, result = {-1: (height, width, channels)}, []
        for i, layer in enumerate(self.layers):
            numbers = [i - 1, *([self.name(j) for j in range(i)].index(skip) for skip in layer.get("skip", []))]
            description = {"kind": layer["kind"], "pool": layer.get("pool", 1), "neuron": layer.get("neuron", {})}
            description["weight_bits"], description["frac_bits"] = self.bits(i)
            if layer["kind"] == "dense":
                shapes[i], sources = (1, 1, layer["neurons"]), [{"layer": number} for number in numbers]
            else:
                view = {"kernel": layer["kernel"], "stride": layer.get("stride", 1), "padding": layer.get("padding", 0)}
                grid = [(size + 2 * view["padding"] - view["kernel"]) // view["stride"] + 1 for size in shapes[i - 1][:2]]
                sources = [{"layer": i - 1, **view}]
                sources += [{"layer": n, "kernel": 1, "stride": shapes[n][0] // grid[0], "padding": 0} for n in numbers[1:]]
                shapes[i] = (grid[0] // description["pool"], grid[1] // description["pool"], layer["filters"])
            result.append({**description, "shape": shapes[i], "sources": sources})
        return result


def in_toml(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {in_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(in_toml, value)) + "]"
    return json.dumps(value)


def shape_after(shape: tuple[int, int, int], layer: dict) -> tuple[int, int, int] | None:
    """Shape of a layer behind one of that shape, or None if they do not fit."""
    if layer["kind"] == "dense":
        return 1, 1, layer["neurons"]
    sizes = [size + 2 * layer["padding"] - layer["kernel"] for size in shape[:2]]
    grid = [size // layer["stride"] + 1 for size in sizes]
    if min(sizes) < 0 or any(size % layer["pool"] for size in grid):
        return None
    return grid[0] // layer["pool"], grid[1] // layer["pool"], layer["filters"]


def random_neuron(dice: random.Random, frac_bits: int) -> dict:
    """The table of a neuron with a memory."""
    model = dice.choice(("lif", "if"))
    leak = {dice.choice(("leak_shift", "leak_factor")): 0} if model == "lif" else {}
    for key in leak:
        leak[key] = dice.randint(1, 6) if key == "leak_shift" else dice.choice((0, 100, 200, 255, 256))
    return {
        "model": model, **leak, "reset": dice.choice(("zero", "subtract")), "refractory_ticks": dice.choice((0, 0, 1, 3)),
        "state_bits": dice.randint(max(frac_bits + 2, 4), min(frac_bits + 5, 32)),
        "threshold": dice.choice((0.3 if frac_bits else 0.5, 0.5, 1.0, 1.7)),
    }  # fmt: skip


def random_layers(dice: random.Random, planes: tuple[int, int, int], learns: bool) -> tuple[list[dict], list[tuple[int, int, int]]]:
    """Layers that fit each other, and their shapes."""
    layers, shapes = [], []
    for i in range(dice.choice((1, 1, 2, 2, 3, 3))):
        before = shapes[-1] if shapes else (planes[1], planes[2], planes[0])
        layer, after = {}, None
        while after is None or math.prod(after) > 120:
            layer = {"kind": "dense", "neurons": dice.randint(3, 9)}
            if dice.random() < 0.75:
                layer = {
                    "kind": "conv", "filters": dice.randint(1, 4), "kernel": dice.randint(1, 3), "stride": dice.choice((1, 1, 2)),
                    "padding": dice.randint(0, 1), "pool": dice.choice((1, 1, 2, 3)),
                }  # fmt: skip
                if i > 1 and dice.random() < 0.5:  # the grid before, so that a skip fits
                    layer |= {"kernel": 3, "stride": 1, "padding": 1, "pool": 1}
            after = shape_after(before, layer)
            if layer.get("padding", 0) == layer.get("kernel") and min(before[:2]) < 2:
                after = None  # all positions would lie in the padding
        weight_bits = dice.choice((2, 4, 8, 8, 12, 16))
        layer["weight_bits"], layer["frac_bits"] = weight_bits, min(max(weight_bits - dice.choice((0, 2, 2)), 0), 15)
        layer["initial_gain"], layer["initial_bias"] = dice.choice((0.5, 1.0, 2.0, 8.0)), dice.choice((0.0, 0.1, 0.5, -0.2))
        layer["rule"] = {"learn_rate": dice.choice((1.0, 0.01))} if learns and dice.random() < 0.2 else {}
        if layer.get("pool", 1) == 1 and dice.random() < 0.35:
            layer["neuron"] = random_neuron(dice, layer["frac_bits"])
        layers.append(layer)
        shapes.append(after)
    classes = dice.randint(2, 5)
    layers.append({"kind": "dense", "neurons": classes, "weight_bits": dice.choice((4, 8, 16)), "frac_bits": 4, "initial_gain": 2.0})
    shapes.append((1, 1, classes))
    for i in range(2, len(layers)):
        grid = [size * layers[i].get("pool", 1) for size in shapes[i][:2]]
        for j in range(i - 1):
            ratio = shapes[j][0] // grid[0]
            if dice.random() < 0.6 and (layers[i]["kind"] == "dense" or tuple(size * ratio for size in grid) == shapes[j][:2]):
                layers[i].setdefault("skip", []).append(f"layer{j}")
    return layers, shapes


def random_net(dice: random.Random) -> Net:
    """Any small network on any small chip."""
    planes = (dice.choice((1, 1, 2, 3)), dice.randint(4, 7), dice.randint(4, 7))
    learns = dice.random() < 0.9
    layers, shapes = random_layers(dice, planes, learns)
    mapping = {}
    for i, (layer, (height, width, channels)) in enumerate(zip(layers[:-1], shapes, strict=False)):
        if dice.random() < 0.75:
            cuts = {"rows": dice.randint(1, min(height, 3)), "columns": dice.randint(1, min(width, 3))}
            maps = {"cores": dice.randint(1, min(channels, 4))}
            sees_everywhere = layer["kind"] == "conv" and layer["padding"] < layer["kernel"]  # else a tile could lie in the padding
            mapping[f"layer{i}"] = dice.choice((cuts, maps, maps, cuts | maps)) if sees_everywhere else maps
    widest = max(layer["weight_bits"] for layer in layers)
    ticks, depth = dice.randint(len(layers) + 2, 11), len(layers)
    return Net(
        planes=planes,
        layers=tuple(layers),
        mapping=mapping,
        kind=dice.choice(("lfsr16", "xorshift16", "xorshift32", "xorshift32")),  # seeds of 32 bits are found faster
        sharing=dice.choice(SHARINGS),
        steps=dice.choice((1, 1, 2, 5)),
        word_bits=dice.choice((16, 17, 24, 32, 64)),
        transposable=dice.random() < 0.5,
        acc_bits=dice.choice((None, None, max(4, widest), max(4, widest) + 1)),
        back_bits=dice.choice((None, None, max(4, widest), max(4, widest - 3))),
        gumbel_address_bits=dice.choice((2, 5, 8)),
        error_gain=dice.randint(0, 3),
        beta=dice.choice((1.0, 0.5, 2.5)),
        readout=dice.choice(("potential", "spikes")),
        learns=learns,
        learn_rate=dice.choice((1.0, 0.3 / 2 ** dice.randint(0, 12))),
        epoch=dice.randint(0, 1),
        ticks=ticks,
        warmup=dice.randint(0, depth),
        read_from=dice.randint(0, depth),
        cycles={event: dice.choice((0, 1, 3)) for event in TIMED},
        overhead=dice.randint(0, 7),
        seed=dice.randint(0, 2**31),
        images=tuple(dice.choice(("black", "white", "random", "random", "sparse")) for _ in range(dice.randint(1, 2))),
        corners=dice.choice(("none", "none", "none", "low", "high", "mixed")),
        has_events=dice.random() < 0.2,
    )


# ---- laws that the oracle keeps


def whole(layers: list[dict]) -> list[tuple]:
    """One core per layer: (layer, y, x, c) of each."""
    return [(i, (0, height), (0, width), (0, channels)) for i, (height, width, channels) in enumerate(layer["shape"] for layer in layers)]


def stretches(n: int, parts: int) -> list[tuple[int, int]]:
    """0 .. n cut into parts, the first ones larger."""
    ends = [sum(n // parts + (k < n % parts) for k in range(end)) for end in range(parts + 1)]
    return list(pairwise(ends))


def cut(net: Net) -> list[tuple]:
    """The parts of all layers as [mapping] asks for: (layer, y, x, c)."""
    parts = []
    for i, layer in enumerate(net.as_lists()):
        wanted, (height, width, channels) = net.mapping.get(net.name(i), {}), layer["shape"]
        for y in stretches(height, wanted.get("rows", 1)):
            for x in stretches(width, wanted.get("columns", 1)):
                parts += [(i, y, x, c) for c in stretches(channels, wanted.get("cores", 1))]
    return parts


def unseeded(net: Net, parts: list[tuple]) -> dict:
    """An oracle's chip without memories and states."""
    channels, height, width = net.planes
    return {
        "rng": {"kind": net.kind, "sharing": net.sharing, "steps": net.steps}, "cycles": net.cycles, "cycles_per_tick": net.overhead,
        "word_bits": net.word_bits, "transposable": net.transposable, "error_gain": net.error_gain, "beta_16": round(net.beta * 16),
        "readout": net.readout, "input_shape": (height, width, channels), "layers": net.as_lists(),
        "parts": [
            {
                "layer": layer, "y": y, "x": x, "c": c, "acc_bits": net.acc_bits, "back_bits": net.back_bits, "p_learn": net.p_learn(layer),
            }
            for layer, y, x, c in parts
        ],
    }  # fmt: skip


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
        sources = [source["layer"] for source in chip["layers"][i]["sources"]]
        sizes = [math.prod(chip_oracle.shape_of(chip, source)) for source in sources]
        of_layer = seeds(sum(sizes) + units + 1, i)
        names = [sum(sizes[:s]) + chip_oracle.unit_number(chip, sources[s], *unit) for s, unit in core.axons]
        part["neuron_states"] = [of_layer[sum(sizes) + (0 if is_shared else number)] for number in core.numbers]
        k = sum(other.layer["index"] == i for other in cores[: core.number])
        of_part = seeds(len(names) + 1, i, "part", k) if k > 0 else []
        if core.is_first:
            part["axon_states"] = [of_layer[0 if is_shared else name] for name in names]
        else:
            part["axon_states"] = of_part[:-1] if k > 0 else [of_layer[name] for name in names]
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


def test_forward_spikes_do_not_depend_on_the_cut():
    """Nor do potentials, where sums are wide enough: a cut changes the order of axons, and so where a narrow sum saturates."""
    cores = 0
    for number in range(25):
        net = replace(random_net(random.Random(number)), acc_bits=None)
        whole_chip, cut_chip = chip_of(net, whole(net.as_lists())), chip_of(net, cut(net))
        pixels = net.pixels().tolist()
        rest = (pixels, [0] * len(pixels), net.ticks, net.ticks, net.read_from, False)
        expected, got = chip_oracle.run(whole_chip, *rest), chip_oracle.run(cut_chip, *rest)
        assert got["votes"] == expected["votes"], f"seed {number}"
        assert spikes_of_layers(cut_chip, got["trace"]) == spikes_of_layers(whole_chip, expected["trace"]), f"seed {number}"
        cores += len(cut_chip["parts"])
    assert cores > 80


def test_a_kernel_is_a_dense_layer_with_equal_weights_and_zeros():
    """Without pooling, cuts and learning: same potentials, spikes, errors, draws; the dense chain is the other oracle's."""
    errors = 0
    for seed in range(15):
        dice = random.Random(seed)
        net = random_net(dice)
        layers = tuple(
            {key: value for key, value in layer.items() if key not in ("skip", "neuron", "pool", "rule")} for layer in net.layers
        )
        net = replace(net, layers=layers, images=("random", "white"), ticks=10, learn_rate=0.0)
        chip = chip_of(net, whole(net.as_lists()))
        chain = copy.deepcopy({key: value for key, value in chip.items() if key not in ("input_shape", "parts")})
        for layer, part in zip(chain["layers"], copy.deepcopy(chip["parts"]), strict=True):
            (source,), (height, width, channels) = layer["sources"], layer["shape"]
            n_axons = math.prod(chip_oracle.shape_of(chip, source["layer"]))
            wide = [[0] * (height * width * channels) for _ in range(n_axons)]
            for y, x in [(y, x) for y in range(height) for x in range(width)]:
                for row, _, unit in chip_oracle.rows_under(chip, layer, y, x):
                    at = (y * width + x) * channels
                    wide[chip_oracle.unit_number(chip, source["layer"], *unit)][at : at + channels] = part["weight"][row]
            layer.update({**part, "weight": wide, "bias": part["bias"] * (height * width)})
        if any(len(core.axons) < len(layer["weight"]) for core, layer in zip(chip_oracle.build(chip), chain["layers"], strict=True)):
            continue  # a stride leaves units out: then there are fewer draws
        pixels = net.pixels().tolist()
        rest = (pixels, [0] * len(pixels), net.ticks, net.warmup, net.read_from, True)
        expected, got = oracle.run(chain, *rest), chip_oracle.run(chip, *rest)
        assert (got["votes"], got["trace"]) == (expected["votes"], expected["trace"]), f"seed {seed}"
        for layer, part in zip(chain["layers"], chip["parts"], strict=True):
            assert (part["axon_states"], part["neuron_states"]) == (layer["axon_states"], layer["neuron_states"]), f"seed {seed}"
        errors += sum(core < len(layers) - 1 for _, core, _, sign in got["trace"] if sign)
    assert errors > 30


# ---- the kernels against the oracle


def build(net: Net, folder: Path) -> Simulator:
    """The simulator of a network, by the path a user's experiment takes."""
    path = folder / "case.toml"
    path.write_text(net.toml(), encoding="utf-8")
    setup = load_setup(str(path))
    sim = Simulator(setup, net.planes, net.layers[-1]["neurons"])
    chip = sim.state
    set_rule(chip, setup.experiment, net.epoch)
    dice = np.random.default_rng(net.seed)
    for c, core in enumerate(sim.mapping.cores):
        bits = net.bits(core.layer)[0]
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        choice = {"low": (low,), "high": (high,), "mixed": (low, low + 1, 0, high - 1, high)}.get(net.corners)
        if choice:
            weight, bias = memory_of(chip, c)
            weight[:, : core.channels] = dice.choice(choice, (len(weight), core.channels))
            bias[: core.channels] = dice.choice(choice, core.channels)
    return sim


def canonical_rows(chip: dict, core: chip_oracle.Core) -> list[int]:
    """Which row of the layer each row of a core's memory is: a dense part has them in the order of its axons."""
    layer = core.layer
    shapes = [chip_oracle.shape_of(chip, source["layer"]) for source in layer["sources"]]
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


def states_of(net: Net, chip, c: int, n_axons: int, locations: int, channels: int, has_pool: bool) -> dict[str, list[int]]:
    """Generator states of a core; of a shared bank only the one that exists."""
    param, is_shared = chip.param[c], net.sharing != "per_unit"
    neurons = chip.rng_neuron[param[P.NEURON_AT] :][: locations * param[P.STRIDE]].reshape(locations, -1)[:, :channels].ravel()
    pool = chip.rng_pool[param[P.LOCATION_AT] :][: locations if has_pool else 0]
    banks = {"axon_states": chip.rng_axon[param[P.AXON_AT] :][:n_axons], "neuron_states": neurons, "pool_states": pool}
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


def events_of(net: Net, pixels: np.ndarray) -> list[list[list[int]]]:
    """Events as likely as the images are bright."""
    dice = np.random.default_rng(net.seed + 1)
    return [[np.flatnonzero(dice.integers(0, 256, image.shape) < image).tolist() for _ in range(net.ticks)] for image in pixels]


def check(net: Net, folder: Path) -> tuple[Counter, dict]:
    """Kernel == oracle for everything there is; return the events of the whole chip, and what the oracle found."""
    sim = build(net, folder)
    chip, twin, pixels = sim.state, twin_of(net, sim), net.pixels()
    cores = chip_oracle.build(twin)
    rows = [canonical_rows(twin, core) for core in cores]
    sizes = [(core.n_axons, len(core.locations), len(core.channels), core.pool > 1) for core in cores]
    for c, part in enumerate(twin["parts"]):
        part["weight"], part["bias"] = memory_of_core(chip, c, rows[c], len(cores[c].channels))
        assert states_of(net, chip, c, *sizes[c]) == {key: part[key] for key in STATES}, f"seeds of core {c}"
    labels = np.random.default_rng(net.seed).integers(0, net.layers[-1]["neurons"], len(pixels)).astype(np.int32)
    stimulus, events = of_images(pixels), None
    if net.has_events:
        events = events_of(net, pixels)
        ticks = [numbers for sample in events for numbers in sample]
        offsets = np.cumsum([0, *map(len, ticks)]).astype(np.int64)
        stimulus = Stimulus(pixels, offsets, np.array([number for numbers in ticks for number in numbers], dtype=np.int32))
    expected = chip_oracle.run(twin, pixels.tolist(), labels.tolist(), net.ticks, net.warmup, net.read_from, net.learns, events)
    chip = chip._replace(trace=np.full((len(expected["trace"]) + 1, len(Trace)), 9, np.int32))
    votes = np.zeros((len(labels), net.layers[-1]["neurons"]), np.int32)
    run = sim.run_vector(net.ticks, net.warmup, net.read_from, net.learns)
    jump = jump_table(chip.rng_param, net.ticks)
    for part in (slice(1), slice(1, None)):  # in two calls of the kernel
        run_samples(chip, sim.traffic, run, sim.rule.hook, jump, *stimulus.take(part), labels[part], votes[part])

    assert votes.tolist() == expected["votes"]
    counts = chip.counts.reshape(-1, N_PHASES, N_EVENTS)
    for c, part in enumerate(twin["parts"]):
        told = {(phase.name, event.name): int(counts[c, phase, event]) for phase in Phase for event in Event if counts[c, phase, event]}
        wanted = {(phase.name, event.name): n for (phase, event), n in expected["counts"][c].items() if n}
        assert told == wanted, f"core {c}"
        assert memory_of_core(chip, c, rows[c], len(cores[c].channels)) == (part["weight"], part["bias"]), f"memory of core {c}"
        assert states_of(net, chip, c, *sizes[c]) == {key: part[key] for key in STATES}, f"generators of core {c}"
    assert chip.cycles[:, 0].tolist() == expected["share"]
    assert chip.cycles[:, 1].tolist() == expected["busy"]
    assert chip.trace[: chip.traced[0]].tolist() == [list(row) for row in expected["trace"]]
    assert (chip.trace[chip.traced[0] :] == 9).all()
    if net.mesh:
        sums = dict(zip(NocTotal, sim.traffic.totals.sums.tolist(), strict=True))
        lengths = [cycles for cycles, _ in expected["ticks"]]
        assert sums[NocTotal.PACKETS] == sum(map(len, expected["packets"]))
        assert sums[NocTotal.HOPS] == sum(n for counts in expected["counts"] for (_, event), n in counts.items() if event == Event.HOP)
        assert sums[NocTotal.NETWORK_CYCLES] == sum(cycles for _, cycles in expected["ticks"])
        assert (sums[NocTotal.TICKS], sums[NocTotal.CYCLES]) == (len(lengths), sum(lengths))
        assert sums[NocTotal.LONGEST_TICK] == max(lengths)
    total = Counter()
    for core_counts in expected["counts"]:
        for (_, event), n in core_counts.items():
            total[event] += n
    return total, expected


SEEDS = 200


@pytest.fixture(scope="module")
def seen() -> Counter:
    """Events and settings met by the seeded cases."""
    return Counter()


def settings_of(net: Net) -> set[str]:
    """What a case has, in words."""
    found = {f"{net.kind} {net.sharing}", "events" if net.has_events else "images", f"gain {net.error_gain}", f"{len(net.layers)} layers"}
    found |= {"transposable"} if net.transposable else set()
    found |= {"narrow sums"} if net.acc_bits else set()
    found |= {"narrow error sums"} if net.back_bits else set()
    for i, layer in enumerate(net.layers):
        found |= {layer["kind"], f"pool {layer.get('pool', 1)}", layer.get("neuron", {}).get("model", "stochastic")}
        found |= {f"skip to {layer['kind']}" for _ in layer.get("skip", [])}
        cuts = net.mapping.get(net.name(i), {})
        found |= {f"{layer['kind']} cut by {key}" for key, n in cuts.items() if n > 1}
    return found


@pytest.mark.parametrize("block", range(8))
def test_random_networks_agree(block, tmp_path, seen):
    for number in range(block * SEEDS // 8, (block + 1) * SEEDS // 8):
        net = random_net(random.Random(number))
        try:
            events, _ = check(net, tmp_path)
        except AssertionError as error:
            raise AssertionError(f"seed {number}: {net}") from error
        seen.update(settings_of(net) | {event for event, n in events.items() if n})


def test_the_random_networks_met_everything(seen):
    """Cases that never cancel, saturate or gate would prove little: every event and setting occurred in many networks."""
    if not seen:
        pytest.skip("the random networks were not run")
    wanted = [*Event, "images", "events", "transposable", "narrow sums", "narrow error sums", "stochastic", "lif", "if", "skip to dense"]
    wanted += ["skip to conv", "dense cut by cores", "conv cut by cores", "conv cut by rows", "conv cut by columns", "pool 2", "pool 3"]
    wanted += [f"{kind} {sharing}" for kind in oracle.RNG_BITS for sharing in SHARINGS]
    assert {str(what): seen[what] for what in wanted if seen[what] < 5} == {}


def conv(filters: int, kernel: int, **more) -> dict:
    return {"kind": "conv", "filters": filters, "kernel": kernel, "initial_bias": 0.3, **more}


def dense(neurons: int, **more) -> dict:
    return {"kind": "dense", "neurons": neurons, **more}


HIDDEN = {"initial_bias": 0.5, "initial_gain": 2.0}
LIF = {"model": "lif", "leak_shift": 2, "threshold": 0.7, "refractory_ticks": 2, "reset": "subtract", "state_bits": 10}
RICH = Net(
    planes=(2, 6, 6),
    layers=(
        conv(3, 3, padding=1, pool=2), conv(2, 2, neuron=LIF), dense(6, skip=["layer0"], **HIDDEN), dense(4, initial_gain=2.0),
    ),
    mapping={"layer0": {"rows": 2, "columns": 1, "cores": 2}, "layer1": {"cores": 2}, "layer2": {"cores": 3}},
    learn_rate=0.5**7, images=("random", "white"), ticks=8,
)  # fmt: skip


def on_a_mesh(net: Net, dice: random.Random) -> Net:
    """The same network on a mesh, some layers at places of their own."""
    parts = Counter(layer for layer, *_ in cut(net))
    width = dice.randint(1, 4)
    height = max(-(-sum(parts.values()) // width), dice.randint(1, 3))
    places = [[x, y] for y in range(height) for x in range(width)]
    dice.shuffle(places)
    mapping = {net.name(i): dict(net.mapping.get(net.name(i), {})) for i in parts}
    for i, n in parts.items():
        if dice.random() < 0.6:
            mapping[net.name(i)]["at"], places = places[:n], places[n:]
    mesh = {"width": width, "height": height, "fifo_depth": dice.randint(1, 3), "core_stalls": dice.random() < 0.5}
    cycles = {event: dice.choice((0, 0, 1)) for event in TIMED}
    return replace(net, mesh=mesh, mapping=mapping, cycles=cycles, ticks=len(net.layers) + 3, images=net.images[:1])


def test_random_networks_on_a_mesh_agree(tmp_path):
    bound_by_network = 0
    for number in range(1000, 1008):
        dice = random.Random(number)
        net = on_a_mesh(random_net(dice), dice)
        try:
            _, expected = check(net, tmp_path)
        except AssertionError as error:
            raise AssertionError(f"seed {number}: {net}") from error
        bound_by_network += sum(network == cycles - net.overhead for cycles, network in expected["ticks"])
    assert bound_by_network > 5


@pytest.mark.parametrize("kind", oracle.RNG_BITS)
@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("steps", [1, 16])
def test_every_generator_agrees(kind, sharing, steps, tmp_path):
    events, _ = check(replace(RICH, kind=kind, sharing=sharing, steps=steps), tmp_path)
    assert events[Event.ERROR_IN] and events[Event.STATE_READ] and events[Event.ADDRESS]


CORNERS = {
    "all black": (replace(RICH, images=("black",) * 3), None, Event.WEIGHT_UPDATE),
    "all white": (replace(RICH, images=("white",) * 3), None, Event.WEIGHT_UPDATE),
    "no warm-up": (replace(RICH, warmup=0, read_from=0), None, Event.WEIGHT_UPDATE),
    "frozen": (replace(RICH, learns=False), Event.BIAS_UPDATE, Event.READOUT),
    "learning never": (replace(RICH, learn_rate=0.0), Event.WEIGHT_UPDATE, Event.LEARN_DECISION),
    "learning surely": (replace(RICH, learn_rate=1.0), None, Event.WEIGHT_UPDATE),
    "events arrive": (replace(RICH, has_events=True), Event.INPUT_LOAD, Event.SPIKE_IN),
    "columns by rows": (replace(RICH, transposable=False, word_bits=17), Event.COLUMN_READ, Event.ERROR_OUT),
    "columns by port": (replace(RICH, word_bits=24), None, Event.COLUMN_READ),
    "narrow sums behind a skip": (replace(RICH, acc_bits=8), None, Event.ACC_SATURATED),
    "narrow error sums": (replace(RICH, back_bits=8, error_gain=2, corners="mixed"), None, Event.ACC_SATURATED),
    "a shared kernel at its rails": (
        Net(
            layers=(conv(2, 3, weight_bits=3, frac_bits=2), dense(3)), mapping={"layer0": {"rows": 2}}, warmup=0, images=("sparse",) * 4,
            corners="mixed",
        ),
        None, Event.UPDATE_LOST,
    ),
    "errors from four cores cancel": (
        Net(
            layers=(conv(2, 3), dense(8, initial_gain=2.0, initial_bias=0.5), dense(4, initial_gain=8.0)),
            mapping={"layer1": {"cores": 4}}, error_gain=3, learn_rate=0.001, images=("sparse",) * 4,
        ),
        None, Event.ERROR_CANCELLED,
    ),
    "errors at shut gates": (
        Net(layers=(conv(2, 3, neuron={"model": "if", "threshold": 0.1, "refractory_ticks": 3}), dense(3, initial_gain=4.0)), error_gain=3),
        None, Event.ERROR_GATED,
    ),
    "a potential at its rail": (
        Net(layers=(conv(2, 3, initial_gain=9.0, neuron={"model": "if", "threshold": 1.0, "state_bits": 8}), dense(3))),
        None, Event.ACC_SATURATED,
    ),
    "a tile for every location": (
        Net(planes=(1, 4, 4), layers=(conv(2, 3, padding=1), dense(3)), mapping={"layer0": {"rows": 4, "columns": 4}}), None, Event.ADDRESS,
    ),
    "a stride that skips inputs": (Net(layers=(conv(2, 1, stride=2), dense(3))), None, Event.WEIGHT_UPDATE),
    "a stride that skips units": (Net(layers=(conv(2, 2), conv(2, 1, stride=2), dense(3, initial_gain=4.0))), None, Event.WEIGHT_UPDATE),
    "one kernel over all": (Net(planes=(1, 3, 3), layers=(conv(2, 3, padding=0), dense(3))), None, Event.WEIGHT_UPDATE),
    "a skip between grids": (
        Net(planes=(1, 6, 6), layers=(conv(2, 3), conv(2, 1), conv(3, 2, stride=2, skip=["layer0"]), dense(3, skip=["layer0"]))),
        None, Event.ERROR_OUT,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CORNERS)
def test_corner_agrees(name, tmp_path):
    """Each corner is reached: the last event of its line occurs, the one before it never does."""
    net, never, sometimes = CORNERS[name]
    events, _ = check(net, tmp_path)
    assert never is None or events[never] == 0
    assert sometimes is None or events[sometimes] > 0


@pytest.mark.parametrize(
    "net",
    [
        Net(layers=(dense(5), conv(2, 1, stride=2, padding=1), dense(3))),
        Net(layers=(conv(2, 1, padding=1), dense(3)), mapping={"layer0": {"rows": 7, "columns": 1}}, sharing="rotated"),
    ],
)
def test_a_core_without_axons_is_refused(net, tmp_path):
    """It would have no generator of its own to step."""
    with pytest.raises(NeurochipError, match=r"layer 'layer\d': part 0 has nothing but padding under its taps"):
        build(net, tmp_path)


# ---- laws that kernels and oracle keep together


@pytest.mark.parametrize("planes", [(1, 4, 4), (2, 3, 3)])
def test_a_kernel_that_covers_everything_is_a_dense_layer(planes, tmp_path):
    """Same spikes, errors, draws, steps: all counts but the addresses. Behind planes it is a dense layer with other rows first."""
    size = planes[1]
    first = conv(4, size - 1)  # a grid of 2 x 2 in front of what is compared
    more = {"initial_bias": 0.3, "initial_gain": 3.0}
    covering = Net(
        planes=planes, layers=(first, conv(5, 2, **more), conv(4, 1, **more), dense(3, initial_gain=3.0)), images=("random",) * 4
    )
    flat = replace(covering, layers=(first, dense(5, **more), dense(4, **more), covering.layers[-1]))
    (events, expected), (dense_events, dense_expected) = check(covering, tmp_path), check(flat, tmp_path)
    assert dense_expected["trace"] == expected["trace"] and dense_expected["votes"] == expected["votes"]
    told, dense_told = ({e: n for e, n in found.items() if n and e != Event.ADDRESS} for found in (events, dense_events))
    assert told == dense_told and told[Event.WEIGHT_UPDATE] > 0 and told[Event.ERROR_OUT] > 0


CUTS = {
    "tiles": [{}, {"rows": 2, "columns": 2}, {"rows": 4, "columns": 4}],
    "feature maps": [{}, {"cores": 4}, {"cores": 16}],
    "both": [{}, {"rows": 2, "cores": 2}, {"rows": 2, "columns": 2, "cores": 4}],
}


@pytest.mark.parametrize(("by", "sharing"), list(zip(CUTS, SHARINGS, strict=True)))
def test_a_frozen_network_spikes_alike_on_one_four_and_sixteen_cores(by, sharing, tmp_path):
    filters = {"tiles": 2, "feature maps": 16, "both": 4}[by]
    layers = (conv(filters, 2, padding=1, initial_gain=2.0, pool=2), dense(16, **HIDDEN), dense(3, skip=["layer0"], initial_gain=2.0))
    found = []
    for cuts, neurons in zip(CUTS[by], (1, 4, 16), strict=True):
        mapping = {"layer0": cuts, "layer1": {"cores": neurons}}
        net = Net(planes=(1, 7, 7), layers=layers, mapping=mapping, learns=False, sharing=sharing, ticks=5, images=("random",))
        _, expected = check(net, tmp_path)
        sim = build(net, tmp_path)
        assert [len(sim.mapping.cores_of(i)) for i in (0, 1)] == [neurons, neurons]
        found.append((spikes_of_layers(twin_of(net, sim), expected["trace"]), expected["votes"]))
    assert found[0] == found[1] == found[2] and len(found[0][0]) > 50


def test_evaluation_does_not_depend_on_chunks(tmp_path, monkeypatch):
    """Generators that run free can be jumped to, those of neurons with a memory rest; queues and potentials start anew."""
    for number in range(12):
        net = replace(random_net(random.Random(number)), images=("random", "white", "sparse"))
        sim, pixels, labels = build(net, tmp_path), net.pixels(), np.zeros(3, np.int32)
        monkeypatch.setattr(simulator, "TEST_CHUNK", 3)
        whole_run = sim.evaluate(pixels, labels, threads=1)
        monkeypatch.setattr(simulator, "TEST_CHUNK", 1)
        one_by_one = sim.evaluate(pixels, labels, threads=2)
        assert one_by_one.votes.tolist() == whole_run.votes.tolist(), f"seed {number}"
        assert np.array_equal(one_by_one.cost.counts, whole_run.cost.counts), f"seed {number}"
        assert np.array_equal(one_by_one.cost.cycles, whole_run.cost.cycles), f"seed {number}"


def test_compiled_and_interpreted_agree():
    """Interpreted, NumPy refuses a store that does not fit and warns of an overflow, which is an error here."""
    assert in_a_new_process([__file__], NUMBA_DISABLE_JIT="1") == ["interpreted", "as the oracle"]


def main() -> None:
    """What the test above asks of a new process."""
    with tempfile.TemporaryDirectory() as folder:
        for net in (replace(RICH, acc_bits=8, ticks=6), *(random_net(random.Random(number)) for number in range(SEEDS, SEEDS + 8))):
            check(net, Path(folder))
    print("interpreted" if os.environ.get("NUMBA_DISABLE_JIT") == "1" else "compiled")
    print("as the oracle")


if __name__ == "__main__":
    main()
