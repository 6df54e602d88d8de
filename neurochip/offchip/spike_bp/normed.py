"""A spiking net whose currents are normed while it trains: [train.spike_bp] norm = "rms". It folds into plain weights without biases.

Of each layer that fires, but pools: weights are centred (each neuron's have mean 0, from each source; not those of the input), and each channel's
current is divided by its root mean square, over images, places and ticks, and multiplied by a gain that is learned. A threshold is so 1 / gain
of these, whatever the layers below do. With W the centred weights, c = W s, r = rms(c), the neuron receives g c / r, and

    dE/dg = sum(d c) / r,    dE/dc = g / r (d - c sum(d c) / (n r^2)),    d = dE/d(g c / r), n numbers in a channel.

While it trains r is that of the batch; folded is g W / R, R the running root mean square. No mean is taken off the currents and nothing added:
on the chip a bias would act before the input arrives. The output has plain weights. All ticks are one batch for torch's convolutions; what
else there is of a layer is one pass of `norm_kernels.py`. In bfloat16 spikes are exact; weights, currents and gradients are rounded to 8 bits
as they are multiplied, added up in float32, and kept by the optimizer in float32.
"""

from typing import Any

import numpy as np

from neurochip.experiment.training import SpikeBpModel
from neurochip.mapping.network import INPUT
from neurochip.offchip import torch
from neurochip.offchip.graph import Graph, Outputs
from neurochip.offchip.losses import loss_of
from neurochip.offchip.neurons import by_channels_last, by_tick
from neurochip.offchip.norm_kernels import PARTS, normed_blame, normed_fire, normed_pool, squares, through_norm
from neurochip.offchip.spike_bp.sweep import SpikingNet, Sweep

LAST = torch.channels_last
BLOCK = 2048  # numbers that a kernel has at hand at once
MOMENTUM = 0.1  # of a batch in the running mean squares
TINY = 1e-5  # added to mean squares
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class NormedNet(torch.nn.Module):
    """What is trained in place of a net's own weights; `settle` folds it into them. Methods as those of SpikingNet."""

    def __init__(self, net: SpikingNet, model: SpikeBpModel) -> None:
        super().__init__()
        self.net = net
        self.model = model
        layers = net.graph.layers
        self.weights = torch.nn.ParameterDict({name: weight.detach().clone() for name, weight in net.graph.weights.items()})
        self.normed = [layer.index for layer in layers[: net.last] if layer.model.kind != "pool"]
        shapes = {str(i): layers[i].shape.channels for i in self.normed}
        self.gains = torch.nn.ParameterDict({i: torch.full((n,), model.norm_gain, device=net.device) for i, n in shapes.items()})
        for i, n in shapes.items():
            self.register_buffer(f"mean_square_{i}", torch.full((n,), -1.0, device=net.device))  # negative: none yet
        self.work = [Graph(layers, net.graph.signed).to(net.device, PRECISIONS[model.precision])]  # in a list: no parameters of this module
        self.flows: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}  # by layer: current, root mean square by channel

    def centred(self, name: str, weight: torch.Tensor) -> torch.Tensor:
        """Return a weight with mean 0 for each neuron; that of the input and those of the output as they are."""
        i, k = (int(part) for part in name.split("_"))
        if i == self.net.last or self.net.graph.layers[i].sources[k].layer == INPUT:
            return weight
        return weight - weight.mean(tuple(range(1, weight.ndim)), keepdim=True)

    @torch.no_grad()
    def settle(self) -> None:
        """Fold norm and gains into the net's own weights."""
        for name, weight in self.weights.items():
            i, folded = int(name.split("_")[0]), self.centred(name, weight)
            if i != self.net.last:
                mean_square = self.get_buffer(f"mean_square_{i}").clamp(min=0.0)
                factor = self.gains[str(i)] / (mean_square + TINY).sqrt()
                folded = folded * factor.view(-1, *[1] * (weight.ndim - 1))
            self.net.graph.weights[name].copy_(folded)

    def masks(self, dropout: float, images: int, generator: torch.Generator) -> Outputs:
        """Draw no masks: dropout is refused beside the norm."""
        return {}

    @torch.no_grad()
    def forward(self, inputs: torch.Tensor, ticks: int, masks: Outputs | None = None) -> Sweep:
        """Run `inputs` through the net, as `SpikingNet.forward`; the spikes of the sweep are of the precision that is computed in."""
        work = self.work[0]
        for name, weight in self.weights.items():
            work.weights[name].copy_(self.centred(name, weight))
        spikes: Outputs = {INPUT: inputs.to(PRECISIONS[self.model.precision], memory_format=LAST)}
        self.flows = {}
        for layer in work.layers[: self.net.last]:
            i = layer.index
            if layer.model.kind == "pool":
                spikes[i] = self._pool(i, spikes[layer.sources[0].layer], ticks)
            else:
                spikes[i] = self._fire(i, work.current(i, spikes).contiguous(memory_format=LAST), ticks)
        potentials = self.net.read_out(work.current(self.net.last, spikes).float(), ticks)
        return Sweep(ticks, spikes, potentials, {})

    def _fire(self, i: int, current: torch.Tensor, ticks: int) -> torch.Tensor:
        neuron, channels = self.net.neurons[i], current.shape[1]
        sums = np.zeros((PARTS, _block(channels)), np.float32)
        squares(_array(by_tick(current, ticks)).reshape(-1), sums)
        mean_square = torch.from_numpy(_by_channel(sums, channels) / (current.numel() / channels)).float()
        running = self.get_buffer(f"mean_square_{i}")
        running.copy_(torch.where(running < 0, mean_square, running.lerp(mean_square, MOMENTUM)))
        rms = (mean_square + TINY).sqrt()
        self.flows[i] = (current, rms)
        spikes = torch.empty_like(current)
        scale = _tiled((self.gains[str(i)] / rms), channels)
        level, taken, leak = np.float32(neuron.level), np.float32(neuron.threshold), np.float32(neuron.leak)
        normed_fire(_array(by_tick(current, ticks)), scale, level, taken, leak, neuron.is_hard, _array(by_tick(spikes, ticks)))
        return spikes

    def _pool(self, i: int, source: torch.Tensor, ticks: int) -> torch.Tensor:
        neuron, side = self.net.neurons[i], self.net.graph.layers[i].model.pool
        n, c, h, w = source.shape
        spikes = torch.empty((n, c, h // side, w // side), dtype=source.dtype, memory_format=LAST)
        level, taken, leak, weight = (np.float32(x) for x in (neuron.level, neuron.threshold, neuron.leak, 1 / side**2))
        arriving, fired = (_array(by_channels_last(x, ticks)) for x in (source, spikes))
        normed_pool(arriving, side, weight, level, taken, leak, neuron.is_hard, fired)
        return spikes

    def loss(self, sweep: Sweep, labels: torch.Tensor) -> tuple[float, torch.Tensor]:
        """Compute (sum loss, its gradient by the output's current in any tick: (images, classes))."""
        return loss_of(self.model, sweep.potentials[-1] / sweep.ticks, labels, sweep.ticks)

    @torch.no_grad()
    def backward(self, sweep: Sweep, grad: torch.Tensor, keep: dict[int, torch.Tensor] | None = None) -> None:
        """Set the gradients of weights and gains, from that of the output's current; `keep` collects those of all normed currents."""
        ticks, last, work = sweep.ticks, self.net.last, self.work[0]
        work.zero_grad(set_to_none=True)
        grads = dict[int, torch.Tensor | None].fromkeys(range(last))
        dtype = PRECISIONS[self.model.precision]
        work.current_backward(last, grad.repeat(ticks, 1)[:, :, None, None].to(dtype).contiguous(memory_format=LAST), sweep.spikes, grads)
        for i in range(last - 1, -1, -1):
            flow = grads.pop(i)
            if flow is None:  # nothing reads the layer
                continue
            flow = self._blame(i, flow.contiguous(memory_format=LAST), sweep, keep)
            work.current_backward(i, flow, sweep.spikes, grads)
        for name, weight in self.weights.items():
            found = work.weights[name].grad
            weight.grad = None if found is None else self.centred(name, found.float())

    def _blame(self, i: int, grad: torch.Tensor, sweep: Sweep, keep: dict[int, torch.Tensor] | None) -> torch.Tensor:
        neuron, ticks, channels = self.net.neurons[i], sweep.ticks, grad.shape[1]
        is_pool = i not in self.normed
        current, rms = self.flows.get(i, (sweep.spikes[i], None))
        grads, fired, flows = (_array(by_tick(x, ticks)) for x in (grad, sweep.spikes[i], current))
        gain, leak, log_leak = (np.float32(x) for x in (neuron.gain, neuron.leak, neuron.log_leak(self.model.leak_correction)))
        sums = np.zeros((PARTS, _block(channels)), np.float32)
        normed_blame(grads, fired, flows, gain, leak, log_leak, self.model.gate_saturated and not is_pool, sums)
        if keep is not None:
            keep[i] = grad.clone()
        if rms is not None:
            products = torch.from_numpy(_by_channel(sums, channels)).float()
            gain_of = self.gains[str(i)]
            gain_of.grad = products / rms
            scale = gain_of / rms
            drawn = scale * products / (rms.square() * (grad.numel() / channels))
            through_norm(grads.reshape(-1), flows.reshape(-1), _tiled(scale, channels), _tiled(drawn, channels))
        return grad


def _block(channels: int) -> int:
    """Numbers in a block: of whole locations."""
    return channels * max(1, BLOCK // channels)


def _tiled(by_channel: torch.Tensor, channels: int) -> np.ndarray:
    """A factor by channel, for each number of a block."""
    return np.tile(by_channel.detach().numpy().astype(np.float32), _block(channels) // channels)


def _by_channel(sums: np.ndarray, channels: int) -> np.ndarray:
    """float64 (channels,), from sums (parts, block)."""
    found: np.ndarray = sums.astype(np.float64).reshape(-1, channels).sum(axis=0)
    return found


def _array(x: torch.Tensor) -> np.ndarray:
    """The memory of a tensor; of bfloat16 its bits."""
    found: Any = x.view(torch.int16).numpy().view(np.uint16) if x.dtype == torch.bfloat16 else x.numpy()
    return found
