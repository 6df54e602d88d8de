"""What the chips of the oracles' tests share, whatever their network: widths, generators, cycles and samples, in an experiment's words."""

import math
import random
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from oracles import core as oracle

from neurochip.common import random as host_random
from neurochip.core.events import N_EVENTS, N_PHASES, OBSERVED, Event, Phase
from neurochip.simulator.stimulus import Stimulus, of_images

TIMED = [event for event in Event if event not in OBSERVED]
SHARINGS = ("per_unit", "rotated", "broadcast")


@dataclass
class ChipWords:
    """A chip and its samples; who inherits adds the network."""

    kind: str = "xorshift16"
    sharing: str = "per_unit"
    steps: int = 1
    word_bits: int = 64
    port: str = "transposable"
    lanes: int | str | None = None  # the last: those of a word
    first_integrate: str = "spikes"
    built_neurons: int = 256  # of a core
    soma_lanes: int = 1
    input_lanes: int = 1
    encoder: str = "parallel"
    beta_by: str = "free"
    acc_bits: int | None = None
    back_bits: int | None = None
    gumbel_address_bits: int = 8
    error_gain: int = 0
    beta: float = 1.0
    readout: str = "potential"
    learn_rate: float = 1.0  # at 1.0 every update is certain
    epoch: int = 0  # from 0; learn_epochs count from 1
    ticks: int = 10
    read_from: int = 2
    input_ticks: int | None = None
    cycles: dict = field(default_factory=lambda: {event: 1 + 2 * event for event in TIMED})
    overhead: int = 6
    seed: int = 1
    images: tuple[str, ...] = ("random", "sparse")
    corners: str = "none"  # overwrite the initial weights: all at the low rail, all at the high one, or a mix
    has_events: bool = False
    exit: tuple[int, int, bool] = (0, 0, False)  # margin in LSB or wins, ticks at least, whether generators then go on as if it had not

    streams: str = "signed"
    feedback: str = "transposed"
    told_by: str = "winner"
    told_one_in: int = 4

    def error_lines(self) -> str:
        """Keys of [network] that say how errors go back."""
        told = f'network.told_by = "{self.told_by}"\nnetwork.told_one_in = {self.told_one_in}\n' if self.feedback == "direct" else ""
        return f'network.error_streams = "{self.streams}"\nnetwork.feedback = "{self.feedback}"\n{told}'

    def error_path(self) -> dict[str, str | int]:
        """The same in the words of an oracle."""
        return {"streams": self.streams, "feedback": self.feedback, "told_by": self.told_by, "told_one_in": self.told_one_in}

    def sign_seed(self, layer: int, part: int) -> int:
        """The word from which the fixed signs of a layer's part are made."""
        key = host_random.stream(self.seed, "generators", "feedback", layer, part)
        return int(host_random.generator_seeds(key, 1, oracle.RNG_BITS[self.kind])[0])

    def tables(self, rule: str, rates: str, epochs: int, warmup: int, has_mesh: bool = False, chip: str = "") -> str:
        """All tables of the experiment file but the network's; `rates` and `chip` are lines of [rule] and of [chip]."""
        narrow = "".join(f"{key} = {bits}\n" for key, bits in (("acc_bits", self.acc_bits), ("back_bits", self.back_bits)) if bits)
        lanes = "" if self.lanes is None else f"lanes = {self.lanes!r}"
        light = f"input_ticks = {self.input_ticks}" if self.input_ticks else ""
        cycles = "\n".join(f"{event.name.lower()} = {n}" for event, n in self.timed().items())
        network = 0 if has_mesh else self.overhead // 2
        return f"""
[data]
name = "mnist"
[rule]
name = "{rule}"
error_gain = {self.error_gain}
beta = {self.beta}
{rates}
[run]
epochs = {epochs}
ticks = {self.ticks}
warmup_ticks = {warmup}
read_from_tick = {self.read_from}
readout = "{self.readout}"
{light}
[energy]
table = "loihi_sanafe"
[chip]
preset = "serial64"
{chip}
[chip.core]
word_bits = {self.word_bits}
weight_bits = 8
frac_bits = 6
port = "{self.port}"
first_integrate = "{self.first_integrate}"
n_neurons = {self.built_neurons}
soma_lanes = {self.soma_lanes}
input_lanes = {self.input_lanes}
encoder = "{self.encoder}"
beta = "{self.beta_by}"
{lanes}
gumbel_address_bits = {self.gumbel_address_bits}
{narrow}
[chip.rng]
kind = "{self.kind}"
sharing = "{self.sharing}"
steps_per_draw = {self.steps}
[chip.cycles_per_tick]
network = {network}
barrier = {self.overhead - network}
[chip.cycles_per_event]
{cycles}
"""

    def timed(self) -> dict[Event, int]:
        """Cycles per event; words side by side take theirs together."""
        is_beside = {
            (Event.WORD_READ, Event.BANK_ACCESS): self.lanes is not None,
            (Event.WORD_WRITE, Event.BANK_ACCESS): self.lanes is not None,
            (Event.NEURON_UPDATE, Event.SOMA_CYCLE): self.soma_lanes > 1,
            (Event.INPUT_LOAD, Event.INPUT_CYCLE): self.input_lanes > 1 or self.encoder == "serial",
        }
        units = {one: 0 for (one, _), is_so in is_beside.items() if is_so} | {
            step: max(1, self.cycles[step]) for (_, step), is_so in is_beside.items() if is_so
        }
        return self.cycles | units

    def units_beside(self) -> dict[str, int | str]:
        """Units side by side, in the words of an oracle."""
        return {"soma_lanes": self.soma_lanes, "input_lanes": self.input_lanes, "encoder": self.encoder}

    def beside(self) -> dict[int, int]:
        """Words side by side, by the bits of a field."""
        fields = {bits: self.word_bits // bits for bits in range(1, min(self.word_bits, 16) + 1)}
        if self.lanes is None:
            return dict.fromkeys(fields, 1)
        row = {bits: -(-self.built_neurons // n) for bits, n in fields.items()}
        return row if self.lanes == "row" else {bits: min(row[bits], max(self.lanes // n, 1)) for bits, n in fields.items()}

    def drawn_images(self, n: int) -> np.ndarray:
        """uint8 (images, n)."""
        dice = np.random.default_rng(self.seed)
        kinds = {
            "black": lambda: np.zeros(n),
            "white": lambda: np.full(n, 255),
            "random": lambda: dice.integers(0, 256, n),
            "sparse": lambda: dice.integers(0, 256, n) * (dice.random(n) < 0.2),
        }
        return np.array([kinds[image]() for image in self.images], dtype=np.uint8).reshape(-1, n)

    def extremes(self, bits: int) -> tuple[int, ...]:
        """What weights of that width are drawn from to be corners; nothing if they are left as they are."""
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        return {"low": (low,), "high": (high,), "mixed": (low, low + 1, 0, high - 1, high)}.get(self.corners, ())

    def samples_of(self, pixels: np.ndarray) -> tuple[Stimulus, list | None]:
        """The images, or events as likely as these are bright: as the chip takes them, and per sample and tick as lists (None: images)."""
        if not self.has_events:
            return of_images(pixels), None
        events = self.events_of(pixels)
        ticks = [numbers for sample in events for numbers in sample]
        offsets = np.cumsum([0, *map(len, ticks)]).astype(np.int64)
        return Stimulus(pixels, offsets, np.array([number for numbers in ticks for number in numbers], dtype=np.int32)), events

    def events_of(self, pixels: np.ndarray) -> list[list[list[int]]]:
        """[sample][tick]: inputs that spike, as likely as the images are bright."""
        dice = np.random.default_rng(self.seed + 1)
        return [[np.flatnonzero(dice.integers(0, 256, image.shape) < image).tolist() for _ in range(self.ticks)] for image in pixels]


def side_by_side(dice: random.Random, word_bits: int, field_bits: list[int], built_neurons: int) -> dict:
    """Any port of a memory, any number of lanes that its words allow."""
    fields = math.lcm(*(word_bits // bits for bits in field_bits))
    lanes: list[int | str | None] = [None]
    if word_bits % 32 == 0:
        lanes += ["row", "row", *(fields * k for k in (2, 3, 4) if fields * k <= 4096)]
    chosen = dice.choice(lanes)
    ports = ["transposable", "plain"]
    most = max(word_bits // bits for bits in field_bits)
    if chosen is not None and built_neurons > most:
        ports.append("skewed")
    return {"lanes": chosen, "port": dice.choice(ports), "built_neurons": built_neurons}


def units_side_by_side(dice: random.Random, beta: float) -> dict:
    """Any number of somas and of inputs that a cycle takes, either encoder, beta by a shift if it can be."""
    return {
        "soma_lanes": dice.choice((1, 1, 2, 3, 8, 64)), "input_lanes": dice.choice((1, 1, 2, 5, 64)),
        "encoder": dice.choice(("parallel", "serial")),
        "beta_by": dice.choice(("free", "power_of_two")) if math.log2(beta).is_integer() else "free",
    }  # fmt: skip


def random_error_path(dice: random.Random, may_be_fixed: bool) -> dict[str, str | int]:
    """How errors go back; through fixed signs only where every layer is dense and learns from errors."""
    feedback = dice.choice(("transposed", "transposed", "random", "direct")) if may_be_fixed else "transposed"
    return {
        "streams": "signed" if feedback == "direct" else dice.choice(("signed", "split")), "feedback": feedback,
        "told_by": dice.choice(("winner", "winner", "class")), "told_one_in": dice.choice((1, 2, 3, 50)),
    }  # fmt: skip


def random_exit(dice: random.Random, frac_bits: int, ticks: int) -> tuple[int, int, bool]:
    """An early exit whose margin is within what so few ticks bring, in potentials or in wins; mostly none."""
    margin = dice.choice((0, 0, 1, 2, 3, max(1, int(dice.choice((0.1, 0.5, 2.0, 5.0)) * 2**frac_bits))))
    return margin, dice.randint(0, ticks), dice.random() < 0.5


def check_common(chip, expected: dict) -> None:
    """Counts, cycles and trace of a chip that ran, against an oracle's; behind the trace every number is a 9."""
    counts = chip.counts.reshape(-1, N_PHASES, N_EVENTS)
    for c, of_core in enumerate(expected["counts"]):
        told = {(phase.name, event.name): int(counts[c, phase, event]) for phase in Phase for event in Event if counts[c, phase, event]}
        assert told == {(phase.name, event.name): n for (phase, event), n in of_core.items() if n}, f"core {c}"
    assert chip.cycles[:, 0].tolist() == expected["share"]
    assert chip.cycles[:, 1].tolist() == expected["busy"]
    assert chip.trace[: chip.traced[0]].tolist() == [list(row) for row in expected["trace"]]
    assert (chip.trace[chip.traced[0] :] == 9).all()


def events_in(expected: dict) -> Counter:
    """Events of the whole chip."""
    total = Counter()
    for of_core in expected["counts"]:
        for (_, event), n in of_core.items():
            total[event] += n
    return total
