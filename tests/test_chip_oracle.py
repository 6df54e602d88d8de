"""Layers on several cores, shared kernels, drawn pooling, skips and neurons with a memory: the oracle of docs/network.md."""

import copy
import math
import random
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise

import chip_oracle
import numpy as np
import oracle

from neurochip import host_random
from neurochip.core.events import OBSERVED, Event

TIMED = [event for event in Event if event not in OBSERVED]
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

    def name(self, i: int) -> str:
        return "output" if i == len(self.layers) - 1 else f"layer{i}"

    def bits(self, i: int) -> tuple[int, int]:
        return self.layers[i].get("weight_bits", 8), self.layers[i].get("frac_bits", 6)

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
        "state_bits": dice.randint(min(frac_bits + 3, 32), min(frac_bits + 6, 32)), "threshold": dice.choice((0.3, 0.5, 1.0, 1.7)),
    }  # fmt: skip


def random_layers(dice: random.Random, planes: tuple[int, int, int]) -> tuple[list[dict], list[tuple[int, int, int]]]:
    """Layers that fit each other, and their shapes."""
    layers, shapes = [], []
    for _ in range(dice.choice((1, 1, 2, 2, 3))):
        before = shapes[-1] if shapes else (planes[1], planes[2], planes[0])
        layer, after = {}, None
        while after is None or math.prod(after) > 120:
            layer = {"kind": "dense", "neurons": dice.randint(3, 9)}
            if dice.random() < 0.75:
                layer = {
                    "kind": "conv", "filters": dice.randint(1, 4), "kernel": dice.randint(1, 3), "stride": dice.choice((1, 1, 2)),
                    "padding": dice.randint(0, 1), "pool": dice.choice((1, 1, 2, 3)),
                }  # fmt: skip
            after = shape_after(before, layer)
        weight_bits = dice.choice((2, 4, 8, 8, 12, 16))
        layer["weight_bits"], layer["frac_bits"] = weight_bits, min(max(weight_bits - dice.choice((0, 2, 2)), 0), 15)
        layer["initial_gain"], layer["initial_bias"] = dice.choice((0.5, 1.0, 2.0, 8.0)), dice.choice((0.0, 0.1, 0.5, -0.2))
        layer["rule"] = {"learn_rate": dice.choice((1.0, 0.01))} if dice.random() < 0.2 else {}
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
            if dice.random() < 0.5 and (layers[i]["kind"] == "dense" or tuple(size * ratio for size in grid) == shapes[j][:2]):
                layers[i].setdefault("skip", []).append(f"layer{j}")
    return layers, shapes


def random_net(dice: random.Random) -> Net:
    """Any small network on any small chip."""
    planes = (dice.choice((1, 1, 2, 3)), dice.randint(4, 7), dice.randint(4, 7))
    layers, shapes = random_layers(dice, planes)
    mapping = {}
    for i, (layer, (height, width, channels)) in enumerate(zip(layers[:-1], shapes, strict=False)):
        if dice.random() < 0.75:
            by_tiles = layer["kind"] == "conv" and dice.random() < 0.5
            mapping[f"layer{i}"] = (
                {"rows": dice.randint(1, min(height, 3)), "columns": dice.randint(1, min(width, 3))}
                if by_tiles
                else {"cores": dice.randint(1, min(channels, 4))}
            )
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
        error_gain=dice.randint(0, 2),
        beta=dice.choice((1.0, 0.5, 2.5)),
        readout=dice.choice(("potential", "spikes")),
        learns=dice.random() < 0.9,
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
    for number in range(60):
        net = replace(random_net(random.Random(number)), acc_bits=None)
        whole_chip, cut_chip = chip_of(net, whole(net.as_lists())), chip_of(net, cut(net))
        pixels = net.pixels().tolist()
        rest = (pixels, [0] * len(pixels), net.ticks, net.ticks, net.read_from, False)
        expected, got = chip_oracle.run(whole_chip, *rest), chip_oracle.run(cut_chip, *rest)
        assert got["votes"] == expected["votes"], f"seed {number}"
        assert spikes_of_layers(cut_chip, got["trace"]) == spikes_of_layers(whole_chip, expected["trace"]), f"seed {number}"
        cores += len(cut_chip["parts"])
    assert cores > 200


def test_a_kernel_is_a_dense_layer_with_equal_weights_and_zeros():
    """Without pooling, cuts and learning: same potentials, spikes, errors, draws; the dense chain is the other oracle's."""
    errors = 0
    for seed in range(40):
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
    assert errors > 100
