"""`neurochip export-nir`: a trained net of integrate-and-fire neurons as a NIR graph."""

from pathlib import Path

from neurochip import datasets
from neurochip.experiment.setup import load_setup
from neurochip.mapping.network import build_network
from neurochip.offchip.graph import Graph
from neurochip.offchip.nir.file import write_nir
from neurochip.offchip.trained_file import read_trained
from neurochip.simulator.samples import handed_shape


def export_nir(file: str, trained: str, out: str, settings: tuple[str, ...]) -> str:
    """Write the net of experiment `file` with the weights of a trained.h5 (or the folder it is in) to `out`; returns a line for the screen.

    Raises NeurochipError for weights of another network and for what NIR has no node for.
    """
    setup = load_setup(file, settings)
    spec = setup.experiment.data
    form = datasets.form_of(spec.name, spec.path, lambda text: None)
    layers = build_network(setup, handed_shape(spec, form.shape), form.n_classes)
    graph = Graph(layers, spec.signed)
    path = Path(trained) / "trained.h5" if Path(trained).is_dir() else Path(trained)
    thresholds, _ = read_trained(path, graph)
    write_nir(Path(out), graph, thresholds)
    return f"wrote {out}: {len(layers)} layers, weights in real units; its IF nodes reset to 0, whatever the net does: see its metadata"
