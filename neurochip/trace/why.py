"""Why one weight is what it is: every spike, error spike and draw of a recorded sample that met on it, and what came of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neurochip.common.arrays import reading
from neurochip.common.errors import NeurochipError, did_you_mean
from neurochip.experiment.setup import Setup
from neurochip.mapping.network import INPUT, Layer
from neurochip.mapping.place import Mapping, place
from neurochip.runfile.experiment import stored_setup
from neurochip.runfile.names import RUN_H5
from neurochip.simulator.addresses import Fields, axon_names, fields_of, weight_rows
from neurochip.trace.observe import CERTAIN, UNKNOWN, Recording
from neurochip.trace.recorder import WHOLE_RUN, chosen, load_recordings


class Weight(NamedTuple):
    """One weight of a layer, as /layers/<i>/weight has it; copy: of which tile, if the layer is cut into tiles."""

    layer: int
    row: int
    channel: int
    copy: int


class Step(NamedTuple):
    """A spike and an error spike that met on the weight while it learned."""

    tick: int
    location: int
    source: int  # unit of the sources whose spike arrived
    sign: int
    word: int  # CERTAIN: without a draw
    threshold: int
    learned: int  # 1, 0; UNKNOWN
    old: int
    new: int


def mapping_of(setup: Setup, recording: Recording) -> Mapping:
    """Place the network of a recording on its cores."""
    return place(setup, tuple(json.loads(recording.facts["inputs"])), int(recording.facts["classes"]))


def core_of(mapping: Mapping, weight: Weight) -> int:
    """Return the core whose memory the weight is in."""
    (core,) = (
        c
        for c in mapping.cores_of(weight.layer)
        if mapping.copy_of(c) == weight.copy and mapping.cores[c].part.c0 <= weight.channel < mapping.cores[c].part.c1
    )
    return core


class Where(NamedTuple):
    """A weight in its core's memory, and what its core knows of addresses."""

    core: int
    row: int
    fields: Fields
    names: np.ndarray  # of axons
    local: dict[int, int]  # location of the layer -> of the core


def where_of(setup: Setup, mapping: Mapping, weight: Weight) -> Where:
    """Find a weight: its core, the row there, and the core's tables and names."""
    c, layer = core_of(mapping, weight), mapping.layers[weight.layer]
    core = mapping.cores[c]
    local = {int(number): k for k, number in enumerate(core.part.location_numbers(layer.shape.width))}
    row = int(np.flatnonzero(weight_rows(layer, core) == weight.row)[0])
    return Where(c, row, fields_of(setup.chip, layer, core), axon_names(core), local)


def steps_of(recording: Recording, where: Where, mapping: Mapping, weight: Weight) -> Iterator[Step]:
    """Yield every coincidence on a weight, in the order in which the rule met them."""
    arrays, layer, at = recording.arrays, mapping.layers[weight.layer], f"layers/{weight.layer}/"
    c, row, fields, names, local = where
    core, low = mapping.cores[c], -(1 << (mapping.cores[c].weight_bits - 1))
    arrived = set(map(tuple, arrays[at + "arrived"].tolist()))
    value = int(arrays[at + "weight_before"][weight.copy, weight.row, weight.channel])
    decisions = arrays[at + "decisions"]
    for tick, _, location, _, sign, word, threshold, learned in decisions[
        (decisions[:, 1] == c) & (decisions[:, 3] == weight.channel)
    ].tolist():
        source = weight.row
        if layer.is_conv:
            drawn = arrays[at + "drawn"][tick - recording.facts["first"], location] if layer.drawn > 1 else 0
            of_place = local[location] * core.candidates + drawn
            entries = fields.entries[fields.first[of_place] : fields.first[of_place + 1]]
            axons = entries[entries[:, 0] == row, 1]
            source = int(names[axons[0]]) if len(axons) else -1
        if (tick, source) in arrived:
            old, value = value, min(max(value + sign * (learned == 1), low), -low - 1)
            yield Step(tick, location, source, sign, word, threshold, learned, old, value)


def recorded_changes(recording: Recording, weight: Weight) -> list[tuple[int, int, int]]:
    """Return (tick, old, new) of every tick that changed the weight, by the memories themselves."""
    rows = recording.arrays[f"layers/{weight.layer}/changes"]
    mine = (rows[:, 1] == weight.copy) & (rows[:, 2] == weight.row) & (rows[:, 3] == weight.channel)
    return [(int(row[0]), int(row[4]), int(row[5])) for row in rows[mine]]


def unit_text(layer: Layer, mapping: Mapping, unit: int) -> str:
    """Name a unit of a layer's sources in words."""
    for source in layer.sources:
        if unit < source.shape.units:
            break
        unit -= source.shape.units
    height, width, channels = source.shape
    name = "input" if source.layer == INPUT else mapping.layers[source.layer].name
    if source.layer == INPUT:
        channel, (y, x) = unit // (height * width), divmod(unit % (height * width), width)
    else:
        (y, x), channel = divmod(unit // channels, width), unit % channels
    if height * width == 1:
        return f"{name} {unit}"
    return f"{name} ({y},{x})" + (f" map {channel}" if channels > 1 else "")


def why(run: Path, layer: str, weight: str, sample: int | None) -> Iterator[str]:
    """Yield lines about one weight in the recorded samples, or in one of them."""
    facts, recordings = load_recordings(run)
    with reading(f"{run / RUN_H5}: its recordings do not fit its experiment", WHOLE_RUN):
        yield from _told(run, layer, weight, sample, facts, recordings)


def _told(run: Path, layer: str, weight: str, sample: int | None, facts: dict[str, Any], recordings: list[Recording]) -> Iterator[str]:
    setup = stored_setup(run, facts)
    if not setup.experiment.learning_rule.takes_errors:
        raise NeurochipError(
            f"{run}: rule '{setup.experiment.rule_name}' learns from spikes, `why` knows steps made by error spikes; what "
            f"changed, tick by tick, is in run.h5: record/N/layers/I/changes"
        )
    recordings = chosen(run, recordings, sample)
    mapping = mapping_of(setup, recordings[0])
    shapes = [(mapping.tiles_of(one.index), one.rows, one.shape.channels) for one in mapping.layers]
    one = parse(mapping, shapes, layer, weight)
    _check_recorded(run, recordings[0], layer)
    for recording in recordings:
        yield from lines(recording, setup, mapping, one)


def parse(mapping: Mapping, shapes: list[tuple[int, int, int]], layer: str, text: str) -> Weight:
    """Return the weight that a user named; shapes: (copies, rows, channels) of every layer."""
    names = [one.name for one in mapping.layers]
    if layer not in names:
        raise NeurochipError(f"--layer {layer}: no layer of that name{did_you_mean(layer, names)}")
    copies, rows, channels = shapes[names.index(layer)]
    if not rows:
        raise NeurochipError(f"--layer {layer}: pooled units have no weights; choose another layer")
    numbers = text.split(",")
    limits = [rows, channels, copies] if copies > 1 else [rows, channels]
    if len(numbers) != len(limits) or not all(n.strip().isdecimal() and int(n) < m for n, m in zip(numbers, limits, strict=True)):
        most = f"row 0 to {rows - 1}, neuron or feature map 0 to {channels - 1}" + (f", tile 0 to {copies - 1}" if copies > 1 else "")
        raise NeurochipError(f"--weight {text}: must be {'i,j,tile' if copies > 1 else 'i,j'} in layer '{layer}': {most}")
    row, channel, *copy = map(int, numbers)
    return Weight(names.index(layer), row, channel, copy[0] if copy else 0)


def _check_recorded(run: Path, recording: Recording, layer: str) -> None:
    there = json.loads(recording.facts["what"])
    missing = [("what", what) for what in ("spikes", "errors", "weights") if what not in there]
    missing += [("layers", layer)] if layer not in json.loads(recording.facts["recorded_layers"]) else []
    for key, wanted in missing:
        raise NeurochipError(f"{run}: recorded without '{wanted}'; run it again with it in --set record.{key}=[...]")


def lines(recording: Recording, setup: Setup, mapping: Mapping, weight: Weight) -> Iterator[str]:
    """Yield one sample's lines; the last is the sum, which is the change that the memory shows."""
    facts, layer, arrays = recording.facts, mapping.layers[weight.layer], recording.arrays
    at = f"layers/{weight.layer}/"
    if facts["epoch"] == "final":
        where = f"training sample {facts['sample']}, shown to the trained chip"
    else:
        where = f"sample {facts['position']} of epoch {facts['epoch']}, training sample {facts['sample']}"
    yield f"{layer.name}, weight {weight.row},{weight.channel}: {where}, label {facts['label']}, ticks {facts['first']} to {facts['last']}"
    old = now = int(arrays[at + "weight_before"][weight.copy, weight.row, weight.channel])
    ups = downs = lost = denied = met = 0
    by_tick: dict[int, int] = {}
    steps = list(steps_of(recording, where_of(setup, mapping, weight), mapping, weight))
    for step in steps:
        met += 1
        ups, downs = ups + max(step.new - step.old, 0), downs + max(step.old - step.new, 0)
        lost += step.learned == 1 and step.old == step.new
        denied += step.learned == 0
        now, by_tick[step.tick] = step.new, step.new
        yield f"tick {step.tick:>4}: {step_text(layer, mapping, weight, step, _origins(arrays, mapping, weight, step))}"
    changes = recorded_changes(recording, weight)
    final = changes[-1][2] if changes else old
    if all(step.learned != UNKNOWN for step in steps):
        wrong = [tick for tick, _, new in changes if by_tick.get(tick) != new]
        if wrong or now != final:
            raise NeurochipError(
                f"steps and memory of the weight differ at ticks {wrong}: the recording is damaged, or this is a fault of the simulator; "
                "make the run again"
            )
        total = f"+{ups} -{downs} = {now - old:+d}"
    else:
        total = f"{final - old:+d} (this rule does not tell how it decides: from the memory)"
    learning = f"learning from tick {facts['learn_from']}" if facts["learn_from"] < facts["ticks"] else "nothing is learned"
    lsb = 2.0 ** -mapping.widths_of(weight.layer).frac_bits
    yield (
        f"sum ({learning}): {met} times spike and error met, {denied} without learning, {lost} lost at the rail: {total}; "
        f"weight {old} -> {final} ({old * lsb:g} -> {final * lsb:g}), recorded change {final - old:+d}"
    )


def _origins(arrays: dict[str, np.ndarray], mapping: Mapping, weight: Weight, step: Step) -> str:
    """The error spikes that met an open gate, and the cores they came from."""
    layer = mapping.layers[weight.layer]
    if layer.index == len(mapping.layers) - 1:
        return "+ from the teacher" if step.sign > 0 else "- as the winner"
    rows = arrays[f"layers/{weight.layer}/errors_arrived"]
    unit = step.location * layer.shape.channels + weight.channel
    mine = rows[(rows[:, 0] == step.tick) & (rows[:, 1] == unit) & (rows[:, 4] == 1)]
    names = [*(core.name for core in mapping.cores), "the class"]  # -1: told by direct feedback
    return ", ".join(f"{'+' if sign > 0 else '-'} from {names[core]}" for _, _, sign, core, _ in mine.tolist())


def step_text(layer: Layer, mapping: Mapping, weight: Weight, step: Step, errors: str) -> str:
    """Tell in words a step that spike and error made on a weight."""
    place = f" at ({step.location // layer.shape.width},{step.location % layer.shape.width})" if layer.is_conv else ""
    if step.learned == UNKNOWN:
        verdict = "word " + hex(step.word) if step.word != CERTAIN else "no draw"
    elif step.word == CERTAIN:
        verdict = "certain"
    else:
        verdict = f"draw {step.word:#x} {'<' if step.learned else '>='} {step.threshold:#x}"
    if step.learned == 1:
        result = f"{step.old} -> {step.new}" if step.old != step.new else f"{step.old}, lost at the rail"
    else:
        result = f"{step.old}, not learned" if step.learned == 0 else ""
    return f"spike of {unit_text(layer, mapping, step.source)}; error {errors}{place}; {verdict}: {result}"
