"""Initial weights at which every layer fires at a wanted rate, and what keeps them so through training: for deep nets and few ticks.

A unit that needs several ticks of input for its first spike makes a layer's rate fall faster than its input's: a few layers on nothing
fires, or, with larger weights throughout, everything. So the weights of each layer are scaled, in order, on spikes that have come through
the layers below: layer-sequential initialisation (Mishkin and Matas 2016) with spikes per tick in place of the variance.

`Keeper` holds the weights of hidden neurons at a mean current of 0 and at a length that follows the rate, through all updates. That is near
batch norm and weight standardisation (Qiao et al. 2019; Brock et al. 2021) and synaptic scaling (Turrigiano 2008), but as a projection
after the update: what is trained are the weights of the chip.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from neurochip.common import random as host_random
from neurochip.common.errors import NeurochipError
from neurochip.mapping.network import INPUT, Source
from neurochip.offchip import torch
from neurochip.offchip.graph import Graph, Outputs, flat
from neurochip.offchip.neurons import fire_all, pool_all
from neurochip.offchip.spike_bp.evaluation import ROOM
from neurochip.offchip.spike_bp.sweep import SpikingNet
from neurochip.offchip.trains import Trains

IMAGES = 64  # at most, on which weights are scaled
Report = Callable[[int, float | None], None]  # layers done
LOWEST, HIGHEST, HALVINGS = 2.0**-12, 2.0**12, 18  # factors that are tried
PULL, MOST = 0.02, 4.0  # of a layer's rate on its weights' length, per update
MIX = 0.05  # of a batch in the running means
CLOSE = 0.05  # of the wanted rate, from above


class Drive(NamedTuple):
    """A layer's current (ticks * images, channels, height, width): `scaled` grows with its weights, `rest` (identity skips, biases) not."""

    scaled: torch.Tensor
    rest: torch.Tensor | None

    def times(self, factor: float) -> torch.Tensor:
        """Return the drive with the weights times that factor."""
        return self.scaled * factor if self.rest is None else torch.add(self.rest, self.scaled, alpha=factor)


@torch.no_grad()
def balance_rates(
    net: SpikingNet, trains: Trains, ticks: int, rate: float, output_std: float, where: str, report: Report = lambda done, accuracy: None
) -> list[dict[str, Any]]:
    """Scale the weights of each layer until its neurons fire `rate` times per tick, on average over neurons, ticks and drawn images.

    Pools stay as they are. The output's weights are scaled until its answers (potential / ticks; the loss wants 0 and 1) have the standard
    deviation `output_std`. Images and their spikes are drawn by the seed of `trains`. Returns of each layer with weights `name`, `factor`
    (on its weights) and the `rate`, or `std`, it came to. Raises NeurochipError, which names the layer, if no factor does it.
    """
    spikes, found = {INPUT: _drawn(net, trains, ticks)}, list[dict[str, Any]]()
    for i, layer in enumerate(net.graph.layers):
        report(i, None)
        if layer.model.kind == "pool":
            spikes[i] = pool_all(net.neurons[i], layer.model.pool, spikes[layer.sources[0].layer], None, ticks, net.dtype)
            continue
        drive, key = _drive(net, i, spikes, ticks), f"{where}: [train.spike_bp] initial_rate = {rate:g}: layer '{layer.name}'"
        factor = _output_factor(net, drive, ticks, output_std, key) if i == net.last else _factor(net, i, drive, ticks, rate, key)
        for weight in _weights(net.graph, i):
            weight.mul_(factor)
        net.engine.begin()
        current = net.engine.current(i, spikes, {}, ticks)
        facts: dict[str, Any] = {"name": layer.name, "factor": factor}
        if i == net.last:
            found.append(facts | {"std": _std(net, current, ticks)})
        else:
            spikes[i] = fire_all(net.neurons[i], current, ticks)
            found.append(facts | {"rate": _rate(spikes[i])})
    return found


def _drawn(net: SpikingNet, trains: Trains, ticks: int) -> torch.Tensor:
    units = max(layer.shape.units for layer in net.graph.layers)
    n = max(1, min(IMAGES, ROOM // (units * ticks)))
    order = host_random.permutation(host_random.stream(trains.seed, "offchip", "initial"), trains.n)
    return trains.draw(torch.from_numpy(order[:n]), ticks, "initial")


def _weights(graph: Graph, i: int) -> list[torch.Tensor]:
    found = [graph.weight(i, k) for k in range(len(graph.layers[i].sources))]
    return [weight for weight in found if weight is not None]


def _drive(net: SpikingNet, i: int, spikes: Outputs, ticks: int) -> Drive:
    """What layer i receives with its weights as they are."""
    net.engine.begin()
    whole, weights = net.engine.current(i, spikes, {}, ticks), _weights(net.graph, i)
    if len(weights) == len(net.graph.layers[i].sources) and str(i) not in net.graph.biases:
        return Drive(whole, None)
    before = [weight.clone() for weight in weights]
    for weight in weights:
        weight.zero_()
    net.engine.begin()
    rest = net.engine.current(i, spikes, {}, ticks)
    for weight, values in zip(weights, before, strict=True):
        weight.copy_(values)
    return Drive(whole - rest, rest)


def _rate(spikes: torch.Tensor) -> float:
    return int(spikes.sum(dtype=torch.int64)) / spikes.numel()


def _factor(net: SpikingNet, i: int, drive: Drive, ticks: int, rate: float, key: str) -> float:
    """The least factor on a firing layer's weights that reaches the rate, by halving an interval of its logarithm."""

    def rate_at(tried: float) -> float:
        return _rate(fire_all(net.neurons[i], drive.times(tried), ticks))

    if (most := rate_at(HIGHEST)) < rate:
        raise NeurochipError(f"{key} fires {most:.3g} times per tick however large its weights; lower it, or let more spikes arrive there")
    low, high = LOWEST, HIGHEST
    for _ in range(HALVINGS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if rate_at(middle) < rate else (low, middle)
    if (least := rate_at(high)) > (1 + CLOSE) * rate:
        raise NeurochipError(f"{key} fires {least:.3g} times per tick at least, by what arrives unweighted or by few spikes; raise it")
    return high


def _std(net: SpikingNet, current: torch.Tensor, ticks: int) -> float:
    return float((net.read_out(current, ticks)[-1] / ticks).std(correction=0))


def _output_factor(net: SpikingNet, drive: Drive, ticks: int, std: float, key: str) -> float:
    if (found := _std(net, drive.scaled, ticks)) == 0.0:
        raise NeurochipError(f"{key}: no spike arrives there; raise it")
    return std / found


class Keeper:
    """Brings the weights of hidden neurons back to a mean current of 0 and to a length that follows their layer's rate.

    `lengths`: by name of the weights, of each neuron; at first those they have. A layer that fires less than `rate` times per tick gets
    longer weights, by the power PULL of the ratio in each update, and one that fires more gets shorter ones. The ratio counts as MOST at
    most: layers behind one that fell silent would grow without bounds until it is back. Updates are scaled with the length, by its ratio to
    the one in `first`: else they would turn short weights ever faster. `means`: running mean input of those weights.
    """

    def __init__(self, graph: Graph, rate: float) -> None:
        self.graph = graph
        self.rate = rate
        self.lengths = {name: float(_lengths(weight).square().mean().sqrt()) for name, *_, weight, _ in self._kept()}
        self.first = dict(self.lengths)
        self.means: dict[str, torch.Tensor] = {}
        self.before: dict[str, torch.Tensor] = {}

    @property
    def state(self) -> dict[str, Any]:
        """Lengths and means for a checkpoint; `restore` takes them."""
        return {"lengths": self.lengths, "first": self.first, "means": self.means}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from the state of another."""
        self.lengths, self.first, self.means = state["lengths"], state["first"], state["means"]

    def _kept(self) -> Iterator[tuple[str, int, Source, torch.Tensor, bool]]:
        """Name, layer, source, weights (neurons, ...), and whether they are centred: a signed input has a mean near 0 itself."""
        for layer in self.graph.layers[:-1]:
            for k, source in enumerate(layer.sources):
                if (weight := self.graph.weight(layer.index, k)) is not None:
                    is_centred = weight[0].numel() > 1 and not (self.graph.signed and source.layer == INPUT)
                    yield f"{layer.index}_{k}", layer.index, source, weight.detach(), is_centred

    def note(self) -> None:
        """Note where an update starts from; once before every update."""
        self.before = {name: weight.clone() for name, *_, weight, _ in self._kept()}

    def follow(self, spikes: Outputs) -> None:
        """Follow lengths and means, after the spikes of a batch: counted in whole numbers, so the same with any number of threads."""
        for name, i, source, weight, is_centred in self._kept():
            ratio = self.rate / max(_rate(spikes[i]), self.rate / MOST)
            self.lengths[name] *= max(ratio, 1.0 / MOST) ** PULL
            if is_centred:
                seen = _mean_input(spikes[source.layer], source, weight)
                before = self.means.get(name)
                self.means[name] = seen if before is None else before + MIX * (seen - before)

    @torch.no_grad()
    def project(self) -> None:
        """Bring weights back to their lengths and means; once after every update. Before the first batch there are no means: sums of 0."""
        for name, _, _, weight, is_centred in self._kept():
            if (before := self.before.get(name)) is not None:
                weight.sub_(before).mul_(self.lengths[name] / self.first[name]).add_(before)
            dims = tuple(range(1, weight.ndim))
            if is_centred and name in self.means:
                mean = self.means[name].to(weight.dtype)
                weight -= (weight * mean).sum(dims, keepdim=True) / mean.square().sum().clamp(min=1e-12) * mean
            elif is_centred:
                weight -= weight.mean(dims, keepdim=True)
            weight *= self.lengths[name] / _lengths(weight).clamp(min=1e-12)


def _mean_input(spikes: torch.Tensor, source: Source, weight: torch.Tensor) -> torch.Tensor:
    """Of each weight of a neuron, spikes per tick, float64: of a convolution by channels, wherever the tap lies."""
    if weight.ndim == 2:
        return flat(spikes.sum(0, dtype=torch.int64)[None], source)[0].double() / len(spikes)
    counts = spikes.sum((0, 2, 3), dtype=torch.int64).double()
    return counts[:, None, None].expand(weight.shape[1:]).contiguous() / (spikes.numel() / len(counts))


def _lengths(weight: torch.Tensor) -> torch.Tensor:
    """Of each neuron, of the weights' shape with 1 elsewhere."""
    return weight.square().sum(tuple(range(1, weight.ndim)), keepdim=True).sqrt()
