"""Small networks in the words of an experiment file, random ones too, and how they are cut over cores."""

import json
import math
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from oracles import core as oracle

from support.chip_words import SHARINGS, TIMED, ChipWords, random_error_path, random_exit, side_by_side, units_side_by_side

DECAY = 0.5


@dataclass
class Net(ChipWords):
    """One network, its chip and its samples, in the words of an experiment file."""

    planes: tuple[int, int, int] = (1, 5, 5)  # of the input: channels, height, width
    layers: tuple[dict, ...] = (
        {"kind": "conv", "filters": 3, "kernel": 3},
        {"kind": "dense", "neurons": 4},
    )  # keys of [[network.layers]]
    mapping: dict[str, dict] = field(default_factory=dict)
    rule: str | None = "spike_backprop"  # or a rule that learns from spikes, whose oracle is in chip_check.SPIKE_RULES; or None
    settings: dict = field(default_factory=dict)  # of a rule that learns from spikes, all of them
    known: dict = field(default_factory=dict)  # what its oracle must know beside its settings: "peak", "factor" if they are none of them
    warmup: int = 2
    mesh: dict | None = None  # width, height, fifo_depth, core_stalls
    faults: dict = field(default_factory=dict)  # keys of [faults]

    @property
    def learns(self) -> bool:
        """Does a teacher teach?"""
        return self.rule == "spike_backprop"

    def name(self, i: int) -> str:
        return "output" if i == len(self.layers) - 1 else f"layer{i}"

    def bits(self, i: int) -> tuple[int, int]:
        return self.layers[i].get("weight_bits", 8), self.layers[i].get("frac_bits", 6)

    def toml(self) -> str:
        """The experiment file."""
        layers = [{"name": self.name(i), **layer} for i, layer in enumerate(self.layers)]
        settings = {"learn_rate": self.learn_rate, "learn_rate_decay": DECAY} if self.learns else self.settings
        rates = "\n".join(f"{key} = {value!r}" for key, value in settings.items())
        chip = [f"n_cores = {self.mesh['width'] * self.mesh['height'] if self.mesh else 64}"]
        chip += [f"mesh = {in_toml(self.mesh)}"] if self.mesh else []
        tables = self.tables(self.rule or "frozen", rates, self.epoch + 1, self.warmup, bool(self.mesh), "\n".join(chip))
        return f"""
name = "case"
seed = {self.seed}
network.layers = {in_toml(layers)}
mapping = {in_toml(self.mapping)}
{self.error_lines()}{tables}{self.fault_lines()}"""

    def fault_lines(self) -> str:
        """The table [faults]."""
        return "\n".join(["[faults]", *(f"{key} = {in_toml(value)}" for key, value in self.faults.items())]) if self.faults else ""

    def pixels(self) -> np.ndarray:
        """uint8 (images, inputs)."""
        return self.drawn_images(math.prod(self.planes))

    def p_learn(self, i: int) -> int:
        """Of the main rule."""
        rate = self.layers[i].get("rule", {}).get("learn_rate", self.learn_rate)
        p = min(rate * DECAY**self.epoch * 2 ** self.bits(i)[1], 1.0) if self.learns else 0
        return int(p * 2 ** oracle.RNG_BITS[self.kind] + 0.5)

    def rule_of(self, i: int) -> dict:
        """What the oracle must know of the rule in layer i."""
        first, last = self.layers[i].get("learn_epochs", (1, self.epoch + 1))
        settings = {**self.settings, **self.known, **self.layers[i].get("rule", {})}
        return {**settings, "p_learn": self.p_learn(i), "learns": first <= self.epoch + 1 <= last}

    def sources_of(self, i: int) -> list[int]:
        """Numbers of the layers it takes spikes from; -1 for the input."""
        layer, names = self.layers[i], [self.name(j) for j in range(i)]
        main = {"input": -1, **{name: j for j, name in enumerate(names)}}[layer["source"]] if "source" in layer else i - 1
        return [main, *map(names.index, layer.get("skip", [])), *([i] if layer.get("recurrent") else [])]

    def as_lists(self) -> list[dict]:
        """The layers as the oracle wants them."""
        channels, height, width = self.planes
        shapes, result = {-1: (height, width, channels)}, []
        for i, layer in enumerate(self.layers):
            numbers = self.sources_of(i)
            description = {"kind": layer["kind"], "pool": layer.get("pool", 1), "neuron": layer.get("neuron", {})}
            description["weight_bits"], description["frac_bits"] = self.bits(i)
            description["field_bits"] = 1 if "levels" in layer else description["weight_bits"]
            description["error_gain"] = layer.get("error_gain")
            shapes[i], sources = shape_after(shapes[numbers[0]], layer), [{"layer": number} for number in numbers]
            assert shapes[i] is not None
            if layer["kind"] == "conv":
                sources[0] |= {"kernel": layer["kernel"], "stride": layer.get("stride", 1), "padding": layer.get("padding", 0)}
                for source in sources[1:]:
                    source |= {"kernel": 1, "stride": shapes[source["layer"]][0] // (shapes[i][0] * description["pool"]), "padding": 0}
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
    pool, channels = layer.get("pool", 1), layer.get("filters", shape[2])
    if layer["kind"] == "dense":
        return 1, 1, layer["neurons"]
    grid = shape[:2]
    if layer["kind"] == "conv":
        sizes = [size + 2 * layer.get("padding", 0) - layer["kernel"] for size in shape[:2]]
        grid = [size // layer.get("stride", 1) + 1 if size >= 0 else 0 for size in sizes]
    if min(grid) < 1 or any(size % pool for size in grid):
        return None
    return grid[0] // pool, grid[1] // pool, channels


def random_neuron(dice: random.Random, frac_bits: int) -> dict:
    """The table of a neuron with a memory."""
    neuron = {
        **random_leak(dice, dice.choice(("lif", "if"))), "reset": dice.choice(("zero", "subtract")),
        "refractory_ticks": dice.choice((0, 0, 1, 3)), "inhibit": dice.random() < 0.25,
        "state_bits": dice.randint(max(frac_bits + 2, 4), min(frac_bits + 5, 32)),
        "threshold": dice.choice((0.3 if frac_bits else 0.5, 0.5, 1.0, 1.7)),
    }  # fmt: skip
    can_halve = round(neuron["threshold"] * (1 << frac_bits)) >= 2  # else half a threshold is 0
    fires_at = 0.5 if can_halve and neuron["reset"] == "subtract" and not neuron["inhibit"] and dice.random() < 0.5 else 1.0
    return {**neuron, "fires_at": fires_at}


def random_leak(dice: random.Random, model: str) -> dict:
    """A model and, if it leaks, how."""
    leak = dice.choice(("leak_shift", "leak_factor"))
    if model == "if" or (model == "accumulate" and dice.random() < 0.4):
        return {"model": model}
    return {"model": model, leak: dice.randint(1, 6) if leak == "leak_shift" else dice.choice((0, 100, 200, 255, 256))}


def random_layer(dice: random.Random, before: tuple[int, int, int], i: int, may_pool: bool) -> dict:
    """Kind and sizes of one layer behind a grid of that shape."""
    sizes = [p for p in (2, 3) if before[0] % p == before[1] % p == 0]
    if may_pool and dice.random() < (0.5 if sizes else 0.15):
        return {"kind": "pool", "pool": dice.choice([1, *sizes, *sizes])}
    if dice.random() < 0.25:
        return {"kind": "dense", "neurons": dice.randint(3, 9)}
    layer = {
        "kind": "conv", "filters": dice.randint(1, 4), "kernel": dice.randint(1, 3), "stride": dice.choice((1, 1, 2)),
        "padding": dice.randint(0, 1), "pool": dice.choice((1, 1, 2, 3)),
    }  # fmt: skip
    if (i > 1 or may_pool) and dice.random() < 0.5:  # the grid before, so that a skip fits
        layer |= {"kernel": 3, "stride": 1, "padding": 1, "pool": 1, "filters": dice.choice((layer["filters"], before[2]))}
    if layer["padding"] == layer["kernel"] and min(before[:2]) < 2:
        layer["padding"] = 0  # else all positions would lie in the padding
    return layer


def equip(dice: random.Random, layer: dict, rule: str | None) -> None:
    """Widths, initial values, neurons and rule of a layer that is not the output."""
    weight_bits, is_pool = dice.choice((2, 4, 8, 8, 12, 16)), layer["kind"] == "pool"
    frac_bits = min(max(weight_bits - dice.choice((0, 2, 2)), 0), 15)
    if is_pool:  # what a spike brings is at least one LSB
        frac_bits = max(frac_bits, {1: 0, 2: 1, 3: 3}[layer["pool"]])
    layer["weight_bits"], layer["frac_bits"] = weight_bits, frac_bits
    if is_pool or (layer.get("pool", 1) == 1 and dice.random() < (0.7 if rule == "by_trace" else 0.35)):
        layer["neuron"] = random_neuron(dice, frac_bits)
    if not is_pool:
        layer["initial_gain"], layer["initial_bias"] = dice.choice((0.5, 1.0, 2.0, 8.0)), dice.choice((0.0, 0.1, 0.5, -0.2))
        key = "probability" if rule == "by_trace" else "learn_rate"
        layer["rule"] = {key: dice.choice((1.0, 0.01))} if rule and dice.random() < 0.2 else {}
        if dice.random() < 0.2:
            layer["error_gain"] = dice.choice((0, 2, 5))
        if dice.random() < 0.15:
            layer["learn_epochs"] = dice.choice(([1, 1], [2, 2], [1, 2]))


def random_layers(dice: random.Random, planes: tuple[int, int, int], rule: str | None) -> tuple[list[dict], list[tuple[int, int, int]]]:
    """Layers that fit each other, and their shapes."""
    layers, shapes = [], []
    for i in range(dice.choice((1, 1, 2, 2, 3, 3))):
        source = dice.randrange(-1, i - 1) if i > 0 and dice.random() < 0.25 else i - 1
        before = shapes[source] if source >= 0 else (planes[1], planes[2], planes[0])
        layer, after = {}, None
        while after is None or math.prod(after) > 120:
            layer = random_layer(dice, before, i, rule != "spike_backprop")
            after = shape_after(before, layer)
        if source < i - 1:
            layer["source"] = f"layer{source}" if source >= 0 else "input"
        equip(dice, layer, rule)
        layers.append(layer)
        shapes.append(after)
    classes = dice.randint(2, 5)
    layers.append({"kind": "dense", "neurons": classes, "weight_bits": dice.choice((4, 8, 16)), "frac_bits": 4, "initial_gain": 2.0})
    if rule != "spike_backprop" and dice.random() < 0.6:
        layers[-1]["neuron"] = {**random_leak(dice, "accumulate"), "state_bits": dice.choice((5, 7, 12, 24))}
    shapes.append((1, 1, classes))
    for i in range(1, len(layers)):
        add_skips(dice, layers, shapes, i, may_be_identity=rule is None)
    used = {layer.get("source", f"layer{i - 1}") for i, layer in enumerate(layers)}
    used = used.union(*(layer.get("skip", []) for layer in layers))
    if unused := [f"layer{i}" for i in range(len(layers) - 1) if f"layer{i}" not in used]:
        layers[-1]["skip"] = layers[-1].get("skip", []) + unused
    return layers, shapes


def add_skips(dice: random.Random, layers: list[dict], shapes: list[tuple[int, int, int]], i: int, may_be_identity: bool) -> None:
    """Let layer i take spikes of earlier layers too, where the grids allow it."""
    layer, grid = layers[i], [size * layers[i].get("pool", 1) for size in shapes[i][:2]]
    for j in range(0 if layer["kind"] == "pool" or layer.get("source") == "input" else i):
        ratio = shapes[j][0] // grid[0]
        fits = layer["kind"] == "dense" or tuple(size * ratio for size in grid) == shapes[j][:2]
        if f"layer{j}" != layer.get("source", f"layer{i - 1}") and fits and dice.random() < 0.6:
            layer.setdefault("skip", []).append(f"layer{j}")
    sources = [shapes[int(name.removeprefix("layer"))] for name in layer.get("skip", [])]
    if sources and layer["kind"] == "conv" and may_be_identity and all(shape[2] == shapes[i][2] for shape in sources):
        layer["skip_identity"] = dice.random() < 0.7


def random_mapping(dice: random.Random, layer: dict, shape: tuple[int, int, int]) -> dict:
    """How a layer is cut."""
    height, width, channels = shape
    cuts = {"rows": dice.randint(1, min(height, 3)), "columns": dice.randint(1, min(width, 3))}
    maps = {"cores": min(channels, dice.randint(2, 4))}
    sees_everywhere = layer["kind"] != "dense" and layer.get("padding", 0) < layer.get("kernel", 1)  # else a tile could lie in the padding
    return dice.choice((cuts, maps, maps, cuts | maps)) if sees_everywhere else maps


def random_settings(dice: random.Random) -> dict:
    """Of the rule by_trace."""
    return {
        "probability": dice.choice((1.0, 0.5)), "peak": dice.choice((1, 100, 32767)), "factor": dice.choice((0, 128, 230, 255)),
        "threshold": dice.choice((0, 30, 9000)),
    }  # fmt: skip


def random_net(dice: random.Random) -> Net:
    """Any small network on any small chip."""
    planes = (dice.choice((1, 1, 2, 3)), dice.choice((4, 4, 5, 6, 6, 7)), dice.choice((4, 4, 5, 6, 6, 7)))
    rule = dice.choice(("spike_backprop", "spike_backprop", "spike_backprop", "by_trace", None))
    layers, shapes = random_layers(dice, planes, rule)
    cut_ones = [i for i in range(len(layers) - 1) if dice.random() < 0.8]
    widest = max(layer["weight_bits"] for layer in layers)
    ticks, depth = dice.randint(len(layers) + 4, 12), len(layers)
    return Net(
        planes=planes,
        layers=tuple(layers),
        mapping={f"layer{i}": random_mapping(dice, layers[i], shapes[i]) for i in cut_ones},
        kind=dice.choice(("lfsr16", "xorshift16", "xorshift32", "xorshift32")),  # seeds of 32 bits are found faster
        sharing=dice.choice(SHARINGS),
        steps=dice.choice((1, 1, 2, 5)),
        word_bits=(word_bits := dice.choice((16, 17, 24, 32, 64))),
        **side_by_side(dice, word_bits, [1 if "levels" in layer else layer["weight_bits"] for layer in layers], 256),
        acc_bits=dice.choice((None, None, max(4, widest), max(4, widest) + 1)),
        back_bits=dice.choice((None, None, max(4, widest), max(4, widest - 3))),
        gumbel_address_bits=dice.choice((2, 5, 8)),
        error_gain=dice.randint(0, 4),
        beta=(beta := dice.choice((1.0, 0.5, 2.5))),
        readout="potential" if layers[-1].get("neuron") else dice.choice(("potential", "spikes")),
        rule=rule,
        learn_rate=dice.choice((1.0, 0.3 / 2 ** dice.randint(0, 12))),
        settings=random_settings(dice) if rule == "by_trace" else {},
        epoch=dice.randint(0, 1),
        ticks=ticks,
        warmup=dice.randint(0, depth),
        read_from=dice.randint(0, depth),
        cycles={event: dice.choice((0, 1, 3)) for event in TIMED},
        overhead=dice.randint(0, 7),
        seed=dice.randint(0, 2**31),
        images=tuple(dice.choice(("black", "white", "random", "random", "sparse")) for _ in range(dice.randint(1, 2))),
        corners=dice.choice(("none", "none", "none", "low", "high", "mixed")),
        has_events=(has_events := dice.random() < 0.2),
        input_ticks=None if has_events or dice.random() < 0.7 else dice.randint(1, ticks + 1),
        **units_side_by_side(dice, beta),
        exit=random_exit(dice, layers[-1].get("frac_bits", 6), ticks),
        **random_error_path(dice, may_be_fixed=all(layer["kind"] == "dense" for layer in layers[:-1])) if rule != "by_trace" else {},
    )


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


def conv(filters: int, kernel: int, **more) -> dict:
    return {"kind": "conv", "filters": filters, "kernel": kernel, "initial_bias": 0.3, **more}


def dense(neurons: int, **more) -> dict:
    return {"kind": "dense", "neurons": neurons, **more}


def pool(size: int, **more) -> dict:
    return {"kind": "pool", "pool": size, "neuron": {"model": "if", "threshold": 0.75}, **more}


BY_TRACE = {"probability": 1.0, "peak": 100, "factor": 180, "threshold": 30}
HIDDEN = {"initial_bias": 0.5, "initial_gain": 2.0}
LIF = {"model": "lif", "leak_shift": 2, "threshold": 0.7, "refractory_ticks": 2, "reset": "subtract", "state_bits": 10}
CUBA = {"model": "cuba_lif", "leak_shift": 4, "current_leak_factor": 192, "threshold": 0.7, "current_bits": 20, "state_bits": 20}


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
    return replace(net, soma_lanes=1, mesh=mesh, mapping=mapping, cycles=cycles, ticks=len(net.layers) + 3, images=net.images[:1])
