"""A spiking net whose currents are normed while it trains: [train.spike_bp] norm = "rms". It folds into plain weights without biases.

Of each layer that fires, but pools: weights are centred (each neuron's have mean 0, from each source; not those of the input), and each
channel's current, what skips bring included, is divided by its root mean square, over images, places and ticks, and multiplied by a gain
that is learned. An identity skip brings its spikes as they are; folded it has a factor per channel, on the chip a diagonal. A threshold
is so 1 / gain of these, whatever the layers below do. With W the centred weights, c = W s, r = rms(c), the neuron receives g c / r, and

    dE/dg = sum(d c) / r,    dE/dc = g / r (d - c sum(d c) / (n r^2)),    d = dE/d(g c / r), n numbers in a channel.

While it trains r is that of the batch; folded is g W / R, R the running root mean square. No mean is taken off the currents and nothing
added: on the chip a bias would act before the input arrives. The output has plain weights. All ticks are one batch for torch's
convolutions; what else there is of a layer is one pass of `norm_steps.py`. In bfloat16 spikes are exact; weights, currents and gradients
are rounded to 8 bits as they are multiplied, added up in float32, and kept by the optimizer in float32.
"""

from neurochip.experiment.training import SpikeBpModel
from neurochip.mapping.network import INPUT
from neurochip.offchip import torch
from neurochip.offchip.graph import Graph, Outputs
from neurochip.offchip.losses import loss_of
from neurochip.offchip.norm_steps import back_through_norm, blame_normed, fire_normed, mean_squares, pool_normed
from neurochip.offchip.spike_bp.sweep import SpikingNet, Sweep

LAST = torch.channels_last
MOMENTUM = 0.1  # of a batch in the running mean squares
TINY = 1e-5  # added to mean squares


class NormedNet(torch.nn.Module):
    """What is trained in place of a net's own weights; `settle` folds it into them. Methods as those of SpikingNet."""

    def __init__(self, net: SpikingNet, model: SpikeBpModel) -> None:
        super().__init__()
        self.net = net
        self.model = model
        self.dtype = torch.bfloat16 if model.precision == "bfloat16" else net.dtype
        layers = net.graph.layers
        self.weights = torch.nn.ParameterDict(
            {name: torch.nn.Parameter(weight.detach().clone()) for name, weight in net.graph.weights.items()}
        )
        shapes = {str(layer.index): layer.shape.channels for layer in layers[: net.last] if layer.model.kind != "pool"}
        self.gains = torch.nn.ParameterDict(
            {i: torch.full((n,), model.norm_gain, dtype=net.dtype, device=net.device) for i, n in shapes.items()}
        )
        for i, n in shapes.items():
            self.register_buffer(f"mean_square_{i}", torch.full((n,), -1.0, dtype=net.dtype, device=net.device))  # negative: none yet
        self.work = [Graph(layers, net.graph.signed).to(net.device, self.dtype)]  # in a list: no parameters of this module
        self.flows: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}  # by layer: current, root mean square by channel

    def centred(self, name: str, weight: torch.Tensor) -> torch.Tensor:
        """Return a weight with mean 0 for each neuron; that of the input and those of the output as they are."""
        i, k = (int(part) for part in name.split("_"))
        if i == self.net.last or self.net.graph.layers[i].sources[k].layer == INPUT:
            return weight
        return weight - weight.mean(tuple(range(1, weight.ndim)), keepdim=True)

    @torch.no_grad()
    def settle(self) -> None:
        """Fold norm and gains into the net's own weights, and into the factors of its identity skips."""
        for name, weight in self.weights.items():
            i, folded = int(name.split("_")[0]), self.centred(name, weight)
            if i != self.net.last:
                folded = folded * self._folds(i).view(-1, *[1] * (weight.ndim - 1))
            self.net.graph.weights[name].copy_(folded)
        for layer in self.net.graph.layers:
            for k in range(len(layer.sources)):
                if (identity := self.net.graph.identity(layer.index, k)) is not None:
                    identity.copy_(self._folds(layer.index))

    def _folds(self, i: int) -> torch.Tensor:
        """Factor per channel that norm and gain of layer i leave in its weights."""
        mean_square = self.get_buffer(f"mean_square_{i}").clamp(min=0.0)
        return self.gains[str(i)] / (mean_square + TINY).sqrt()

    def masks(self, dropout: float, images: int, generator: torch.Generator) -> Outputs:
        """Draw no masks: dropout is refused beside the norm."""
        return {}

    @torch.no_grad()
    def forward(self, inputs: torch.Tensor, ticks: int, masks: Outputs | None = None) -> Sweep:
        """Run `inputs` through the net, as `SpikingNet.forward`; the spikes of the sweep are of the precision that is computed in."""
        work = self.work[0]
        for name, weight in self.weights.items():
            work.weights[name].copy_(self.centred(name, weight))
        spikes: Outputs = {INPUT: inputs.to(self.dtype, memory_format=LAST)}
        self.flows = {}
        for layer in work.layers[: self.net.last]:
            i = layer.index
            if layer.model.kind == "pool":
                spikes[i] = pool_normed(self.net.neurons[i], layer.model.pool, spikes[layer.sources[0].layer], ticks)
            else:
                spikes[i] = self._fire(i, work.current(i, spikes).contiguous(memory_format=LAST), ticks)
        potentials = self.net.read_out(work.current(self.net.last, spikes).to(self.net.dtype), ticks)
        return Sweep(ticks, spikes, potentials, {})

    def _fire(self, i: int, current: torch.Tensor, ticks: int) -> torch.Tensor:
        mean_square, running = mean_squares(current), self.get_buffer(f"mean_square_{i}")
        running.copy_(torch.where(running < 0, mean_square, running.lerp(mean_square, MOMENTUM)))
        rms = (mean_square + TINY).sqrt()
        self.flows[i] = (current, rms)
        return fire_normed(self.net.neurons[i], current, self.gains[str(i)] / rms, ticks)

    def loss(self, sweep: Sweep, labels: torch.Tensor) -> tuple[float, torch.Tensor]:
        """Compute (sum loss, its gradient by the output's current in any tick: (images, classes))."""
        return loss_of(self.model, sweep.potentials[-1] / sweep.ticks, labels, sweep.ticks)

    @torch.no_grad()
    def backward(self, sweep: Sweep, grad: torch.Tensor, keep: dict[int, torch.Tensor] | None = None) -> None:
        """Set the gradients of weights and gains, from that of the output's current; `keep` collects those of all normed currents."""
        ticks, last, work = sweep.ticks, self.net.last, self.work[0]
        work.zero_grad(set_to_none=True)
        grads = dict[int, torch.Tensor | None].fromkeys(range(last))
        flow = grad.repeat(ticks, 1)[:, :, None, None].to(self.dtype).contiguous(memory_format=LAST)
        work.current_backward(last, flow, sweep.spikes, grads)
        for i in range(last - 1, -1, -1):
            if (of_spikes := grads.pop(i)) is not None:  # else nothing reads the layer
                flow = self._blame(i, of_spikes.contiguous(memory_format=LAST), sweep, keep)
                work.current_backward(i, flow, sweep.spikes, grads)
        for name, weight in self.weights.items():
            found = work.weights[name].grad
            weight.grad = None if found is None else self.centred(name, found.to(weight.dtype))

    def _blame(self, i: int, grad: torch.Tensor, sweep: Sweep, keep: dict[int, torch.Tensor] | None) -> torch.Tensor:
        neuron, is_pool = self.net.neurons[i], i not in self.flows
        current = sweep.spikes[i] if is_pool else self.flows[i][0]
        is_gated = self.model.gate_saturated and not is_pool
        products = blame_normed(neuron, grad, sweep.spikes[i], current, sweep.ticks, self.model.leak_correction, is_gated)
        if keep is not None:
            keep[i] = grad.clone()
        if is_pool:
            return grad
        gain, rms = self.gains[str(i)], self.flows[i][1]
        gain.grad = products / rms
        scale = gain / rms
        return back_through_norm(grad, current, scale, scale * products / (rms.square() * (grad.numel() // len(gain))))
