"""tools/equal_accuracy.py on a tiny converted net: beside itself it takes as many ticks, and more ticks cost more."""

import json
import runpy
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.conversions import run

TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools/equal_accuracy.py"))


def test_a_net_takes_as_many_ticks_as_itself(tmp_path):
    facts = run(tmp_path, "train.encoder_seeds=1")
    shutil.copy(tmp_path / "tiny.toml", tmp_path / "twin.toml")
    trained = tmp_path / "run/trained.h5"
    nets = [f"{tmp_path / name}={trained}" for name in ("tiny.toml", "twin.toml")]
    out = tmp_path / "out"
    settings = [*nets, "--ticks", "4,30", "4,30", "--images", "30", "--set", "run.warmup_ticks=0", "--out", str(out)]
    done = CliRunner().invoke(TOOL["main"], settings, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found = json.loads((out / "equal_accuracy.json").read_text())
    few, many = (TOOL["Point"](*point) for point in found["points"]["tiny"])
    assert found["points"]["twin"] == found["points"]["tiny"] and found["at"]["tiny"] == found["at"]["twin"]
    assert few.ticks == 4 and many.ticks == 30 and many.accuracy == found["accuracy"] > 0.9
    for cost in ("sops", "energy_uj", "latency_us"):
        assert getattr(many, cost) > 1.2 * getattr(few, cost) > 0, cost
    assert found["ann"]["tiny"] == facts["ann"]["test_accuracy"]
    assert "| tiny / twin | " in (out / "equal_accuracy.md").read_text() and (out / "equal_accuracy.svg").stat().st_size > 5000


@pytest.mark.parametrize(("accuracies", "wanted"), [((0.5, 0.7, 0.8), 2), ((0.7, 0.6, 0.7), 3), ((0.7, 0.7, 0.6), None)])
def test_an_accuracy_counts_where_it_stays(accuracies, wanted):
    points = [TOOL["Point"](ticks, accuracy, 1.0, 1.0, 1.0) for ticks, accuracy in enumerate(accuracies, 1)]
    found = TOOL["first_at"](points, 0.7)
    assert (found and found.ticks) == wanted
