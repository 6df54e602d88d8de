"""One run from experiment to report: train, evaluate after every epoch, checkpoint, and leave a complete run directory."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console

from neurochip.common.errors import NeurochipError
from neurochip.common.files import fingerprint, held
from neurochip.common.progress import Progress
from neurochip.common.screen import show
from neurochip.common.stop import stop_signals
from neurochip.experiment.setup import Setup
from neurochip.mapping.place import Weights
from neurochip.mapping.remarks import remarks
from neurochip.reference.twin import Reference
from neurochip.runfile.names import EVALUATION
from neurochip.runfile.summary import Summary
from neurochip.runner import checkpoint, finals, partial, results, summary
from neurochip.runner.checkpoint import Position
from neurochip.runner.faults import fault_facts
from neurochip.runner.lifelong import by_task, refuse_tasks
from neurochip.runner.losses import data_losses
from neurochip.runner.start import put_start_on_chip
from neurochip.runner.unsupervised import Readout, Shown
from neurochip.simulator.memories import weights_of
from neurochip.simulator.samples import Samples, load_samples
from neurochip.simulator.simulator import Evaluation, Simulator, joined
from neurochip.trace.recorder import Recorder

TWIN_CHUNK = 2000  # samples of the float twin between looks at the stop flag


class Interrupted(Exception):
    """The run was asked to stop; its checkpoint is written."""


class Runner:
    """A run in a directory. `go` trains and evaluates what is left to do and writes the results."""

    def __init__(
        self, setup: Setup, folder: Path, threads: int, console: Console, quiet: bool, started: float, jit_s: float,
        samples: Samples | None = None,
    ) -> None:  # fmt: skip
        self.setup = setup
        self.folder = folder
        self.threads = threads
        self.console = console
        self.quiet = quiet
        self.started = started
        self.jit_s = jit_s
        experiment = setup.experiment
        self.stop = threading.Event()
        self.data, self.train_stimulus, self.test_stimulus = samples or load_samples(setup, self.say)
        what = "recordings" if self.train_stimulus.is_events else "images"
        self.say(f"data: {self.data.source}: {len(self.data.y_train):,} training and {len(self.data.y_test):,} test {what}")
        self._check_raster_sample()
        refuse_tasks(setup, self.data)
        self.simulator = Simulator(setup, self.data.image_shape, self.data.n_classes)
        self.start = put_start_on_chip(self.simulator, folder, self._train_off_chip, self.say)
        self.initial = self._weights()
        self.epochs = experiment.n_epochs if self.simulator.rule.learns else 0
        if self.epochs < experiment.n_epochs:
            self.say(f"rule '{experiment.rule_name}' does not learn: no training, one evaluation")
        self.readout: Readout | None = None
        if experiment.readout:
            train, test = Shown(self.train_stimulus, self.data.y_train), Shown(self.test_stimulus, self.data.y_test)
            self.readout = Readout(setup, self.simulator, train, test, threads)
        self.warned = data_losses(self.data, self.epochs > 0) + remarks(setup, self.simulator.mapping)
        for text in self.warned:
            self.say(text)
        self.recorder = Recorder(self.simulator, self.train_stimulus, self.data.y_train, self.epochs)
        self.reference = (
            Reference(experiment, self.simulator.mapping, self.initial) if experiment.reference.enabled and self.epochs else None
        )
        self.twin_start = checkpoint.twin_arrays(self.reference)
        data, initial = self.data, [array for pair in self.initial for array in pair]
        arrays = [data.x_train, data.y_train, data.x_test, data.y_test, *initial, *self.start.arrays()]
        if self.train_stimulus.is_events:
            arrays += [*self.train_stimulus[1:], *self.test_stimulus[1:]]
        self.identity = f"{setup.sha256()}/{fingerprint(arrays)}"
        self.evaluation: Evaluation | None = None

    def say(self, text: str) -> None:
        """Show a line to the person at the screen."""
        if not self.quiet:
            show(self.console, text)

    def go(self) -> Summary:
        """Run to the end; return the summary. Raises Interrupted after SIGINT or SIGTERM (at once, without a new checkpoint, after two)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with stop_signals(self.stop), held(self.folder):
            self.position, self.history = checkpoint.load(
                self.folder, self.identity, self.simulator.state, self.simulator.traffic.totals, self.reference
            )
            if self.position != Position():
                self.say(f"resuming after {self.position.epoch} epochs and {self.position.sample:,} samples")
            self.twin_start = checkpoint.twin_arrays(self.reference)
            self.recorder.resume(self.folder, self.identity, self.position.epoch, self.position.sample)
            self._save()  # says whose folder this is, and whether it can be written, before hours of work
            with Progress(self.console, self.quiet) as progress, ThreadPoolExecutor(1) as twin_thread:
                while self.position.epoch < self.epochs:
                    self._epoch(progress, twin_thread)
                self.simulator.break_if_due(self.position.epoch, self.epochs)
                self.evaluation = self.evaluation or self._evaluate(progress, "test")
            return self._finish(self.evaluation)

    def _epoch(self, progress: Progress, twin_thread: ThreadPoolExecutor) -> None:
        """Train one epoch (or what is left of it), the twin beside it, and evaluate."""
        epoch = self.position.epoch
        n = len(self.simulator.order(epoch, self.data.y_train))
        self.simulator.break_if_due(epoch, self.epochs)
        twin = twin_thread.submit(self._train_twin, self.reference, epoch) if self.reference and self.threads > 1 else None
        self._train(progress, epoch, n)
        self.simulator.break_if_due(epoch, self.epochs, is_trained=True)
        self.evaluation = self._evaluate(progress, f"epoch {epoch + 1} test")
        self._keep(self.evaluation, n, twin)
        self.position = Position(epoch + 1, 0, 0)
        self.twin_start = checkpoint.twin_arrays(self.reference)
        self._save()
        twin_text = f", float twin {100 * self.history.reference_accuracy[-1]:.2f} %" if self.reference else ""
        progress.note(
            f"epoch {epoch + 1}/{self.epochs}: training {100 * self.history.train_accuracy[-1]:.2f} %, "
            f"test {100 * self.history.test_accuracy[-1]:.2f} %{twin_text}"
        )

    def _train(self, progress: Progress, epoch: int, n: int) -> None:
        fits = self.readout.stops(epoch) if self.readout else []
        if self.position.sample == 0 and 0 in fits and not self.history.readout_curve:
            self._try_readout(progress, 0)
        begun = saved = time.monotonic()
        progress.start(f"epoch {epoch + 1}/{self.epochs}", n, self.position.sample)
        self.recorder.at(epoch, self.position.sample)
        stops = [*self.recorder.stops(epoch), *fits]
        for reached, right in self.simulator.train(self.train_stimulus, self.data.y_train, epoch, self.position.sample, stops):
            self.position = Position(epoch, reached, self.position.correct + right)
            self.recorder.at(epoch, reached)
            if reached in fits:
                paused = time.monotonic()
                self._try_readout(progress, epoch * n + reached)
                begun += time.monotonic() - paused
                progress.start(f"epoch {epoch + 1}/{self.epochs}", n, reached)
            progress.at(reached, None if self.readout else self.position.correct / reached)
            now = time.monotonic()
            if self.stop.is_set() or now - saved > self.setup.experiment.run.checkpoint_s:
                self.history.train_wall_s, begun, saved = self.history.train_wall_s + now - begun, now, now
                self._save()
                self._check_stop()
        self.history.train_wall_s += time.monotonic() - begun

    def _try_readout(self, progress: Progress, presented: int) -> None:
        """Fit the read-out after so many training samples, and keep its accuracy on the test set."""
        assert self.readout is not None
        begun = time.monotonic()
        self._fit_readout(progress, f"{presented:,} samples: counts")
        accuracy = self.readout.test_accuracy(self._shown(progress, f"{presented:,} samples: test", len(self.data.y_test)))
        self.history.readout_curve.append([presented, accuracy])
        self.history.test_wall_s += time.monotonic() - begun
        progress.note(f"{presented:,} training samples: read-out {100 * accuracy:.2f} % on the test set")

    def _fit_readout(self, progress: Progress, title: str) -> None:
        if self.readout:
            self.readout.fit(self._shown(progress, title, len(self.readout.train.labels)))

    @staticmethod
    def _shown(progress: Progress, title: str, n: int) -> Callable[[int], None]:
        """A bar of n samples, which the result moves on by so many."""
        done = 0
        progress.start(title, n, 0)

        def on_chunk(n: int) -> None:
            nonlocal done
            done += n
            progress.at(done, None)

        return on_chunk

    def _train_twin(self, reference: Reference, epoch: int) -> float:
        """One epoch of the twin; cut short, and of no use, when the run is to stop: resumed, it starts from twin_start."""
        order = self.simulator.order(epoch, self.data.y_train)
        for start in range(0, len(order), TWIN_CHUNK):
            if self.stop.is_set():
                raise Interrupted
            chosen = order[start : start + TWIN_CHUNK]
            reference.train(self.data.x_train[chosen], self.data.y_train[chosen], self.setup.experiment.epoch_of_schedule(epoch))
        return reference.accuracy(self.data.x_test, self.data.y_test)

    def _keep(self, evaluation: Evaluation, n: int, twin: Future | None) -> None:
        """Put a finished epoch into the history."""
        history = self.history
        history.train.append(self.simulator.take_counts(n))
        history.train_accuracy.append(self.readout.train_accuracy if self.readout else self.position.correct / n)
        history.test.append(evaluation.cost)
        history.test_accuracy.append(self._accuracy(evaluation))
        if lifelong := self.setup.experiment.lifelong:
            history.task_accuracy.append(by_task(lifelong, evaluation.predictions == self.data.y_test, self.data.y_test))
        if self.readout:
            history.readout_curve.append([(self.position.epoch + 1) * n, history.test_accuracy[-1]])
        mapping = self.simulator.mapping
        bits = [mapping.widths_of(i).weight_bits for i in range(len(mapping.layers))]
        history.weights_at_rail.append([results.at_rail(weight, n) for (weight, _), n in zip(self._weights(), bits, strict=True)])
        if self.reference:
            history.reference_accuracy.append(twin.result() if twin else self._train_twin(self.reference, self.position.epoch))

    def _accuracy(self, evaluation: Evaluation) -> float:
        return float((evaluation.predictions == self.data.y_test).mean())

    def _evaluate(self, progress: Progress, title: str) -> Evaluation:
        """Evaluate the test set; stopped and resumed it goes on after the last part that was kept."""
        labels, identity = self.data.y_test, f"{self.identity}/{self.position.epoch}"
        self._fit_readout(progress, title.replace("test", "counts for the read-out"))
        begun = saved = time.monotonic()
        before = partial.load(self.folder, identity, self.simulator, len(labels))
        parts, done = ([before], len(before.votes)) if before else ([], 0)
        progress.start(title, len(labels), done)
        with closing(self.simulator.evaluate_parts(self.test_stimulus, labels, self.threads, done)) as rest:
            for part in rest:
                parts.append(part)
                done += len(part.votes)
                progress.at(done, None)
                now = time.monotonic()
                if self.stop.is_set() or (done < len(labels) and now - saved > self.setup.experiment.run.checkpoint_s):
                    self.history.test_wall_s, begun, saved = self.history.test_wall_s + now - begun, now, now
                    parts = [joined(parts)]
                    partial.save(self.folder, identity, parts[0])
                    self._save()
                    self._check_stop()
        self.history.test_wall_s += time.monotonic() - begun
        return joined(parts)

    def _save(self) -> None:
        state, totals = self.simulator.state, self.simulator.traffic.totals
        checkpoint.save(self.folder, self.identity, self.position, state, totals, self.twin_start, self.history)

    def _check_stop(self) -> None:
        if self.stop.is_set():
            raise Interrupted

    def _finish(self, evaluation: Evaluation) -> Summary:
        """Probe, raster, files. `evaluation` is that of the last epoch, or of the chip as it was loaded if there was no epoch."""
        if not self.history.test:
            self.history.test.append(evaluation.cost)
            self.history.test_accuracy.append(self._accuracy(evaluation))
            if self.readout:
                self.history.readout_curve.append([0, self.history.test_accuracy[-1]])
        simulator, experiment = self.simulator, self.setup.experiment
        final = results.Final(
            weights=self._weights(),
            initial=self.initial,
            generators=[finals.generators(simulator.state, c) for c in range(len(simulator.placements))],
            evaluation=evaluation,
            labels=self.data.y_test,
            raster=finals.raster(simulator, self.train_stimulus, self.data.y_train, experiment.record.raster_sample),
            probe=self._probe() if self.reference and not self.train_stimulus.is_events else None,  # events have no longer samples to offer
            simulation=finals.simulation(self.history, self.started, self.threads, self.jit_s),
            recordings=self.recorder.finish(self.epochs),
            unit_spikes=evaluation.unit_spikes,
            thresholds=self.start.thresholds,
            training=self.start.training,
            losses=self.start.losses,
            readout=self.readout.facts(self.history.readout_curve) if self.readout else None,
            faults=fault_facts(simulator),
        )
        parts = (self.setup, self.data, simulator.mapping, self.history, final)
        written = summary.write(self.folder, *parts)
        self.recorder.clean()
        (self.folder / EVALUATION).unlink(missing_ok=True)
        return written

    def _probe(self) -> Any:
        from neurochip.reference import probe

        if self.simulator.is_broken:
            self.say("no gradient probe: the chip has faults")
            return None
        if not probe.is_told(self.simulator.rule):
            self.say(f"no gradient probe: rule '{self.setup.experiment.rule_name}' tells neither its p_learn nor its effective_rate")
            return None
        n = self.setup.experiment.reference.probe_samples
        weights = self.initial if self.setup.experiment.reference.probe_weights == "initial" else self._weights()
        return probe.measure(self.simulator, weights, self.data.x_train[:n], self.data.y_train[:n])

    def _check_raster_sample(self) -> None:
        sample, n = self.setup.experiment.record.raster_sample, len(self.data.y_train)
        if sample >= n:
            raise NeurochipError(
                f"{self.setup.where}: [record] raster_sample = {sample}: must be below {n}, the number of training samples"
            )

    def _train_off_chip(self, setup: Setup, folder: Path) -> None:
        """What `neurochip train` does; an interrupted training goes on."""
        from neurochip.offchip.training import train_into

        train_into(setup, folder, self.console, self.quiet, resume=True)

    def _weights(self) -> Weights:
        return weights_of(self.simulator.state, self.simulator.mapping)
