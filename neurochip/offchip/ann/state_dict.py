"""An ANN from a PyTorch state dict (.pt, .pth), fitted to the layers of an experiment.

A state dict is an ordered list of arrays without a topology: its convolutions and linear layers are taken in order and must fit the
experiment's conv and dense layers (of a layer with skips: the main source first, then the skips) by shape. What it cannot say is taken
as this product's ANN has it: ReLU, average pooling; neurons of
snnTorch become ReLUs of gain 1 / threshold. Batch norm that directly follows one of them is folded into it:
w' = w * g / sqrt(var + eps), b' = beta + (b - mean) * g / sqrt(var + eps), eps = 1e-5 (PyTorch's default; a state dict does not hold it).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neurochip.common.errors import NeurochipError, reason_of
from neurochip.mapping.network import Layer
from neurochip.offchip.ann.layers import AnnLayer, weight_shape

EPS = 1e-5
WRAPPERS = ("state_dict", "model_state_dict", "model")  # keys under which training programs put a state dict
SAVE = "write it with torch.save(model.state_dict(), file)"
BATCH_NORM = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}


NEURON = {  # of the neurons of snnTorch
    "threshold", "graded_spikes_factor", "reset_mechanism_val", "beta", "alpha", "mem", "syn", "spk", "membrane_threshold",
}  # fmt: skip


class Entry(NamedTuple):
    """A convolution or linear layer of a state dict."""

    name: str
    weight: np.ndarray
    bias: np.ndarray | None


def read_layers(path: Path, layers: list[Layer], input_planes: int, about: str, say: Callable[[str], None]) -> list[AnnLayer | None]:
    """Read the ANN of a state dict for each of the experiment's layers (None for pools); see `offchip.conversion.source.read_ann`."""
    return match_entries(fold_batch_norms(read_state_dict(path, about, say), about, say), layers, input_planes, about)


def read_state_dict(path: Path, about: str, say: Callable[[str], None] = lambda text: None) -> dict[str, np.ndarray]:
    """Read the arrays of a state dict, in its order; `say` is told what else the file holds. Only tensors are loaded, never code.

    Raises NeurochipError if the file is damaged, a pickled model or holds no state dict, or an array is not of finite real numbers.
    """
    import torch

    try:
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged archive fails in many ways: pickle, zip, storage sizes
        if "GLOBAL" in str(error) or "TorchScript" in str(error):  # torch's words for code where only tensors are taken
            raise NeurochipError(
                f"{about}: not a readable state dict: a whole model, pickled with its program, which is not run here; write its "
                "arrays alone with torch.save(model.state_dict(), file)"
            ) from None
        raise NeurochipError(f"{about}: not a readable state dict ({reason_of(error)}); {SAVE}") from None
    arrays: dict[str, np.ndarray] = {}
    for name, value in _unwrapped(loaded, about, say).items():
        if value.is_complex() or value.is_quantized or value.layout != torch.strided:
            raise NeurochipError(f"{about}: '{name}' is {value.dtype} ({value.layout}): must be a dense tensor of real numbers; convert it")
        arrays[str(name)] = value.detach().cpu().to(torch.float32).numpy()
        if not np.isfinite(arrays[str(name)]).all():
            raise NeurochipError(f"{about}: '{name}' holds values that are not finite; give an ANN whose training did not diverge")
    return arrays


def _unwrapped(loaded: Any, about: str, say: Callable[[str], None]) -> dict[str, Any]:
    """The names and tensors in what a training program saved: as they are, or under one key of a dict, or under one of that."""
    import torch

    def is_state(value: Any) -> bool:
        return isinstance(value, dict) and bool(value) and all(isinstance(tensor, torch.Tensor) for tensor in value.values())

    while isinstance(loaded, dict) and not is_state(loaded):
        known = [key for key in WRAPPERS if isinstance(loaded.get(key), dict)]
        keys = known[:1] or [key for key, value in loaded.items() if is_state(value)]
        if len(keys) > 1:
            raise NeurochipError(f"{about}: holds several state dicts ({', '.join(map(repr, keys))}); save the one that is meant alone")
        if not keys:
            break
        if left := [str(key) for key in loaded if key != keys[0]]:
            say(f"ANN: '{keys[0]}' of the file is taken; left out: {', '.join(left)}")
        loaded = loaded[keys[0]]
    if not is_state(loaded):
        raise NeurochipError(f"{about}: holds no state dict (names with tensors); {SAVE}")
    return loaded


def fold_batch_norms(arrays: dict[str, np.ndarray], about: str, say: Callable[[str], None]) -> list[Entry]:
    """Fold each batch norm into the convolution or linear layer before it; these in order. Anything else is refused by name."""
    modules: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        module, _, part = name.rpartition(".")
        modules.setdefault(module or name, {})[part] = array
    entries: list[Entry] = []
    is_foldable = False
    for name, parts in modules.items():
        weight = parts.get("weight")
        if weight is not None and weight.ndim in (2, 4) and set(parts) <= {"weight", "bias"}:
            entries.append(Entry(name, weight, _not_zero(parts.get("bias"))))
            is_foldable = True
        elif "running_mean" in parts and set(parts) <= BATCH_NORM:
            if not is_foldable or len(parts["running_mean"]) != len(entries[-1].weight):
                raise NeurochipError(
                    f"{about}: batch norm '{name}' does not directly follow a convolution or linear layer of as many outputs and cannot be "
                    "folded into one; train the ANN without it"
                )
            say(f"ANN: batch norm '{name}' is folded into '{entries[-1].name}', as if it stood before the ReLU")
            entries[-1], is_foldable = _folded(entries[-1], parts), False
        elif "threshold" in parts and set(parts) <= NEURON:
            if not entries:
                raise NeurochipError(f"{about}: neurons '{name}' follow no convolution or linear layer; train the ANN with these first")
            entries[-1], is_foldable = _at_threshold(entries[-1], name, parts, about), False
            left = ", ".join(f"{part} {array.flat[0]:g}" for part, array in parts.items() if part != "threshold" and array.size == 1)
            say(
                f"ANN: neurons '{name}' are taken as ReLUs of gain 1 / threshold behind '{entries[-1].name}'; left out: {left or 'nothing'}"
            )
        else:
            shapes = ", ".join(f"{part} {list(array.shape)}" for part, array in parts.items())
            raise NeurochipError(
                f"{about}: '{name}' ({shapes}) is no convolution, linear layer or batch norm; train the ANN with these and ReLU only"
            )
    return entries


def _folded(entry: Entry, norm: dict[str, np.ndarray]) -> Entry:
    scale = norm.get("weight", np.float32(1.0)) / np.sqrt(norm["running_var"] + EPS)
    bias = (entry.bias if entry.bias is not None else 0.0) - norm["running_mean"]
    weight = entry.weight * scale.reshape(-1, *(1,) * (entry.weight.ndim - 1))
    return Entry(entry.name, weight.astype(np.float32), _not_zero((bias * scale + norm.get("bias", 0.0)).astype(np.float32)))


def _at_threshold(entry: Entry, name: str, neuron: dict[str, np.ndarray], about: str) -> Entry:
    """Neurons that fire at another threshold than 1 fire as a ReLU of weights divided by it."""
    threshold = neuron["threshold"].reshape(-1)
    if threshold.size not in (1, len(entry.weight)) or (threshold <= 0).any():
        raise NeurochipError(
            f"{about}: neurons '{name}' have threshold = {threshold.tolist()[:4]}: must be above 0, one or one of each of the "
            f"{len(entry.weight)} outputs of '{entry.name}'"
        )
    gain = 1.0 / threshold.astype(np.float64)
    weight = entry.weight * gain.reshape(-1, *(1,) * (entry.weight.ndim - 1))
    bias = None if entry.bias is None else (entry.bias * gain).astype(np.float32)
    return Entry(entry.name, weight.astype(np.float32), bias)


def _not_zero(bias: np.ndarray | None) -> np.ndarray | None:
    return bias if bias is not None and bias.any() else None


def match_entries(entries: list[Entry], layers: list[Layer], input_planes: int, about: str) -> list[AnnLayer | None]:
    """Give each conv and dense layer its entries, in order."""
    left, fitted = list(entries), list[AnnLayer | None]()
    for layer in layers:
        if layer.model.kind == "pool":
            fitted.append(None)
            continue
        chosen: list[np.ndarray | None] = []
        names, bias = list[str](), None
        for k, source in enumerate(layer.sources):
            if k and layer.model.skip_identity:
                chosen.append(None)
                continue
            wanted = weight_shape(layer, source, input_planes)
            if not left:
                raise NeurochipError(
                    f"{about}: has {len(entries)} convolutions and linear layers, none for layer '{layer.name}', which takes {wanted}; "
                    "give an ANN of the experiment's topology"
                )
            entry = left.pop(0)
            if entry.weight.shape not in (wanted, (wanted[0], int(np.prod(wanted[1:])))):
                raise NeurochipError(
                    f"{about}: '{entry.name}' is {tuple(entry.weight.shape)}, layer '{layer.name}' takes {wanted} (outputs, inputs, rows, "
                    "columns); give an ANN of the experiment's topology"
                )
            chosen.append(entry.weight.reshape(wanted))
            names.append(entry.name)
            if entry.bias is not None:
                bias = entry.bias if bias is None else bias + entry.bias
        fitted.append(AnnLayer(" + ".join(names), tuple(chosen), bias))
    if left:
        raise NeurochipError(f"{about}: '{left[0].name}' has no layer in the experiment; give an ANN of the experiment's topology")
    return fitted
