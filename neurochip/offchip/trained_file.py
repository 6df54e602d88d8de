"""trained.h5: weights and thresholds on their way to the chip, in the row order of docs/network.md. Format: docs/learning_systems.md."""

import io
import json
import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.common.files import write_atomically
from neurochip.common.seal import sealed
from neurochip.mapping.network import INPUT, Layer
from neurochip.offchip import torch
from neurochip.offchip.graph import Graph, is_identity
from neurochip.runfile.names import TRAINED_FORMAT
from neurochip.runfile.trained import WAY_OUT, read_content


def rows_of(graph: Graph, layer: Layer) -> np.ndarray | None:
    """Return the weights of a layer as the chip numbers them, float32 (rows, channels); None of a pool."""
    if layer.model.kind == "pool":
        return None
    parts = []
    for k, source in enumerate(layer.sources):
        if is_identity(layer, k):
            factor = graph.identity(layer.index, k)
            parts.append(np.eye(source.shape.channels, dtype=np.float32) if factor is None else np.diag(factor.cpu().float().numpy()))
            continue
        weight = graph.weight(layer.index, k)
        assert weight is not None
        array = weight.detach().cpu().float().numpy()
        taps = array.transpose(2, 3, 1, 0) if layer.is_conv else array.T[None]  # (..., channels of the source, channels)
        if graph.signed and source.layer == INPUT:
            taps = np.concatenate([taps, -taps], axis=-2)
        parts.append(taps.reshape(-1, layer.shape.channels))
    return np.ascontiguousarray(np.concatenate(parts))


def put_rows(graph: Graph, layer: Layer, rows: np.ndarray) -> None:
    """Set a layer's weights from rows (rows, channels) of the right shape: the inverse of `rows_of`."""
    for k, source in enumerate(layer.sources):
        weight, factor = graph.weight(layer.index, k), graph.identity(layer.index, k)
        part, channels = rows[source.row_at : source.row_at + source.rows], graph.channels_of(source)
        if factor is not None:
            factor.copy_(torch.from_numpy(np.diagonal(part).copy()))
        elif is_identity(layer, k) and not np.array_equal(part, np.eye(channels)):
            raise NeurochipError(
                f"layer '{layer.name}': its identity skip has other weights than 1, as [train.spike_bp] norm = 'rms' makes them; set "
                "that in the experiment, or leave skip_identity out"
            )
        if weight is None:
            continue
        if layer.is_conv:
            array = part.reshape(source.kernel, source.kernel, source.shape.channels, -1)[:, :, :channels].transpose(3, 2, 0, 1)
        else:
            array = part[: weight.shape[1]].T
        with torch.no_grad():
            weight.copy_(torch.from_numpy(np.ascontiguousarray(array)))


def write_trained(
    path: Path, graph: Graph, thresholds: dict[str, float], method: str, experiment: str, seed: int, summary: dict[str, Any]
) -> None:
    """Write a trained net in one step. `thresholds` by name of the layer, of every layer that fires; `summary` as the contract lists it."""
    image = io.BytesIO()  # on a full disk the HDF5 library would take the whole process down
    with h5py.File(image, "w") as file:
        facts = {"format": TRAINED_FORMAT, "method": method, "experiment": experiment, "seed": seed, "summary": json.dumps(summary)}
        file.attrs.update(facts)
        for layer in graph.layers:
            group = file.create_group(f"layers/{layer.name}")
            rows = rows_of(graph, layer)
            if rows is not None:
                group["weight"] = rows
            if str(layer.index) in graph.biases:
                group["bias"] = graph.biases[str(layer.index)].detach().cpu().float().numpy()
            if layer.name in thresholds:
                group.attrs["threshold"] = thresholds[layer.name]
    write_atomically(path, lambda part: part.write_bytes(sealed(image.getvalue())))


def read_trained(path: Path, graph: Graph) -> tuple[dict[str, float], dict[str, Any]]:
    """Set the weights of `graph` from a file; returns (thresholds by layer, summary). Raises NeurochipError for another topology."""
    if path.is_file() and not h5py.is_hdf5(path):
        raise NeurochipError(f"{path}: is not a file of trained weights; {WAY_OUT}")
    content = read_content(path, str(path))
    if foreign := sorted(set(content.layers) - {layer.name for layer in graph.layers}):
        raise NeurochipError(
            f"{path}: layer '{foreign[0]}' is not in the experiment; it was trained for another network, give one of this experiment"
        )
    thresholds = {}
    for layer in graph.layers:
        found = content.layers.get(layer.name)
        wanted = None if layer.model.kind == "pool" else (layer.rows, layer.shape.channels)
        shape = None if found is None or found.weight is None else found.weight.shape
        if found is None or shape != wanted or (found.bias is not None and found.bias.shape != (layer.shape.channels,)):
            text = "missing" if found is None else f"weights {shape}"
            text += f", biases {found.bias.shape}" if found is not None and found.bias is not None else ""
            raise NeurochipError(
                f"{path}: layer '{layer.name}': {text}, the experiment wants {wanted}; it was trained for another network, give one of "
                "this experiment"
            )
        if found.weight is not None:
            put_rows(graph, layer, found.weight)
        if found.bias is not None:
            graph.biases[str(layer.index)] = torch.nn.Parameter(torch.from_numpy(found.bias))
        if found.threshold is not None:
            if not 0 < found.threshold < math.inf:
                raise NeurochipError(f"{path}: layer '{layer.name}': threshold = {found.threshold}: must be above 0; train it again")
            thresholds[layer.name] = found.threshold
    return thresholds, content.summary
