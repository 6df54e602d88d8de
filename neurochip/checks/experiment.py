"""The checks of an experiment, and of the layers of a network: everything it names is there, and its layers fit its chip."""

from pathlib import Path

from neurochip import datasets
from neurochip.checks.result import Check, check_of
from neurochip.common.errors import NeurochipError
from neurochip.common.toml import find, read_toml, validate
from neurochip.experiment.layers import NetworkModel
from neurochip.experiment.setup import Setup, load_setup
from neurochip.mapping.place import Mapping, place
from neurochip.simulator.samples import handed_shape


def check_experiment(name: str) -> list[Check]:
    """Check an experiment by its name or path. Raises NeurochipError if it, or a file that it names, cannot be loaded."""
    setup = load_setup(name)
    fits: list[str] = []
    try:
        mapping = placed(setup)
        if len(mapping.cores) > setup.chip.n_cores:
            fits = [f"its layers take {len(mapping.cores)} cores, chip '{setup.chip.name}' has {setup.chip.n_cores}"]
    except NeurochipError as error:
        fits = [str(error)]
    return [
        check_of("it loads, with its chip, rule, energy table and network", []),
        check_of("the files that it starts from are there", _absent(setup)),
        check_of("its layers fit its chip", fits),
        check_of("loaded again, it is the same experiment", [] if load_setup(name).sha256() == setup.sha256() else ["its hash differs"]),
    ]


def placed(setup: Setup) -> Mapping:
    """Place the layers for the experiment's data, whose form is known without their files if the set is published."""
    spec = setup.experiment.data
    form = datasets.form_of(spec.name, spec.path)
    return place(setup, handed_shape(spec, form.shape), form.n_classes)


def _absent(setup: Setup) -> list[str]:
    conversion = setup.experiment.train.conversion if setup.experiment.train else None
    given = {"data.path": setup.experiment.data.path, "network.weights": setup.experiment.network.weights}
    given["train.conversion.ann"] = conversion.ann if conversion else None
    return [f"{key} = '{path}': there is no such file or folder" for key, path in given.items() if path and not Path(path).exists()]


def check_network(name: str) -> list[Check]:
    """Check the layers of a network by its name or path. Raises NeurochipError if a layer is wrong."""
    path = find(name, "networks", "network", "")
    data = read_toml(path)
    other = [key for key in data if key != "layers"]
    neuron, out = {"model": "if"}, {"model": "accumulate"}
    with_neurons = {"pool_neuron": neuron, "neuron": neuron, "output_neuron": out}  # which an experiment gives
    validate(NetworkModel, {"layers": data.get("layers"), **with_neurons}, str(path))
    return [
        check_of("its layers are as they should be", []),
        check_of("it says nothing but its layers", [f"{', '.join(other)}: take it out"] if other else []),
    ]
