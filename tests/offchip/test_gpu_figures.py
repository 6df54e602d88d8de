"""`make gpu-figures` rehearsed on the CPU, at tiny size: a residual net by the recipe, and its ANN."""

import json

import h5py
import pytest
import torch
from click.testing import CliRunner
from support.tiny import write_data

from neurochip.common.toml import shipped
from neurochip.experiment.setup import load_setup
from neurochip.offchip.gpu_figures import NETS, Pace, main

TEXT = """
name = "tiny"
[data]
name = "npz"
path = "{data}"
[chip]
preset = "serial64"
[network]
neuron = {{ model = "lif", leak_factor = 253, reset = "subtract", fires_at = 0.5 }}
pool_neuron = {{ model = "if", threshold = 0.5, reset = "subtract", fires_at = 0.5 }}
output_neuron = {{ model = "accumulate", leak_factor = 253 }}
layers = [
    {{ name = "a", kind = "conv", filters = 4, kernel = 3, padding = 1 }},
    {{ name = "b", kind = "conv", filters = 4, kernel = 3, padding = 1 }},
    {{ name = "r", kind = "pool", pool = 1, source = "a", neuron = {{ model = "if", threshold = 0.75 }} }},
    {{ name = "c", kind = "conv", filters = 4, kernel = 3, padding = 1, stride = 2, source = "b", skip = ["r"], skip_identity = true }},
    {{ neurons = 20 }}, {{ neurons = 3 }},
]
[rule]
name = "frozen"
[run]
epochs = 0
ticks = 11
warmup_ticks = 0
[train]
ticks = 6
validation_fraction = 0.2
encoder_seeds = 2
[train.spike_bp]
epochs = 1
batch = 10
optimizer = "adam"
learn_rate = 1e-2
learn_rate_schedule = "cosine"
norm = "rms"
loss = "cross_entropy"
gate_saturated = true
precision = "bfloat16"
[energy]
table = "sg13g2_1v2"
"""


@pytest.mark.slow
def test_it_leaves_nets_and_figures_in_its_time(tmp_path, monkeypatch):
    """Both learn; without a GPU it refuses unless told to rehearse."""
    monkeypatch.setattr("neurochip.offchip.training.draw_training", lambda *_: None)
    paces = []
    monkeypatch.setattr(Pace, "epochs", lambda self, *_: paces.append(self) or 4)  # the clock of a busy machine decides nothing here
    torch.set_num_threads(1)
    (tmp_path / "tiny.toml").write_text(TEXT.format(data=write_data(tmp_path / "tiny.npz", 200, 40)), encoding="utf-8")
    options = ["--net", str(tmp_path / "tiny.toml"), "--out", str(tmp_path / "out"), "--ticks", "5", "--minutes", "0.1"]
    if not torch.cuda.is_available():
        refused = CliRunner().invoke(main, options)
        assert refused.exit_code == 2 and "PyTorch finds no CUDA device" in refused.output
    result = CliRunner().invoke(main, [*options, "--cpu", "--set", "train.device='cpu'"])
    assert result.exit_code == 0, result.output
    spiking, ann = json.loads((tmp_path / "out/figures.json").read_text())["nets"]
    assert (spiking["net"], ann["net"]) == ("tiny", "tiny_ann") and spiking["ticks"] == len(spiking["accuracy_by_tick"]) == 5
    assert spiking["accuracy_by_tick"][-1] > 0.6 and ann["accuracy"] > 0.6, (spiking, ann)
    assert len(paces) == 2 and all(pace.learned > 0 and pace.tested > 0 for pace in paces) and (tmp_path / "out/tiny_ann/ann.pt").exists()
    with h5py.File(tmp_path / "out/tiny/trained.h5") as file:
        assert file["layers/c/weight"].shape == (40, 4)


def test_epochs_fill_the_time():
    pace = Pace(learned=100.0, tested=1000.0)
    assert pace.epochs(100.0, 450, 500, 1000) == int((90 - 1) / 5) and pace.epochs(1.0, 450, 500, 1000) == 1


def test_the_shipped_nets_are_of_the_recipe():
    for name in NETS:
        assert name in shipped("experiments")
        model = load_setup(name).experiment.train.spike_bp
        assert (model.norm, model.loss, model.precision, model.batch) == ("rms", "cross_entropy", "bfloat16", 128)
