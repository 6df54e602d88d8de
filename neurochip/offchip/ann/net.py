"""The ANN of an experiment's topology: ReLU after hidden conv and dense layers, average pooling; biases from a file, or from batch norm.

It sees what the spiking net sees: the probability of a spike per tick, with the sign of a signed input, 0 .. 255 / 256. Batch norm stands
before the ReLU while it trains: y = g (c - mean) / sqrt(var + eps) + beta of a channel's current c, mean and var of the batch; `fold`
puts it, with the running mean and var, into weights w g / sqrt(var + eps) and the bias beta - mean g / sqrt(var + eps).
"""

from collections.abc import Callable

from neurochip.mapping.network import INPUT
from neurochip.offchip import torch
from neurochip.offchip.ann.layers import AnnLayer
from neurochip.offchip.ann.rates import RmsNorm, rates
from neurochip.offchip.graph import Graph, Outputs, seeded

F = torch.nn.functional
Drop = Callable[[int, torch.Tensor], torch.Tensor]


def norms_of(graph: Graph, has_shift: bool = True) -> torch.nn.ModuleDict:
    """Make a batch norm for each hidden layer with weights, by number of the layer, in training mode; without a shift an `RmsNorm`."""
    hidden = [layer for layer in graph.layers[:-1] if layer.model.kind != "pool"]
    kind = torch.nn.BatchNorm2d if has_shift else RmsNorm
    return torch.nn.ModuleDict({str(layer.index): kind(layer.shape.channels) for layer in hidden})


@torch.no_grad()
def fold(graph: Graph, norms: torch.nn.ModuleDict) -> None:
    """Put the batch norms into the graph's weights and biases. The graph alone then is what it was with them in evaluation mode."""
    for i, norm in norms.items():
        if isinstance(norm, RmsNorm):
            factor = norm.factor()
        else:
            assert isinstance(norm, torch.nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None
            factor = norm.weight / (norm.running_var + norm.eps).sqrt()
            graph.biases[i] = torch.nn.Parameter((norm.bias - norm.running_mean * factor).clone())
        for k in range(len(graph.layers[int(i)].sources)):
            if (weight := graph.weight(int(i), k)) is not None:
                weight.mul_(factor.view(-1, *[1] * (weight.ndim - 1)))


@torch.no_grad()
def centre(graph: Graph) -> None:
    """Take the mean off the weights of each neuron, from each source; not off those of the input and of the output."""
    for weight in centred_weights(graph):
        weight.sub_(_mean(weight))


def keep_centred(graph: Graph) -> None:
    """Take the mean off the gradients of such weights too, from now on."""
    for weight in centred_weights(graph):
        weight.register_hook(lambda grad: grad - _mean(grad))


def centred_weights(graph: Graph) -> list[torch.Tensor]:
    """Return the weights of hidden layers, but those of the input."""
    pairs = [(layer, k) for layer in graph.layers[:-1] for k, source in enumerate(layer.sources) if source.layer != INPUT]
    return [weight for layer, k in pairs if (weight := graph.weight(layer.index, k)) is not None]


def _mean(weight: torch.Tensor) -> torch.Tensor:
    return weight.mean(tuple(range(1, weight.ndim)), keepdim=True)


def activations(
    graph: Graph, images: torch.Tensor, drop: Drop | None = None, norms: torch.nn.ModuleDict | None = None, rate_ticks: int = 0
) -> Outputs:
    """Compute the outputs of all layers for images (n, planes, height, width), by number of the layer; the last are class scores.

    With `rate_ticks` hidden layers and pools give the rates of spikes in so many ticks (`rates.py`).
    """
    outputs, last = {INPUT: images}, len(graph.layers) - 1
    for layer in graph.layers:
        current = graph.current(layer.index, outputs)
        is_hidden = layer.index < last and layer.model.kind != "pool"
        norm = norms[str(layer.index)] if is_hidden and norms is not None else None
        if rate_ticks and layer.index < last:
            threshold = layer.model.neuron.threshold
            if isinstance(norm, RmsNorm):
                outputs[layer.index] = norm.rates(current, threshold, rate_ticks)
            else:
                outputs[layer.index] = rates(current if norm is None else norm(current), threshold, rate_ticks)
        else:
            current = current if norm is None else norm(current)
            outputs[layer.index] = F.relu(current) if is_hidden else current
        if is_hidden and drop is not None:
            outputs[layer.index] = drop(layer.index, outputs[layer.index])
    return outputs


def scores(
    graph: Graph, images: torch.Tensor, drop: Drop | None = None, norms: torch.nn.ModuleDict | None = None, rate_ticks: int = 0
) -> torch.Tensor:
    """Compute class scores (n, classes) of images (n, planes, height, width)."""
    return activations(graph, images, drop, norms, rate_ticks)[len(graph.layers) - 1].flatten(1)


def dropout(share: float, seed: int, update: int) -> Drop | None:
    """Return masks of one update, by seed, number of the update, and layer; kept units are scaled by 1 / (1 - share)."""
    if share == 0:
        return None

    def drop(i: int, x: torch.Tensor) -> torch.Tensor:
        generator = seeded(seed, "offchip", "ann", "dropout", update, i)
        mask = torch.rand(x.shape, generator=generator) >= share
        return x * (mask.to(x) / (1 - share))

    return drop


def put_ann(graph: Graph, fitted: list[AnnLayer | None]) -> None:
    """Set the weights and biases of a graph from an ANN read from a file (`conversion.source.read_ann` of the graph's layers)."""
    with torch.no_grad():
        for layer, found in zip(graph.layers, fitted, strict=True):
            if found is None:
                continue
            for k, (source, array) in enumerate(zip(layer.sources, found.weights, strict=True)):
                weight = graph.weight(layer.index, k)
                if array is None or weight is None:
                    continue
                values = torch.from_numpy(array)
                if not layer.is_conv and source.layer != INPUT:
                    values = values.permute(0, 2, 3, 1)  # columns location by location, not channel by channel
                weight.copy_(values.reshape(weight.shape))
            if found.bias is not None:
                graph.biases[str(layer.index)] = torch.nn.Parameter(torch.from_numpy(found.bias.copy()))
