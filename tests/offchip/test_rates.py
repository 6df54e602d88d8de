"""An ANN whose activations are rates of spikes: kernels and gradients against plain torch, and its conversion on tiny images."""

import json

import numpy as np
import pytest
import torch
from support.conversions import arrays, converter, run

from neurochip.common.errors import NeurochipError
from neurochip.offchip.ann.net import activations, centred_weights
from neurochip.offchip.ann.rates import TINY, RmsNorm, rates
from neurochip.offchip.ann.train import AnnTrainer
from neurochip.offchip.graph import Graph
from neurochip.offchip.images import intensities, noisy
from neurochip.offchip.spiking import Spiking
from neurochip.offchip.training import ann_identity_of
from neurochip.simulator.samples import load_samples

THRESHOLD = 0.75
TICKS = 8
HALF = '{ model = "if", reset = "subtract", fires_at = 0.5, state_bits = 24 }'
POOL = '{ model = "if", threshold = 0.5, reset = "subtract", fires_at = 0.5, state_bits = 24 }'
RATES = (
    "train.conversion.batch_norm=true", "train.conversion.batch_norm_shift=false", f"train.conversion.rate_ticks={TICKS}",
    f"network.neuron={HALF}", f"network.pool_neuron={POOL}", "train.conversion.epochs=4",
)  # fmt: skip


def currents(dtype=torch.float32, channels=5):
    """Currents of a few images, in the order of the kernels."""
    x = torch.randn((7, channels, 6, 4), generator=torch.Generator().manual_seed(2)) * 0.6 + 0.1
    return x.to(dtype).contiguous(memory_format=torch.channels_last)


def test_a_rate_is_the_count_of_a_neuron_that_gets_its_current_evenly():
    """Tick by tick, in float64: up to sums on an edge, of which random currents have none."""
    x = currents().double()
    u, count = torch.zeros_like(x), torch.zeros_like(x)
    for _ in range(TICKS):
        u += x
        fired = u > THRESHOLD / 2
        u -= THRESHOLD * fired
        count += fired
    found = rates(currents(), THRESHOLD, TICKS)
    assert torch.equal(found, (count / TICKS).float()) and len(found.unique()) == TICKS + 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_are_those_of_torch(dtype):
    """The kernels beside autograd through the same formula, the step taken as a ramp from 0 to 1; what they skip runs in float64."""
    norm, current = RmsNorm(5), currents(dtype).requires_grad_()
    weight = torch.rand((7, 5, 6, 4), generator=torch.Generator().manual_seed(3))
    found = norm.rates(current, THRESHOLD, TICKS)
    (found.float() * weight).sum().backward()
    plain, gain = currents(dtype).double().requires_grad_(), torch.full((5,), 0.5, dtype=torch.float64, requires_grad=True)
    x = plain * (gain / (plain.square().mean((0, 2, 3)) + TINY).sqrt() / THRESHOLD)[:, None, None]
    (x.clamp(0, 1) * weight.to(dtype).double()).sum().backward()
    near = 1e-5 if dtype == torch.float32 else 0.02
    assert torch.allclose(norm.weight.grad.double(), gain.grad, rtol=near, atol=near)
    assert torch.allclose(current.grad.double(), plain.grad, rtol=near, atol=2 * near * float(plain.grad.abs().max()))
    steps = torch.ceil(TICKS * x.detach() - 0.5).clamp(0, TICKS) / TICKS
    assert torch.equal(found.double(), steps)
    wide = RmsNorm(5).double()
    other = currents(dtype).double().requires_grad_()
    (wide.rates(other, THRESHOLD, TICKS) * weight.to(dtype).double()).sum().backward()
    assert torch.allclose(other.grad, plain.grad, atol=1e-12) and torch.allclose(wide.weight.grad, gain.grad, atol=1e-9)


def test_noise_is_what_counts_of_spikes_have():
    values = torch.tensor([0.0, 0.3, -0.3, 0.9]).repeat(20000, 1)
    found = noisy(values, TICKS, torch.Generator().manual_seed(5))
    p = values[0].abs()
    assert torch.allclose(found.mean(0), values[0], atol=0.005)
    assert torch.allclose(found.var(0), p * (1 - p) / TICKS, atol=0.001)


def test_its_conversion_leaves_no_biases_and_takes_few_ticks(tmp_path):
    """Thresholds are the experiment's, weights of hidden layers stay centred, the folded net answers as trained; resumed, the same bits."""
    made, _ = converter(tmp_path, *RATES)
    trainer = AnnTrainer(Graph(made.layers), made.model, 3, made.folder, "it", "here")
    trainer.train(made.training, made.held_out, made.progress)
    graph, norms = trainer.graph, trainer.norms
    assert not graph.biases and norms["0"].running_square.std() > 0
    assert len(centred_weights(graph)) == 1 and abs(centred_weights(graph)[0].mean(1)).max() < 1e-6
    norms.eval()
    raw = Graph(made.layers)
    raw.load_state_dict({name: value for name, value in trainer.best.items() if not name.startswith("norms.")})
    with torch.no_grad():
        x = intensities(made.test.pixels, False)
        folded, wanted = activations(graph, x, rate_ticks=TICKS), activations(raw, x, norms=norms, rate_ticks=TICKS)
    steps = {i: (folded[i] - wanted[i]).abs().mul(TICKS) for i in range(3)}
    assert all(step.mean() < 0.01 for step in steps.values())  # on an edge of a step the last bit decides
    facts = run(tmp_path, *RATES)
    assert facts["ann"]["test_accuracy"] > 0.9 and facts["accuracy_by_tick"][TICKS - 1] > facts["ann"]["test_accuracy"] - 0.06
    assert [layer["threshold"] for layer in facts["layers"]] == [1.0, 0.5, 1.0, None]
    assert all(layer["lambda"] == 1.0 for layer in facts["layers"])
    converter(tmp_path, *RATES, "train.conversion.epochs=2", out="cut")[0].convert()
    run(tmp_path, *RATES, out="cut")
    expected, found = (arrays(tmp_path / out / "trained.h5") for out in ("run", "cut"))
    assert "layers/conv1/bias" not in expected
    for name, value in expected.items():
        np.testing.assert_equal(found[name], value)
    assert json.loads((tmp_path / "run" / "conversion.json").read_text())["ann"]["from"] == "trained"


def test_rates_of_the_spiking_net_are_those_of_the_ann_for_even_currents(tmp_path):
    """Inputs that are there in every tick or never: after many ticks each layer's rate nears the ANN's of as many ticks."""
    made, _ = converter(tmp_path, *RATES, "train.conversion.rate_ticks=256")
    graph = Graph(made.layers)
    graph.initialise(5, 4.0)
    images = (torch.rand((6, 1, *made.test.pixels.shape[2:]), generator=torch.Generator().manual_seed(1)) < 0.5).float()
    found = made.balance(graph)
    trains = Spiking(graph, found.thresholds).run(images.to(torch.int8).expand(256, *images.shape))
    with torch.no_grad():
        wanted = activations(graph, images, rate_ticks=256)
    for i in range(3):
        rate = trains.spikes[i].unflatten(0, (256, -1)).float().mean(0)
        assert wanted[i].std() > 0.05 and (rate - wanted[i]).abs().max() < 0.03, i


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (("train.conversion.batch_norm=true", "train.conversion.batch_norm_shift=false"), "rate_ticks"),
        (("train.conversion.rate_ticks=8", "train.conversion.percentile=99.0"), "percentile"),
        (("train.conversion.rate_ticks=8", 'network.neuron={ model = "if", reset = "zero", state_bits = 24 }'), "reset = 'subtract'"),
        (("train.conversion.rate_ticks=8", "train.conversion.ann=x.pt"), "rate_ticks"),
    ],
)
def test_what_does_not_go_together_is_refused(settings, why, tmp_path):
    with pytest.raises(NeurochipError, match=why):
        converter(tmp_path, *settings)


def test_a_trained_ann_serves_every_conversion_of_it(tmp_path):
    """Its checkpoint belongs to what its training depends on: not to ticks, nor to where the spiking net's neurons fire."""

    def identity(*settings):
        made, _ = converter(tmp_path, *RATES, *settings)
        return ann_identity_of(made.setup, load_samples(made.setup, lambda text: None))

    later = f"network.neuron={HALF.replace('fires_at = 0.5', 'fires_at = 0.8')}"
    assert identity() == identity("train.ticks=7", later, "train.conversion.balance_images=3")
    other = (
        "seed=4", "train.conversion.learn_rate=0.01", "network.layers.0.filters=5", "data.train_samples=90",
        f"network.pool_neuron={HALF}", "train.validation_fraction=0.1",
    )  # fmt: skip
    assert len({identity(), *(identity(setting) for setting in other)}) == 1 + len(other)
