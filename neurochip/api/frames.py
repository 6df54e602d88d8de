"""Tables of runs as pandas frames. pandas is an extra: it is imported when a frame is asked for."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from neurochip.common.errors import NeurochipError, did_you_mean
from neurochip.core.events import Event, Phase

if TYPE_CHECKING:
    import pandas

    from neurochip.api.results import Cost, Run

FrameName = Literal["epochs", "layers", "cores", "energy", "counts", "ticks"]


def load_pandas() -> Any:
    """Import pandas. Raises NeurochipError that names the extra if it is not there."""
    try:
        import pandas
    except ImportError as error:
        raise NeurochipError(f"frames need pandas ({error}); install it: pip install 'neurochip[pandas]'") from None
    return pandas


def run_frame(run: "Run", table: str) -> "pandas.DataFrame":
    """Return a table of a run; what its rows and columns are is said where each is made."""
    tables: dict[str, Callable[[Any, Run], pandas.DataFrame]] = {
        "epochs": _epochs, "layers": _layers, "cores": _cores, "energy": _energy, "counts": _counts, "ticks": _ticks,
    }  # fmt: skip
    if table not in tables:
        raise NeurochipError(f"no table '{table}'{did_you_mean(table, tables)}")
    return tables[table](load_pandas(), run)


def _epochs(pandas: Any, run: "Run") -> Any:
    """A row per epoch, from 1: shares of right answers of the chip, and of the float twin if there was one."""
    columns: dict[str, Any] = {"test_accuracy": run.accuracy_per_epoch, "training_accuracy": run.training_accuracy_per_epoch}
    reference = run.stored.summary.accuracy.reference_per_epoch
    if reference:
        columns["reference_accuracy"] = reference
    return pandas.DataFrame(columns, index=pandas.RangeIndex(1, len(run.accuracy_per_epoch) + 1, name="epoch"))


def _layers(pandas: Any, run: "Run") -> Any:
    """A row per layer: its form, then its costs per sample of inference and of training, in nJ and us."""
    rows = []
    for layer in run.layers:
        facts = {key: value for key, value in layer._asdict().items() if key not in ("training", "inference")}
        for part, cost in (("inference", layer.inference), ("training", layer.training)):
            facts |= {f"{part}_{key}": value for key, value in _figures(cost).items()} if cost else {}
        rows.append(facts)
    return pandas.DataFrame(rows).set_index("name")


def _figures(cost: "Cost") -> dict[str, float]:
    return {key: getattr(cost, key) for key in ("energy_nj", "latency_us", "cycles", "spikes", "sops")}


def _cores(pandas: Any, run: "Run") -> Any:
    """A row per core: its layer, its place on the mesh, how much of it is used (shares), its energies per sample in nJ."""
    names, rows = [layer.name for layer in run.layers], []
    for core in run.stored.summary.cores:
        facts = {
            key: getattr(core, key) for key in ("name", "axons", "neurons", "memory_words", "axons_used", "neurons_used", "memory_used")
        }
        x, y = core.at or (None, None)
        energies = {f"{part}_energy_nj": sum(core.of(key).energy_pj.values()) / 1000 for part, key in _parts(run)}
        rows.append({"core": core.name, "layer": names[core.layer], "x": x, "y": y, **facts, **energies})
    return pandas.DataFrame(rows).set_index("core")


def _energy(pandas: Any, run: "Run") -> Any:
    """A row per part (training, inference) and layer, a column per component: nJ per sample."""
    rows, index = [], []
    for layer in run.layers:
        for part, cost in (("training", layer.training), ("inference", layer.inference)):
            if cost is not None:
                rows.append(dict(cost.energy_by_component_nj))
                index.append((part, layer.name))
    return pandas.DataFrame(rows, index=pandas.MultiIndex.from_tuples(index, names=["part", "layer"])).sort_index(
        level=0, sort_remaining=False
    )


def _counts(pandas: Any, run: "Run") -> Any:
    """A row per part, layer and phase, a column per event: over all epochs of training, and the last evaluation."""
    rows, index = [], []
    for part, _ in _parts(run):
        counts = run.counts(part)  # type: ignore[arg-type]
        summed = counts.sum(axis=0) if part == "training" else counts[-1]
        for layer, of_layer in zip(run.layers, summed, strict=True):
            for phase in Phase:
                rows.append(of_layer[phase])
                index.append((part, layer.name, phase.name.lower()))
    columns = [event.name.lower() for event in Event]
    names = pandas.MultiIndex.from_tuples(index, names=["part", "layer", "phase"])
    return pandas.DataFrame(np.array(rows, dtype=np.int64), index=names, columns=columns)


def _ticks(pandas: Any, run: "Run") -> Any:
    """A row per tick of a test sample, from 1: the share of right answers if it were the last; not a number before the read-out."""
    from neurochip.report.inference import by_tick

    values = np.array(by_tick(run.stored.summary), dtype=np.float64)
    return pandas.DataFrame({"test_accuracy": values}, index=pandas.RangeIndex(1, len(values) + 1, name="tick"))


def _parts(run: "Run") -> list[tuple[str, str]]:
    """(part, key in summary.json) of what samples were presented for."""
    return [("training", "train")] * (run.training is not None) + [("inference", "test")]
