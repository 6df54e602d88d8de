"""`Simulator`: trained step by step it has the bits of a run; looking changes nothing."""

import signal

import numpy as np
import pytest
from support.tiny import write_experiment

import neurochip as nc
from neurochip.simulator.simulator import Simulator as Chip


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A tiny experiment."""
    return write_experiment(tmp_path_factory.mktemp("simulator"), n_train=600)


@pytest.fixture(scope="module")
def run(file):
    """Its run."""
    return nc.run(nc.load_experiment(file), file.parent / "run", threads=1, plots=False)


def assert_same_weights(simulator, run):
    for i, weight in enumerate(simulator.weights):
        assert weight.dtype == np.int16 and np.array_equal(weight, run.weights(i)) and np.array_equal(simulator.biases[i], run.biases(i))


def test_a_simulator_has_the_bits_of_a_run(file, run, capfd):
    simulator = nc.Simulator(nc.load_experiment(file), threads=2)
    assert all(np.array_equal(weight, run.weights(i, initial=True)) for i, weight in enumerate(simulator.weights))
    accuracies = [*simulator.train(), *simulator.train()]
    assert accuracies == list(run.training_accuracy_per_epoch) and simulator.epoch == 2
    assert_same_weights(simulator, run)
    found = simulator.evaluate()
    assert found.accuracy == run.accuracy and np.array_equal(found.votes, run.votes) and np.array_equal(found.predictions, run.predictions)
    assert found.accuracy_by_tick == run.to_dict()["accuracy"]["by_tick"] and (found.ticks == len(found.accuracy_by_tick)).all()
    assert found.energy_nj == pytest.approx(run.energy) and found.latency_us == pytest.approx(run.latency)
    assert np.array_equal(found.counts, run.counts()[-1]) and np.array_equal(simulator.counts, run.counts("training").sum(axis=0))
    raster = simulator.raster(0)
    assert np.array_equal(raster.input, run.spikes()) and np.array_equal(raster.errors[1], run.error_spikes(1))
    assert (raster.label, raster.ticks) == (0, 8) and np.array_equal(raster.spikes[0], run.spikes(0))
    assert_same_weights(simulator, run)  # nobody changed them by looking
    assert simulator.evaluate().accuracy == found.accuracy
    assert "\n" not in repr(simulator) + repr(found) and "2 epochs" in repr(simulator)
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_cuts_no_chunk_in_two(file, run, monkeypatch):
    """Training goes on where it was stopped, with the same bits."""
    simulator = nc.Simulator(nc.load_experiment(file), threads=1)
    handler, train = signal.getsignal(signal.SIGINT), Chip.train

    def interrupted(*arguments, **options):
        """Yield the chunks of an epoch; Ctrl-C comes in the first."""
        for step in train(*arguments, **options):
            signal.raise_signal(signal.SIGINT)
            yield step

    with monkeypatch.context() as patch:
        patch.setattr(Chip, "train", interrupted)
        with pytest.raises(KeyboardInterrupt, match=r"of 600 samples of epoch 1; train\(\) goes on"):
            simulator.train(2)
    assert signal.getsignal(signal.SIGINT) is handler and simulator.epoch == 0
    assert list(simulator.train(2)) == list(run.training_accuracy_per_epoch)
    assert_same_weights(simulator, run)


def test_progress_is_printed_on_request(file, capfd):
    nc.Simulator(nc.load_experiment(file), threads=1, progress=True).train()
    assert "epoch 1: training" in capfd.readouterr().out


@pytest.mark.parametrize("sample", [-1, 600])
def test_a_raster_of_no_sample_is_refused(file, sample):
    with pytest.raises(nc.NeurochipError, match="from 0 to 599"):
        nc.Simulator(nc.load_experiment(file)).raster(sample)


def test_what_cannot_be_trained_is_refused(file):
    simulator = nc.Simulator(nc.load_experiment(file, {"rule": {"name": "frozen"}}), threads=1)
    with pytest.raises(nc.NeurochipError, match="does not learn"):
        simulator.train()
    with pytest.raises(nc.NeurochipError, match="epochs = -1: must not be negative"):
        simulator.train(-1)
    assert 0 <= simulator.evaluate().accuracy <= 1


def test_weights_of_a_run_are_taken_over(file, run):
    exp = nc.load_experiment(file, {"network.weights": str(run.folder), "rule": {"name": "frozen"}})
    simulator = nc.Simulator(exp, threads=1)
    assert_same_weights(simulator, run)
    assert np.array_equal(simulator.evaluate().votes, run.votes)
