"""Write the NIR graphs in tests/offchip/graphs/ with other frameworks, each with input spikes and the framework's own spikes.

Needs what the project does not: pip install --no-deps snntorch norse sinabs spikingjelly nirtorch samna pbr loguru.
Versions that the files were made with: snntorch 1.0.0, norse 1.1.0, sinabs 3.1.3, spikingjelly 2.0.0, nirtorch 2.6, nir 1.0.8.
"""

import gzip
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import nir
import numpy as np
import torch
from torch import nn

OUT = Path(__file__).parent.parent / "tests" / "offchip" / "graphs"
TICKS, SAMPLES = 30, 2
GRID = 1 / 64  # weights are multiples of it, below 1, so that 8 bits hold them


def weigh(module: nn.Module, grid: float = GRID) -> None:
    """Set weights (and biases) to random multiples of `grid`; random floats if it is 0."""
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith(("weight", "bias")):
                drawn = torch.rand(parameter.shape, generator=generator) * 1.6 - (0.6 if name.endswith("weight") else 0.9)
                if name.endswith("bias"):
                    drawn = drawn / 8
                drawn = drawn / max(1.0, (parameter[0].numel() / 12) ** 0.5)
                parameter.copy_(torch.round(drawn / grid) * grid if grid else drawn)


def spikes_of(shape: tuple[int, ...], rate: float = 0.3) -> torch.Tensor:
    """Input spikes (ticks, samples, *shape)."""
    return (torch.rand((TICKS, SAMPLES, *shape), generator=torch.Generator().manual_seed(9)) < rate).float()


def keep(name: str, graph: nir.NIRGraph, inputs: torch.Tensor, *layers: torch.Tensor) -> None:
    """Write graph and spikes (ticks, samples, units), channel by channel, in bits."""
    nir.write(OUT / f"{name}.nir", graph)
    (OUT / f"{name}.nir.gz").write_bytes(gzip.compress((OUT / f"{name}.nir").read_bytes(), mtime=0))
    (OUT / f"{name}.nir").unlink()
    arrays = {f"layer{i}": layer.flatten(2).bool().numpy() for i, layer in enumerate(layers)}
    arrays["inputs"] = inputs.flatten(2).bool().numpy()
    packed: dict[str, Any] = {key: np.packbits(array) for key, array in arrays.items()}
    packed |= {f"{key}_shape": np.array(array.shape) for key, array in arrays.items()}
    np.savez_compressed(OUT / f"{name}.npz", **packed)
    print(name, {key: float(array.mean().round(3)) for key, array in arrays.items()})


def keep_snntorch(name: str, net: nn.Sequential) -> None:
    """Export and run a net of two layers of weights and neurons."""
    from snntorch.export_nir import export_to_nir

    one, first, two, second = cast("list[Any]", list(net))
    inputs, graph, spikes = spikes_of((12,)), export_to_nir(net, torch.zeros(12)), []
    first.reset_mem()
    second.reset_mem()
    with torch.no_grad():
        for x in inputs:
            hidden = first(one(x))
            spikes.append((hidden, second(two(hidden))[0]))
    keep(name, graph, inputs, *map(torch.stack, zip(*spikes, strict=True)))


def snntorch_graphs() -> None:
    import snntorch as snn
    from snntorch.export_nir import export_to_nir

    def leaky(n: int, beta: float, reset: str, **more: bool) -> nn.Module:
        return snn.Leaky(torch.full((n,), beta), torch.ones(n), init_hidden=True, reset_mechanism=reset, **more)

    for name, beta, reset, grid in (("snntorch_lif", 0.9375, "zero", GRID), ("snntorch_lif_095", 0.95, "zero", 0.0)):
        net = nn.Sequential(
            nn.Linear(12, 10, bias=False), leaky(10, beta, reset),
            nn.Linear(10, 4, bias=False), leaky(4, beta, reset, output=True),
        )  # fmt: skip
        weigh(net, grid)
        keep_snntorch(name, net)

    def synaptic(n: int, **more: bool) -> nn.Module:  # reset at once: with reset_delay the drive of the tick after a spike is lost
        leaks, of = (torch.full((n,), 0.75), torch.full((n,), 0.9375)), {"reset_mechanism": "zero", "reset_delay": False}
        return snn.Synaptic(*leaks, torch.full((n,), 4.0), init_hidden=True, **of, **more)

    net = nn.Sequential(nn.Linear(12, 10), synaptic(10), nn.Linear(10, 4, bias=False), synaptic(4, output=True))
    weigh(net)
    keep_snntorch("snntorch_cubalif", net)
    recurrent = nn.Sequential(nn.Linear(12, 4), snn.RLeaky(0.9375, all_to_all=True, linear_features=4, init_hidden=True, output=True))
    weigh(recurrent)
    keep("snntorch_recurrent", export_to_nir(recurrent, torch.zeros(12)), spikes_of((12,)))


def norse_graphs() -> None:
    import norse.torch as norse

    def stepped(net: Any, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Spikes of both layers of neurons, tick by tick."""
        states, first, second = (None, None), [], []
        with torch.no_grad():
            for x in inputs:
                one, state1 = net[1](net[0](x), states[0])
                two, state2 = net[3](net[2](one), states[1])
                states = (state1, state2)
                first.append(one)
                second.append(two)
        return torch.stack(first), torch.stack(second)

    # dt / tau is 1/8 in its steps of dt = 0.001; its exporter writes tau = dt / tau_mem_inv, so the tick of its file is 1e-6 s
    def cell(n: int) -> nn.Module:
        full = {"tau_mem_inv": 125.0, "v_th": 0.2578125, "v_leak": 0.0, "v_reset": 0.0}
        return norse.LIFBoxCell(norse.LIFBoxParameters(**{key: torch.full((n,), value) for key, value in full.items()}))

    net = norse.SequentialState(nn.Linear(12, 10, bias=False), cell(10), nn.Linear(10, 4, bias=False), cell(4))
    weigh(net)
    inputs = spikes_of((12,))
    first, second = stepped(net, inputs)
    keep("norse_lifbox", norse.to_nir(net, torch.zeros(1, 12)), inputs, first, second)

    def synaptic(n: int) -> nn.Module:
        full = {"tau_syn_inv": 250.0, "tau_mem_inv": 125.0, "v_th": 0.6, "v_leak": 0.0, "v_reset": 0.0}
        return norse.LIFCell(norse.LIFParameters(**{key: torch.full((n,), value) for key, value in full.items()}))

    net = norse.SequentialState(nn.Linear(12, 10, bias=False), synaptic(10), nn.Linear(10, 4, bias=False), synaptic(4))
    weigh(net)
    first, second = stepped(net, inputs)
    graph = norse.to_nir(net, torch.zeros(1, 12))
    for node in graph.nodes.values():
        if isinstance(node, nir.CubaLIF):
            node.w_in = np.asarray(node.tau_syn) / 1e-6  # its exporter leaves w_in at 1, its step adds the input as it is
    keep("norse_lif", graph, inputs, first, second)


def sinabs_graphs() -> None:
    import sinabs.layers as sl
    from sinabs.activation import MembraneReset, SingleSpike
    from sinabs.nir import to_nir

    # its leak is exp(-1 / tau), tau in ticks, and its input is weighed by 1 - that: the exact step
    of = {"spike_fn": SingleSpike, "reset_fn": MembraneReset(), "min_v_mem": None, "num_timesteps": TICKS}
    tau = torch.tensor(-1 / np.log(0.9375))
    kinds = {
        "sinabs_iaf": lambda n: sl.IAFSqueeze(**of, spike_threshold=torch.full((n,), 1.0078125)),
        "sinabs_lif": lambda n: sl.LIFSqueeze(tau_mem=tau.repeat(n).float(), **of, spike_threshold=torch.full((n,), 0.12548828125)),
    }
    for name, neurons in kinds.items():
        net = nn.Sequential(nn.Linear(12, 10, bias=False), neurons(10), nn.Linear(10, 4, bias=False), neurons(4))
        weigh(net)
        inputs = spikes_of((12,))
        with torch.no_grad():
            first = net[1](net[0](inputs.transpose(0, 1).flatten(0, 1)))
            second = net[3](net[2](first))
        by_tick = [layer.unflatten(0, (SAMPLES, TICKS)).transpose(0, 1) for layer in (first, second)]
        keep(name, to_nir(net, torch.zeros(TICKS, 12)), inputs, *by_tick)


def spikingjelly_graphs() -> None:
    from spikingjelly.activation_based import functional, layer, neuron
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    above = 1.0078125  # half way between two steps of the grid: at a threshold itself it fires, NIR does not

    def dense(neurons: Callable[[], nn.Module]) -> nn.Sequential:
        return nn.Sequential(layer.Linear(12, 10, bias=False), neurons(), layer.Linear(10, 4, bias=False), neurons())

    nets: dict[str, nn.Sequential] = {
        "spikingjelly_if": dense(lambda: neuron.IFNode(above)),
        "spikingjelly_lif": dense(lambda: neuron.LIFNode(8.0, decay_input=False, v_threshold=above)),
        "spikingjelly_conv_bias": nn.Sequential(
            layer.Conv2d(1, 3, 3, padding=1), neuron.IFNode(above), layer.AvgPool2d(2, 2), layer.Flatten(),
            layer.Linear(27, 4, bias=False), neuron.IFNode(above),
        ),
    }  # fmt: skip
    for name, net in nets.items():
        weigh(net)
        shape = (1, 6, 6) if "conv" in name else (12,)
        inputs = spikes_of(shape)
        graph = export_to_nir(net, torch.zeros(1, *shape))
        functional.reset_net(net)
        first, second = [], []
        with torch.no_grad():
            for x in inputs:
                one = net[:2](x)
                first.append(one)
                second.append(net[2:](one))
        keep(name, graph, inputs, torch.stack(first), torch.stack(second))


def spikingjelly_cubalif() -> None:
    """Its exporter has no CUBALIFNode; its importer makes one of the graph, which is written here."""
    from spikingjelly.activation_based.nir_exchange import import_from_nir

    dt, layers = 1e-4, (nn.Linear(12, 10, bias=False), nn.Linear(10, 4, bias=False))
    weigh(nn.Sequential(*layers))

    def neurons(n: int) -> nir.CubaLIF:
        full = {"tau_syn": 2 * dt, "tau_mem": 8 * dt, "w_in": 2.0, "r": 8.0, "v_leak": 0.0, "v_threshold": 2.0078125, "v_reset": 0.0}
        return nir.CubaLIF(**{key: np.full(n, value) for key, value in full.items()})

    nodes = {
        "input": nir.Input({"input": np.array([12])}), "0": nir.Linear(layers[0].weight.detach().numpy()), "1": neurons(10),
        "2": nir.Linear(layers[1].weight.detach().numpy()), "3": neurons(4), "output": nir.Output({"output": np.array([4])}),
    }  # fmt: skip
    graph, inputs, found = nir.NIRGraph(nodes, [*pairwise(nodes)]), spikes_of((12,)), []
    one = {name: nodes[name] for name in ("input", "0", "1")} | {"output": nir.Output({"output": np.array([10])})}
    for part in (nir.NIRGraph(one, [*pairwise(one)]), graph):
        net = import_from_nir(part, dt)
        with torch.no_grad():
            state, outs = None, []
            for x in inputs:
                out, state = net(x, state)
                outs.append(out)
        found.append(torch.stack(outs))
    keep("spikingjelly_cubalif", graph, inputs, *found)


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    for make in (snntorch_graphs, norse_graphs, sinabs_graphs, spikingjelly_graphs, spikingjelly_cubalif):
        make()
