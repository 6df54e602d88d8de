"""`neurochip export-nir`: a trained net of integrate-and-fire neurons as a NIR graph."""

from pathlib import Path

from neurochip import datasets
from neurochip.experiment.setup import Setup
from neurochip.mapping.network import build_network
from neurochip.offchip.graph import Graph
from neurochip.offchip.nir.file import write_nir
from neurochip.offchip.trained_file import read_trained
from neurochip.runfile.names import TRAINED
from neurochip.simulator.samples import handed_shape


def export_nir(setup: Setup, trained: Path, out: Path) -> None:
    """Write the net of an experiment with the weights of a trained.h5 (or the folder it is in) to `out`.

    Raises NeurochipError for weights of another network and for what NIR has no node for.
    """
    spec = setup.experiment.data
    form = datasets.form_of(spec.name, spec.path, lambda text: None)
    train = setup.experiment.train
    is_normed = train is not None and train.is_normed
    graph = Graph(build_network(setup, handed_shape(spec, form.shape), form.n_classes), spec.signed, is_normed)
    thresholds, _ = read_trained(trained / TRAINED if trained.is_dir() else trained, graph)
    write_nir(out, graph, thresholds)
