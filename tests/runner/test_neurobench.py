"""The metrics of NeuroBench in summary.json: against sums over the chip's own spikes, and against NeuroBench's harness on the same net."""

import h5py
import numpy as np
import pytest
from support.nir_graphs import spikes_of
from support.tiny import summary_of, write_experiment
from support.whole_runs import run

from neurochip.experiment.setup import load_setup
from neurochip.runfile.neurobench import VERSION
from neurochip.runfile.weights import read_weights
from neurochip.simulator.memories import load_weights
from neurochip.simulator.samples import load_samples
from neurochip.simulator.simulator import Simulator

TICKS, N_TEST = 8, 6
EVENTS = (
    "data.name='event_arrays'", "data.us_per_tick=1000", "chip.core.weight_bits=8", "chip.core.frac_bits=5", "chip.preset='serial64'",
    "network.neuron={model='if',threshold=0.5,state_bits=16}", "network.output_neuron={model='accumulate',state_bits=24}",
)  # fmt: skip
STATES = (12 * 16 + 3 * 24) // 8


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run on events, neurons without draws, many weights of 0; spikes of input and hidden layer, bool (samples, ticks, units)."""
    folder = tmp_path_factory.mktemp("bench")
    rng = np.random.default_rng(5)
    for part in ("train", "test"):
        arrays = {"x": rng.integers(0, 8, 40 * N_TEST), "y": rng.integers(0, 8, 40 * N_TEST)}
        t = np.sort(rng.integers(0, 1000 * TICKS, (N_TEST, 40)), axis=1).ravel()
        more = {"sensor_shape": np.array([1, 8, 8]), "offsets": np.arange(N_TEST + 1) * 40, "labels": np.arange(N_TEST) % 3}
        np.savez(folder / f"{part}.npz", **arrays, t=t, **more)
    settings = (f"data.path='{folder}'", *EVENTS)
    experiment = write_experiment(folder, epochs=0, ticks=TICKS)
    experiment.write_text(experiment.read_text("utf-8").replace('"spike_backprop"\nlearn_rate = 2e-3', '"frozen"'), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neurochip.report.plots.make_plots", lambda run: [])
        run(experiment, folder / "run", *(part for one in settings for part in ("--set", one)))
    setup = load_setup(str(experiment), settings)
    samples = load_samples(setup, lambda text: None)
    simulator = Simulator(setup, samples.data.image_shape, 3)
    load_weights(simulator.state, simulator.mapping, read_weights(folder / "run", simulator.mapping, "here"))
    inputs = np.zeros((N_TEST, TICKS, 64), bool)
    for k in range(N_TEST):
        one = samples.test.take(slice(k, k + 1))
        for tick in range(TICKS):
            inputs[k, tick, one.axons[one.row_offsets[tick] : one.row_offsets[tick + 1]]] = True
    hidden = spikes_of(simulator, inputs.transpose(1, 0, 2))[0].transpose(1, 0, 2)
    return folder / "run", (inputs, hidden)


def weights_of(folder):
    with h5py.File(folder / "run.h5") as file:
        return [(file[f"layers/{i}/weight"][()], file[f"layers/{i}/bias"][()]) for i in (0, 1)]


def test_the_metrics_are_what_they_are_defined_as(finished):
    folder, spikes = finished
    found, layers, weights = summary_of(folder)["neurobench"], summary_of(folder)["layers"], weights_of(folder)
    assert found["version"] == VERSION and found["ClassificationAccuracy"] == summary_of(folder)["accuracy"]["test"]
    flat = np.concatenate([weight.ravel() for weight, _ in weights])
    assert found["ConnectionSparsity"] == round(float((flat == 0).mean()), 4) > 0
    assert found["Footprint"] == flat.size + 15 + STATES  # bytes: weights and biases of 8 bits, potentials
    assert found["SynapticOperations"]["Dense"] == TICKS * flat.size and found["SynapticOperations"]["Effective_MACs"] == 0
    assert found["ActivationSparsity"] == pytest.approx(1 - spikes[1].mean()) and 0.05 < spikes[1].mean() < 0.9
    assert [layer["test"]["sops"] for layer in layers] == [spikes[0].sum() * 12, spikes[1][:, :-1].sum() * 3]
    used = [spikes[0].sum(axis=(0, 1)), spikes[1][:, :-1].sum(axis=(0, 1))]  # spikes of the last tick arrive nowhere
    added = sum(float(n @ (weight != 0).sum(axis=1)) for n, (weight, _) in zip(used, weights, strict=True))
    assert found["SynapticOperations"]["Effective_ACs"] == pytest.approx(added / N_TEST, rel=0.01)


def test_the_harness_gives_the_same(finished):
    """A net of PyTorch with the chip's weights, whose neurons answer with the chip's own spikes, a tick later in the second layer."""
    pytest.importorskip("neurobench", reason="pip install --no-deps neurobench snntorch")
    import torch
    from neurobench.metrics.manager.static_manager import StaticMetricManager
    from neurobench.metrics.manager.workload_manager import WorkloadMetricManager
    from neurobench.metrics.static import ConnectionSparsity, Footprint
    from neurobench.metrics.workload import ActivationSparsity, SynapticOperations
    from neurobench.models import TorchModel

    folder, (inputs, hidden) = finished
    layers, found = [torch.nn.Linear(n, m) for n, m in ((64, 12), (12, 3))], summary_of(folder)["neurobench"]

    class Neurons(torch.nn.Module):
        """Stands for neurons: gives the spikes that the chip's gave."""

        def __init__(self, spikes):
            super().__init__()
            self.spikes, self.tick = spikes, 0

        def forward(self, currents):
            self.tick += 1
            return torch.from_numpy(self.spikes[:, self.tick - 1].astype(np.float32))

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.hidden, self.second = layers[0], Neurons(hidden), layers[1]

        def forward(self, ticks):
            arriving = torch.zeros(N_TEST, 12)
            for spikes in ticks.transpose(0, 1):
                self.second(arriving)
                arriving = self.hidden(self.first(spikes))
            return arriving

    net = Net()
    for layer, (weight, bias) in zip(layers, weights_of(folder), strict=True):
        layer.weight = torch.nn.Parameter(torch.from_numpy(weight.T.astype(np.float32)))
        layer.bias = torch.nn.Parameter(torch.from_numpy(bias.astype(np.float32)))
    model = TorchModel(net)
    model.add_activation_module(Neurons)
    static = StaticMetricManager([Footprint, ConnectionSparsity]).run_metrics(model)
    assert static["ConnectionSparsity"] == found["ConnectionSparsity"]
    assert static["Footprint"] == 4 * (found["Footprint"] - STATES)  # float32 there, 8 bits on the chip; its neurons here keep nothing
    manager = WorkloadMetricManager([ActivationSparsity, SynapticOperations])
    manager.register_hooks(model)
    ticks = torch.from_numpy(inputs.astype(np.float32))
    with torch.no_grad():
        predicted = model(ticks)
        results = manager.run_metrics(model, predicted, (ticks, torch.zeros(N_TEST)), N_TEST, N_TEST)
    assert results["ActivationSparsity"] == pytest.approx(found["ActivationSparsity"], abs=1e-9)
    operations = results["SynapticOperations"]
    assert operations["Effective_MACs"] == 0 and operations["Dense"] == found["SynapticOperations"]["Dense"]
    assert operations["Effective_ACs"] == pytest.approx(found["SynapticOperations"]["Effective_ACs"], rel=0.01)
