"""The whole history of one weight: the training again from its beginning, sample by sample, with every spike and error spike traced.

Exact, and long: samples go one by one, with 784-200-10 about ten times as slowly as the training did. After every sample the steps that
were found must make the weight that the chip has, and at the end all weights must be those of the run.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from neurochip.common.arrays import checked, reading
from neurochip.common.errors import NeurochipError
from neurochip.common.hdf5 import check_hdf5
from neurochip.core.engine import run_samples
from neurochip.core.rng import RngParam, Sharing, advance, jump_table
from neurochip.core.vectors import P, Trace
from neurochip.mapping.network import INPUT
from neurochip.runfile.experiment import stored_setup
from neurochip.runfile.names import RUN_H5
from neurochip.runfile.weights import read_weights
from neurochip.simulator.addresses import unit_names
from neurochip.simulator.build import set_rule
from neurochip.simulator.memories import load_weights, memory_of, weights_of
from neurochip.simulator.samples import load_samples
from neurochip.simulator.simulator import Simulator
from neurochip.trace.observe import CERTAIN, Recording
from neurochip.trace.recorder import AGAIN, WHOLE_RUN
from neurochip.trace.why import Step, parse, step_text, steps_of, where_of


class Watch:
    """Trains again and keeps what one weight lived through."""

    def __init__(self, run: Path, layer: str, weight: str, say: Callable[[str], None]) -> None:
        import h5py

        if not (run / RUN_H5).exists():
            raise NeurochipError(f"{run / 'run.h5'}: no such file; give the folder of a complete run")
        check_hdf5(run / RUN_H5, str(run / RUN_H5), WHOLE_RUN)
        with reading(f"{run / RUN_H5}: not a readable run.h5", WHOLE_RUN), h5py.File(run / RUN_H5, "r") as file:
            self.facts, names = dict(file.attrs), [f"layers/{i}/weight" for i in range(len(file["layers"]))]
            self.final = [checked(file[name][()], f"{run / RUN_H5}: {name}", "iu") for name in names]
            presented = checked(file["samples/train"][()], f"{run / RUN_H5}: samples/train", "iu")
            self.presented = [int(n) for n in presented.reshape(-1)]
        self.setup = stored_setup(run, self.facts)
        rule = self.setup.experiment.learning_rule
        if rule.p_learn is None:
            name = self.setup.experiment.rule_name
            raise NeurochipError(f"{run}: rule '{name}' does not tell how it decides (its p_learn), which --all needs; {AGAIN}")
        self.p_learn = rule.p_learn
        if self.setup.experiment.network.feedback == "direct":
            raise NeurochipError(f"{run}: [network] feedback = 'direct' draws whom to tell, too, which --all does not follow; {AGAIN}")
        self.samples = load_samples(self.setup, say)
        self.simulator = Simulator(self.setup, self.samples.data.image_shape, self.samples.data.n_classes)
        self.mapping = self.simulator.mapping
        if path := self.setup.experiment.network.weights:
            load_weights(self.simulator.state, self.mapping, read_weights(Path(path), self.mapping, "run.h5"))
        shapes = [(self.mapping.tiles_of(one.index), one.rows, one.shape.channels) for one in self.mapping.layers]
        self.weight = parse(self.mapping, shapes, layer, weight)
        self.where = where_of(self.setup, self.mapping, self.weight)
        self.core = self.where.core
        channel = self.weight.channel - self.mapping.cores[self.core].part.c0
        self.cell = memory_of(self.simulator.state, self.core)[0][self.where.row, channel : channel + 1]  # a view
        self.names = [unit_names(self.mapping.layers[place.layer], place) for place in self.mapping.cores]
        self.run_path = run

    def value(self) -> int:
        """Return the weight as it stands, in LSB."""
        return int(self.cell[0])

    def steps(self, on_sample: Callable[[int], None]) -> Iterator[tuple[int, int, list[Step]]]:
        """Yield (epoch, position, steps) of every sample in which spike and error met. RuntimeError if it is not the run that it was."""
        experiment, state = self.setup.experiment, self.simulator.state
        ticks, labels, stimulus = experiment.run.ticks, self.samples.data.y_train, self.samples.train
        most = sum(place.axons + place.neurons for place in self.simulator.placements) + int(state.param[:, P.OWN_ROOM].sum())
        chip = state._replace(trace=np.zeros((ticks * most, len(Trace)), dtype=np.int32))
        ends = self.simulator.exit_at(training=True)
        run = self.simulator.run_vector(ticks, experiment.warmup_ticks, experiment.read_from_tick, True, ends)
        jump, votes = jump_table(chip.rng_param, ticks), np.zeros((1, self.simulator.placements[-1].neurons), dtype=np.int32)
        done = 0
        for epoch in range(len(self.presented)):
            set_rule(state, experiment, epoch)
            for position, sample in enumerate(self.simulator.order(epoch, labels)):
                before, pool, learn = self.value(), state.rng_pool.copy(), state.rng_learn.copy()
                chip.traced[0], votes[:] = 0, 0  # they decide when the sample ends
                one, label = stimulus.take(slice(sample, sample + 1)), labels[sample : sample + 1]
                run_samples(chip, self.simulator.traffic, run, self.simulator.rule.hook, jump, *one, label, votes)
                recording = self.recording(chip.trace[: chip.traced[0]], before, pool, learn)
                found = []
                if len(recording.arrays[self.at("decisions")]):
                    found = list(steps_of(recording, self.where, self.mapping, self.weight))
                if (found[-1].new if found else before) != self.value():
                    raise RuntimeError(f"epoch {epoch + 1}, sample {position}: steps and memory differ; this is a fault of the simulator")
                done += 1
                on_sample(done)
                if found:
                    yield epoch + 1, position, found
        for (mine, _), theirs in zip(weights_of(state, self.mapping), self.final, strict=True):
            if not np.array_equal(mine if theirs.ndim == 3 else mine[0], theirs):
                raise NeurochipError(f"{self.run_path}: trained again, the weights differ: other data, or made by another version; {AGAIN}")

    def at(self, name: str) -> str:
        """Return the path of the layer's data set in a recording."""
        return f"layers/{self.weight.layer}/{name}"

    def recording(self, trace: np.ndarray, before: int, pool: np.ndarray, learn: np.ndarray) -> Recording:
        """Return what `steps_of` wants of a sample, from its trace and the generators' states before it."""
        layer, c = self.mapping.layers[self.weight.layer], self.core
        own = trace[(trace[:, Trace.CORE] == c) & (trace[:, Trace.SIGN] != 0)]
        own = own[(own[:, Trace.TICK] >= self.setup.experiment.warmup_ticks) & (self.simulator.state.param[c, P.LEARNS] != 0)]
        channels, units = layer.shape.channels, self.names[c][own[:, Trace.UNIT]]
        arrays: dict[str, np.ndarray] = {self.at("decisions"): np.zeros((0, 8), dtype=np.int64)}
        mine = units % channels == self.weight.channel
        if not mine.any():
            return Recording({"first": 0}, arrays)
        param = self.simulator.state.rng_param
        threshold = int(self.simulator.state.rule_param[c, self.p_learn])
        words = np.full(len(own), CERTAIN, dtype=np.int64)
        if not threshold >> int(param[RngParam.BITS]):
            state, table = learn[c : c + 1].copy(), jump_table(param, 1)
            for k in range(len(own)):
                advance(state, table)
                words[k] = state[0]
        fixed = np.full(len(own), c)
        columns = (own[:, Trace.TICK], fixed, units // channels, units % channels, own[:, Trace.SIGN], words, fixed * 0 + threshold)
        arrays[self.at("decisions")] = np.column_stack([*columns, words < threshold]).astype(np.int64)
        arrays[self.at("arrived")] = self._arrived(trace, np.unique(own[mine, Trace.TICK]))
        arrays[self.at("weight_before")] = np.full((self.weight.copy + 1, self.weight.row + 1, self.weight.channel + 1), before)
        if layer.drawn > 1:
            arrays[self.at("drawn")] = self._drawn(pool)
        return Recording({"first": 0}, arrays)

    def _arrived(self, trace: np.ndarray, ticks: np.ndarray) -> np.ndarray:
        """Tick, unit of the sources, of these ticks: input spikes count in their tick, those of cores in the next one."""
        found, first = [], 0
        for source in self.mapping.layers[self.weight.layer].sources:
            for c in [-1] if source.layer == INPUT else self.mapping.cores_of(source.layer):
                rows = trace[(trace[:, Trace.CORE] == c) & (trace[:, Trace.SIGN] == 0)]
                rows = rows[np.isin(rows[:, Trace.TICK] + (c >= 0), ticks)]
                units = rows[:, Trace.UNIT] if c < 0 else self.names[c][rows[:, Trace.UNIT]]
                found.append(np.column_stack([rows[:, Trace.TICK] + (c >= 0), units + first]))
            first += source.shape.units
        return np.concatenate(found)

    def _drawn(self, pool: np.ndarray) -> np.ndarray:
        """The candidates of every tick, (ticks, locations of the layer), by stepping the core's bank again."""
        layer, place, param = self.mapping.layers[self.weight.layer], self.mapping.cores[self.core], self.simulator.state.param[self.core]
        rng, at, n = self.simulator.state.rng_param, int(param[P.LOCATION_AT]), int(param[P.LOCATIONS])
        bits, names = int(rng[RngParam.BITS]), place.part.location_numbers(layer.shape.width)
        shared, table = rng[RngParam.SHARING] != Sharing.PER_UNIT, jump_table(rng, 1)
        turn = names % bits if rng[RngParam.SHARING] == Sharing.ROTATED else np.zeros(n, dtype=np.int64)
        bank = pool[at : at + (1 if shared else n)].copy()
        drawn = np.zeros((self.setup.experiment.run.ticks, layer.shape.height * layer.shape.width), dtype=np.int32)
        for row in drawn:
            advance(bank, table)
            words = np.broadcast_to(bank.astype(np.int64), n)
            words = (words << turn | words >> (bits - turn)) & ((1 << bits) - 1)
            row[names] = words * place.candidates >> bits
        return drawn


def why_all(run: Path, layer: str, weight: str, say: Callable[[str], None], on_sample: Callable[[int, int], None]) -> Iterator[str]:
    """Yield lines about one weight in all of the training; the last is the sum, which is the change that the run's weights show."""
    watch = Watch(run, layer, weight, say)
    total, first = sum(watch.presented), watch.value()
    ticks, layers = watch.setup.experiment.run.ticks, watch.mapping.layers
    say(f"training again from the beginning, to watch one weight: {total:,} samples of {ticks} ticks, one by one; this is long")
    met = ups = downs = lost = denied = 0
    for epoch, position, steps in watch.steps(lambda done: on_sample(done, total)):
        for step in steps:
            met, lost, denied = met + 1, lost + (step.learned == 1 and step.old == step.new), denied + (step.learned == 0)
            ups, downs = ups + max(step.new - step.old, 0), downs + max(step.old - step.new, 0)
            text = step_text(layers[watch.weight.layer], watch.mapping, watch.weight, step, "+" if step.sign > 0 else "-")
            yield f"epoch {epoch} sample {position} tick {step.tick}: {text}"
    last = watch.value()
    yield (
        f"sum over {total:,} samples: {met} times spike and error met, {denied} without learning, {lost} lost at the rail: "
        f"+{ups} -{downs} = {ups - downs:+d}; weight {first} -> {last}, as in the run"
    )
