"""Intensities that the chip is handed: signs as planes, rates, and the spikes that its encoder draws from them."""

import numpy as np
import pytest
from support.tiny import write_experiment

from neurochip.common.errors import NeurochipError
from neurochip.core.vectors import Trace
from neurochip.experiment.setup import load_setup
from neurochip.placement.show import make_plan, print_plan
from neurochip.simulator.samples import load_samples
from neurochip.simulator.simulator import Simulator

CIFAR = "data.signed=true", "data.mean=[0.4914, 0.4822, 0.4465]", "data.std=[0.557, 0.549, 0.5534]"
GREY = "data.signed=true", "data.mean=[0.25]", "data.std=[0.8]"


def colour_set(path, shape=(3, 4, 5), n=6):
    x, y = np.random.default_rng(2).integers(0, 256, (2, n, *shape), np.uint8), np.arange(n) % 3
    np.savez(path, x_train=x[0], y_train=y, x_test=x[1], y_test=y)
    return path


def load(folder, *settings):
    return load_samples(load_setup(str(write_experiment(folder)), settings), lambda text: None)


def test_without_the_keys_images_are_as_they_were(tmp_path):
    samples = load(tmp_path)
    with np.load(tmp_path / "tiny_40_20.npz") as file:
        assert np.array_equal(samples.data.x_train, file["x_train"].reshape(40, 64))
    assert samples.data.image_shape == (8, 8) and samples.train.pixels is samples.data.x_train


@pytest.mark.parametrize("max_rate", [0.5, 0.3, 0.999, 1e-4])
def test_max_rate_scales_every_intensity(tmp_path, max_rate):
    pixels, scaled = load(tmp_path).data.x_test, load(tmp_path, f"data.max_rate={max_rate}").data.x_test
    assert np.array_equal(scaled, np.floor(pixels * max_rate + 0.5)) and scaled.dtype == np.uint8
    assert max_rate != 0.5 or scaled.max() == (int(pixels.max()) + 1) // 2


@pytest.mark.parametrize("max_rate", [1.0, 0.5])
def test_signed_images_are_planes_of_both_signs(tmp_path, max_rate):
    data = colour_set(tmp_path / "colours.npz")
    settings = f"data.path={data}", *CIFAR, f"data.max_rate={max_rate}"
    samples = load(tmp_path, *settings)
    with np.load(data) as file:
        pixels = file["x_train"]
    assert samples.data.image_shape == (6, 4, 5)
    planes = samples.train.pixels.reshape(-1, 6, 4, 5).astype(int)
    for c, (mean, std) in enumerate(zip((0.4914, 0.4822, 0.4465), (0.557, 0.549, 0.5534), strict=True)):
        for value, plus, minus in zip(pixels[:, c].ravel(), planes[:, c].ravel(), planes[:, c + 3].ravel(), strict=True):
            x = (int(value) / 255 - mean) / std
            found = min(255, int(256 * abs(x) * max_rate + 0.5))
            assert (plus, minus) == ((found, 0) if x > 0 else (0, found))  # so an input is -1, 0 or +1 in a tick


@pytest.mark.parametrize("max_rate", [1.0, 0.5])
@pytest.mark.parametrize("parts", [2, 3, 16])
def test_intensity_planes_share_the_range_of_a_pixel(tmp_path, parts, max_rate):
    data = colour_set(tmp_path / "colours.npz")
    samples = load(tmp_path, f"data.path={data}", f"data.intensity_planes={parts}", f"data.max_rate={max_rate}")
    with np.load(data) as file:
        pixels = file["x_test"]
    assert samples.data.image_shape == (3 * parts, 4, 5) and samples.train.pixels.shape == (6, 60 * parts)
    planes = samples.test.pixels.reshape(-1, parts, 3, 4, 5).astype(int)
    top = min(255, int(256 * max_rate + 0.5))
    for (n, c, y, x), value in np.ndenumerate(pixels):
        code = planes[n, :, c, y, x].tolist()
        full, rest = divmod(int(value) * parts, 256)
        assert code == ([top] * full + [min(255, int(rest * max_rate + 0.5))] + [0] * parts)[:parts]


def test_the_network_and_the_map_see_twice_as_many_planes(tmp_path, capsys):
    samples = load(tmp_path, *GREY)
    assert samples.data.image_shape == (2, 8, 8) and samples.data.x_test.shape == (20, 128)
    setup = load_setup(str(write_experiment(tmp_path)), GREY)
    assert Simulator(setup, samples.data.image_shape, 3).mapping.layers[0].source_units == 128
    from rich.console import Console

    print_plan(make_plan(setup, print), Console(width=120))
    assert "2 x 8 x 8 inputs" in capsys.readouterr().out


def test_the_encoder_spikes_at_the_rate_of_the_intensity(tmp_path):
    """Identity 10: within 5 standard deviations, each input; and the same seed gives the same spikes."""
    ticks = 2000
    setup = load_setup(str(write_experiment(tmp_path)), (*GREY, "data.max_rate=0.7", f"run.ticks={ticks}"))
    samples = load_samples(setup, lambda text: None)
    runs = []
    for _ in range(2):
        simulator = Simulator(setup, samples.data.image_shape, 3)
        rows = simulator.raster(samples.train.take(slice(1)), 0)
        runs.append(rows[rows[:, Trace.CORE] == -1][:, Trace.UNIT])
    assert np.array_equal(*runs)
    with np.load(tmp_path / "tiny_40_20.npz") as file:
        x = (file["x_train"][0].ravel() / 255 - 0.25) / 0.8
    rate = np.clip(np.concatenate([x, -x]), 0, None) * 0.7
    spikes = np.bincount(runs[0], minlength=128)
    assert not spikes[rate == 0].any()
    exact = samples.train.pixels[0] / 256
    assert np.abs(exact - rate).max() <= 0.5 / 256
    assert (np.abs(spikes - ticks * exact) <= 5 * np.sqrt(ticks * exact * (1 - exact))).all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("data.signed=true",), "data.mean = []: 0 numbers, images of data.name = 'npz' have 1 plane; data.signed = true needs one"),
        ((*GREY[:2], "data.std=[1.0, 1.0]"), "data.std = [1.0, 1.0]: 2 numbers, images of data.name = 'npz' have 1 plane;"),
        ((*GREY, "data.intensity_planes=2"), "data.intensity_planes = 2: not with data.signed = true; leave one of them out"),
        (("data.std=[0.5]",), "data.std = [0.5]: only signed intensities have it; set data.signed = true, or leave it out"),
    ],
)
def test_what_does_not_fit_the_images_is_refused(tmp_path, settings, words):
    with pytest.raises(NeurochipError) as error:
        load(tmp_path, *settings)
    assert words in str(error.value) and str(error.value).startswith(str(tmp_path / "tiny.toml")) and "\n" not in str(error.value)


def test_events_end_when_they_end(tmp_path):
    with pytest.raises(NeurochipError, match=r"\[run\] input_ticks = 5: data.name = 'nmnist' holds events, .*; leave it out"):
        load(tmp_path, "data.name=nmnist", "data.us_per_tick=10000", "run.input_ticks=5")


@pytest.mark.parametrize("setting", ["max_rate = 0.5", "intensity_planes = 2", "signed = true", "mean = [0.5]", "std = [0.5]"])
def test_events_have_no_intensities(tmp_path, setting):
    key, value = setting.split(" = ")
    with pytest.raises(NeurochipError, match="holds events, not images; leave it out") as error:
        load(tmp_path, "data.name=nmnist", "data.us_per_tick=10000", f"data.{key}={value}")
    assert f"data.{setting}: data.name = 'nmnist'" in str(error.value)
