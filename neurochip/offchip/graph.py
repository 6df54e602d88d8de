"""The layers of an experiment as weights of PyTorch: what each layer receives from its sources, and the gradient of that.

Tensors are (images, channels, height, width) in channels_last order, which is the chip's order of units: unit
(y * width + x) * channels + c of an image lies at that place of its memory. Folding ticks into images makes one call serve all ticks.
"""

import math

from neurochip.common import random as host_random
from neurochip.common.errors import NeurochipError
from neurochip.mapping.network import INPUT, Layer, Source
from neurochip.offchip import torch

F = torch.nn.functional
Outputs = dict[int, torch.Tensor]  # by number of the layer, INPUT for the input


class Graph(torch.nn.Module):
    """Weights of a network: one parameter per trained source of a layer, `weight(i, k)`.

    A conv layer's weight is (filters, channels, kernel, kernel), a skip of one a kernel of one tap; `skip_identity` and pools have none.
    A dense layer's weight is (neurons, rows of the source) with columns in the row order of docs/network.md, for a conv layer
    before it (y * width + x) * channels + c: not the order of torch's own flatten.
    With `signed`, the layers were built for twice the planes (positive, then negative intensities); the graph takes signed planes.
    With `is_scaled`, what an identity skip brings is multiplied by a factor per channel, `identity(i, k)`, 1 at first: what a norm leaves
    of it. It is part of the state, and not trained.
    """

    def __init__(self, layers: list[Layer], signed: bool = False, is_scaled: bool = False) -> None:
        super().__init__()
        if names := [layer.name for layer in layers if layer.model.recurrent]:
            raise NeurochipError(
                f"layer '{names[0]}': recurrent: nets trained off the chip, and their files (NIR too), know no spikes that come back to "
                "their layer; leave it out"
            )
        self.layers = layers
        self.signed = signed
        self.weights = torch.nn.ParameterDict()
        self.biases = torch.nn.ParameterDict()  # none in training; an ANN from a file may bring some
        for layer in layers:
            for k, source in enumerate(layer.sources):
                if shape := self._weight_shape(layer, k, source):
                    self.weights[_key(layer.index, k)] = torch.nn.Parameter(torch.zeros(shape).contiguous(memory_format=_format(shape)))
                elif is_scaled and is_identity(layer, k):
                    self.register_buffer(f"identity_{_key(layer.index, k)}", torch.ones(layer.shape.channels))

    def _weight_shape(self, layer: Layer, k: int, source: Source) -> tuple[int, ...] | None:
        if layer.model.kind == "pool" or is_identity(layer, k):
            return None
        channels = self.channels_of(source)
        if layer.is_conv:
            return (layer.shape.channels, channels, source.kernel, source.kernel)
        return (layer.shape.channels, channels * source.shape.height * source.shape.width)

    def channels_of(self, source: Source) -> int:
        """Return how many planes or channels the graph sees of a source: half of the chip's planes if the input is signed."""
        return source.shape.channels // 2 if self.signed and source.layer == INPUT else source.shape.channels

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(planes, height, width) of the input."""
        source = self.layers[0].sources[0]
        return self.channels_of(source), source.shape.height, source.shape.width

    def weight(self, i: int, k: int = 0) -> torch.Tensor | None:
        """Return the weight of layer i from its k-th source; None of a pool and of an identity."""
        return self.weights.get(_key(i, k))

    def identity(self, i: int, k: int) -> torch.Tensor | None:
        """Return the factors (channels,) of layer i's identity skip from its k-th source; None if it brings spikes as they are."""
        found: torch.Tensor | None = getattr(self, f"identity_{_key(i, k)}", None)
        return found

    def initialise(self, seed: int, gain: float) -> None:
        """Draw weights from N(0, gain / fan-in), each source by its own fan-in; a layer's depend on the seed and its name alone."""
        with torch.no_grad():
            for layer in self.layers:
                for k in range(len(layer.sources)):
                    if (weight := self.weight(layer.index, k)) is not None:
                        generator = seeded(seed, "offchip", "weights", layer.name, k)
                        std = math.sqrt(gain / weight[0].numel())
                        weight.copy_(torch.randn(weight.shape, generator=generator) * std)

    def current(self, i: int, outputs: Outputs) -> torch.Tensor:
        """Compute the weighted input of layer i from the outputs (spikes or activations) of its sources.

        Shape (images, channels, height, width).
        """
        layer = self.layers[i]
        total = None
        for k, source in enumerate(layer.sources):
            part = self._from(layer, k, source, outputs[source.layer])
            total = part if total is None else total.add_(part) if not torch.is_grad_enabled() else total + part
        assert total is not None
        if str(i) in self.biases:
            total = total + self.biases[str(i)][:, None, None]
        return total

    def _from(self, layer: Layer, k: int, source: Source, x: torch.Tensor) -> torch.Tensor:
        if layer.model.kind == "pool":
            return F.avg_pool2d(x, layer.model.pool) if layer.model.pool > 1 else x
        weight = self.weight(layer.index, k)
        if weight is None:
            kept, factor = x[:, :, :: source.stride, :: source.stride], self.identity(layer.index, k)
            return kept if factor is None else kept * factor[:, None, None]
        if layer.is_conv:
            return F.conv2d(x, weight, stride=source.stride, padding=source.padding)
        return F.linear(flat(x, source), weight)[:, :, None, None]

    def current_backward(self, i: int, grad: torch.Tensor, outputs: Outputs, wanted: dict[int, torch.Tensor | None]) -> None:
        """Add the gradients of layer i's weights to their `.grad`, and those of its sources' outputs to `wanted` (None: none yet).

        `grad` is the gradient with respect to current(i, outputs). Sources that `wanted` lacks are left out; a pool looks at no outputs.
        """
        layer = self.layers[i]
        for k, source in enumerate(layer.sources):
            weight, is_wanted = self.weight(i, k), source.layer in wanted
            if weight is None:
                factor = self.identity(i, k)
                seen = grad if factor is None else grad * factor[:, None, None]
                to_source = _unweighted_backward(layer, source, seen) if is_wanted else None
                add_to(wanted, source.layer, to_source)
                continue
            x = outputs[source.layer]
            if layer.is_conv:
                to_source = _conv_backward(grad, x, weight, source, is_wanted)
            else:
                flat_grad = grad[:, :, 0, 0]
                add_grad(weight, flat_grad.T @ flat(x, source))
                to_source = unflat(flat_grad @ weight, source, x) if is_wanted else None
            add_to(wanted, source.layer, to_source)
        if str(i) in self.biases:
            add_grad(self.biases[str(i)], grad.sum((0, 2, 3)))


def _key(i: int, k: int) -> str:
    return f"{i}_{k}"


def _format(shape: tuple[int, ...]) -> torch.memory_format:
    return torch.channels_last if len(shape) == 4 else torch.contiguous_format


def is_identity(layer: Layer, k: int) -> bool:
    """Return True if the k-th source of a layer arrives unweighted, channel by channel."""
    return k > 0 and layer.model.skip_identity


def seeded(seed: int, *names: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator, on the CPU if not told otherwise, for that stream of a seed; any stream can be had again alone."""
    return torch.Generator(device).manual_seed(host_random.stream(seed, *names) >> 1)


def flat(x: torch.Tensor, source: Source) -> torch.Tensor:
    """Return (images, units) in the source's own numbering: planes of the input, locations of a layer.

    Nothing is copied if x is channels_last.
    """
    return x.flatten(1) if source.layer == INPUT else x.permute(0, 2, 3, 1).flatten(1)


def unflat(grad: torch.Tensor, source: Source, like: torch.Tensor) -> torch.Tensor:
    """Undo `flat`: return the numbers in the shape of `like`."""
    n, c, h, w = like.shape
    return grad.view(n, c, h, w) if source.layer == INPUT else grad.view(n, h, w, c).permute(0, 3, 1, 2)


def add_grad(weight: torch.Tensor, grad: torch.Tensor) -> None:
    """Add a gradient to a parameter's `.grad`."""
    weight.grad = grad if weight.grad is None else weight.grad.add_(grad)


def add_to(grads: dict[int, torch.Tensor | None], i: int, grad: torch.Tensor | None) -> None:
    """Add to the i-th gradient, in place; None counts as 0."""
    if grad is not None:
        before = grads[i]
        grads[i] = grad if before is None else before.add_(grad)


def _conv_backward(grad: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, source: Source, is_wanted: bool) -> torch.Tensor | None:
    steps, sides = [source.stride] * 2, [source.padding] * 2
    to_source, to_weight, _ = torch.ops.aten.convolution_backward(
        grad, x, weight, None, steps, sides, [1, 1], False, [0, 0], 1, [is_wanted, True, False]
    )
    add_grad(weight, to_weight)
    return to_source if is_wanted else None


def _unweighted_backward(layer: Layer, source: Source, grad: torch.Tensor) -> torch.Tensor:
    if layer.model.kind == "pool":
        p = layer.model.pool
        if p == 1:
            return grad.clone(memory_format=torch.channels_last)
        n, c, h, w = grad.shape
        spread = (grad / (p * p)).permute(0, 2, 3, 1)[:, :, None, :, None].expand(n, h, p, w, p, c)
        return spread.reshape(n, h * p, w * p, c).permute(0, 3, 1, 2)
    n, c = grad.shape[:2]
    spread = torch.zeros((n, c, source.shape.height, source.shape.width), dtype=grad.dtype, device=grad.device)
    spread = spread.contiguous(memory_format=torch.channels_last)
    spread[:, :, :: source.stride, :: source.stride] = grad
    return spread


def check_trainable(layers: list[Layer], where: str) -> None:
    """Refuse what has no float twin off the chip. Raises NeurochipError, which names the layer."""
    for layer in layers:
        neuron, table = layer.model.neuron, f"{where}: layer '{layer.name}'"
        is_last = layer.index == len(layers) - 1
        if is_last and neuron.model != "accumulate":
            raise NeurochipError(f"{table}: neuron.model = '{neuron.model}': trained off the chip, the output adds up; choose 'accumulate'")
        if not is_last and neuron.model not in ("lif", "if"):
            raise NeurochipError(f"{table}: neuron.model = '{neuron.model}': cannot be trained off the chip; choose 'lif' or 'if'")
        if neuron.refractory_ticks:
            raise NeurochipError(f"{table}: neuron.refractory_ticks = {neuron.refractory_ticks}: training off the chip knows none; use 0")
        if neuron.inhibit:
            raise NeurochipError(f"{table}: neuron.inhibit = true: training off the chip knows no inhibition; use false")
        if neuron.leak_factor == 0:
            raise NeurochipError(f"{table}: neuron.leak_factor = 0: a neuron without memory cannot be trained; use at least 1")
