"""What a conversion leaves behind: trained.h5, conversion.json, conversion.png, and its lines on screen."""

import time
from typing import Any

import numpy as np

from neurochip.common.files import write_json
from neurochip.offchip.conversion.converter import Conversion, Converter
from neurochip.offchip.conversion.fidelity import Fidelity
from neurochip.offchip.conversion.plots import draw_conversion
from neurochip.offchip.trained_file import write_trained
from neurochip.runfile.names import TRAINED
from neurochip.runfile.ticks import ticks_to

RESULT, PICTURE = "conversion.json", "conversion.png"
POINTS = (0.005, 0.01)  # below the ANN: accuracies whose latency is reported
SHOWN = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)  # ticks on screen


def run_conversion(converter: Converter, started: float) -> Conversion:
    """Convert, evaluate, and write trained.h5, conversion.json and conversion.png into the converter's folder."""
    conversion = converter.convert()
    results = converter.evaluate(conversion)
    facts = _facts(converter, conversion, results)
    summary = _summary(converter, conversion, results, time.monotonic() - started)
    experiment = converter.setup.experiment
    write_trained(
        converter.folder / TRAINED, conversion.graph, conversion.thresholds, "conversion", experiment.name, experiment.seed, summary
    )
    write_json(converter.folder / RESULT, facts)
    draw_conversion(converter.folder / PICTURE, experiment.name, facts, conversion.balance, results[0])
    for line in report_lines(facts):
        converter.progress.note(line)
    return conversion


def _summary(converter: Converter, conversion: Conversion, results: list[Fidelity], wall_s: float) -> dict[str, Any]:
    """As docs/learning_systems.md lists it."""
    curves = np.array([result.accuracy_by_tick for result in results])
    layers = results[0].layers.values()
    return {
        "ticks": converter.train.ticks,
        "accuracy_by_tick": curves.mean(axis=0).tolist(),
        "accuracy_by_tick_std": curves.std(axis=0).tolist(),
        "encoder_seeds": len(results),
        "test_samples": results[0].images,
        "selected_by": "validation" if conversion.ann_history and converter.held_out is not None else "last",
        "validation_accuracy": conversion.validation_accuracy,
        "ann_accuracy": results[0].ann_accuracy,
        "spikes_per_image": {stats.name: stats.spikes / max(1, stats.images) for stats in layers if stats.images},
        "epochs": len(conversion.ann_history.losses) if conversion.ann_history else 0,
        "wall_s": wall_s,
        "device": converter.device,
    }


def _facts(converter: Converter, conversion: Conversion, results: list[Fidelity]) -> dict[str, Any]:
    """All that conversion.json says; accuracies are shares of the test images, latencies ticks of input."""
    curves = np.array([result.accuracy_by_tick for result in results])
    mean, model, found, ann = curves.mean(axis=0), converter.model, conversion.balance, results[0].ann_accuracy
    history = conversion.ann_history
    return {
        "experiment": converter.setup.experiment.name,
        "seed": converter.seed,
        "ann": {
            "from": model.ann or "trained",
            "test_accuracy": ann,
            "validation_accuracy": conversion.validation_accuracy,
            "per_epoch": history._asdict() if history else None,
        },
        "balancing": {
            "ticks": model.balance_ticks,
            "images": min(model.balance_images, len(converter.training.labels)),
            "percentile": model.percentile,
            "threshold_scale": model.threshold_scale,
        },
        "ticks": converter.train.ticks,
        "encoder_seeds": len(results),
        "accuracy_by_tick": mean.tolist(),
        "accuracy_by_tick_std": curves.std(axis=0).tolist(),
        "ticks_to_ann_minus": {f"{100 * points:g}": ticks_to(mean.tolist(), ann - points) for points in POINTS},
        "layers": [
            stats.facts()
            | {"neuron": converter.layers[i].model.neuron.model, "reset": converter.layers[i].model.neuron.reset}
            | {"threshold": found.thresholds.get(i), "lambda": found.scales[i]}
            | {"largest_current": found.currents[i].largest if i in found.currents else None}
            for i, stats in results[0].layers.items()
        ],
        "warnings": results[0].warnings(),
        "notes": conversion.notes,
    }


def report_lines(facts: dict[str, Any]) -> list[str]:
    """Return what the screen says of a conversion, line by line."""
    curve, ann = facts["accuracy_by_tick"], facts["ann"]["test_accuracy"]
    ticks = len(curve)
    shown = [*(t for t in SHOWN if t < ticks), ticks]
    lines = [f"ANN: test {100 * ann:.2f} %", "ticks     accuracy [%]   to the ANN [points]"]
    lines += [f"{t:5d}     {100 * curve[t - 1]:6.2f}         {100 * (curve[t - 1] - ann):+.2f}" for t in shown]
    for points, first in facts["ticks_to_ann_minus"].items():
        text = f"from tick {first} on" if first else f"not within {ticks} ticks; raise train.ticks"
        lines.append(f"within {points} points of the ANN: {text}")
    lines.append("layer          threshold     lambda   correlation   rms error   spikes/image   silent   saturated")
    for layer in facts["layers"]:
        threshold = f"{layer['threshold']:9.4g}" if layer["threshold"] is not None else "        -"
        correlation, error = (f"{layer[key]:.3f}" if layer[key] is not None else "-" for key in ("correlation", "rms_error"))
        lines.append(
            f"{layer['name']:12s}   {threshold}  {layer['lambda']:9.4g}   {correlation:>11s}   {error:>9s}"
            f"   {layer['spikes_per_image']:12,.0f}   {100 * layer['silent_share']:4.0f} %    {100 * layer['saturated_share']:6.1f} %"
        )
    return lines + [f"warning: {line}" for line in facts["warnings"]]
