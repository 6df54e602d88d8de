"""The ANN of an experiment's topology: ReLU after hidden conv and dense layers, average pooling; biases from a file, or from batch norm.

It sees what the spiking net sees: the probability of a spike per tick, with the sign of a signed input, 0 .. 255 / 256. Batch norm stands
before the ReLU while it trains: y = g (c - mean) / sqrt(var + eps) + beta of a channel's current c, mean and var of the batch; `fold`
puts it, with the running mean and var, into weights w g / sqrt(var + eps) and the bias beta - mean g / sqrt(var + eps).
"""

from collections.abc import Callable

from neurochip.mapping.network import INPUT
from neurochip.offchip import torch
from neurochip.offchip.ann.layers import AnnLayer
from neurochip.offchip.graph import Graph, Outputs, seeded

F = torch.nn.functional
Drop = Callable[[int, torch.Tensor], torch.Tensor]


def norms_of(graph: Graph) -> torch.nn.ModuleDict:
    """Make a batch norm for each hidden layer with weights, by number of the layer, in training mode."""
    hidden = [layer for layer in graph.layers[:-1] if layer.model.kind != "pool"]
    return torch.nn.ModuleDict({str(layer.index): torch.nn.BatchNorm2d(layer.shape.channels) for layer in hidden})


@torch.no_grad()
def fold(graph: Graph, norms: torch.nn.ModuleDict) -> None:
    """Put the batch norms into the graph's weights and biases. The graph alone then is what it was with them in evaluation mode."""
    for i, norm in norms.items():
        assert isinstance(norm, torch.nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None
        factor = norm.weight / (norm.running_var + norm.eps).sqrt()
        for k in range(len(graph.layers[int(i)].sources)):
            if (weight := graph.weight(int(i), k)) is not None:
                weight.mul_(factor.view(-1, *[1] * (weight.ndim - 1)))
        graph.biases[i] = torch.nn.Parameter((norm.bias - norm.running_mean * factor).clone())


def activations(graph: Graph, images: torch.Tensor, drop: Drop | None = None, norms: torch.nn.ModuleDict | None = None) -> Outputs:
    """Compute the outputs of all layers for images (n, planes, height, width), by number of the layer; the last are class scores."""
    outputs, last = {INPUT: images}, len(graph.layers) - 1
    for layer in graph.layers:
        current = graph.current(layer.index, outputs)
        is_hidden = layer.index < last and layer.model.kind != "pool"
        if is_hidden and norms is not None:
            current = norms[str(layer.index)](current)
        outputs[layer.index] = F.relu(current) if is_hidden else current
        if is_hidden and drop is not None:
            outputs[layer.index] = drop(layer.index, outputs[layer.index])
    return outputs


def scores(graph: Graph, images: torch.Tensor, drop: Drop | None = None, norms: torch.nn.ModuleDict | None = None) -> torch.Tensor:
    """Compute class scores (n, classes) of images (n, planes, height, width)."""
    return activations(graph, images, drop, norms)[len(graph.layers) - 1].flatten(1)


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
