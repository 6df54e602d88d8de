"""Same chip, experiment and seed: same bits, with any number of threads, any chunks, any start, compiled or not, cache cold or warm.

That the engine has no index out of bounds is in tests/core/test_indices.py.
"""

import shutil

import numpy as np
import pytest
from oracles import core as oracle
from support import chip_cases, digests
from support.chip_cases import Case
from support.chip_words import SHARINGS
from support.digests import ROOT, TINY, digest, in_a_new_process, tiny_digests

from neurochip.core import rng
from neurochip.experiment.setup import load_setup
from neurochip.simulator import simulator
from neurochip.simulator.seeds import jump_samples
from neurochip.simulator.simulator import Simulator
from neurochip.simulator.stimulus import of_images

# ---- compiled, interpreted, checked


def test_compiled_and_interpreted_agree():
    """Interpreted, NumPy refuses a store that does not fit and warns of an overflow, which is an error here."""
    assert in_a_new_process([digests.__file__], NUMBA_DISABLE_JIT="1") == ["interpreted", *tiny_digests()]


def test_a_different_seed_is_another_digest():
    """The digest sees what it should: one seed changed, every digest changed."""
    assert len(set(tiny_digests())) == len(TINY)
    assert tiny_digests() == tiny_digests()


# ---- threads, chunks, starts


def simulate(tmp_path, case: Case) -> tuple[Simulator, np.ndarray, np.ndarray]:
    """A simulator of that case, and its images and labels."""
    (tmp_path / "case.toml").write_text(case.toml(), encoding="utf-8")
    pixels = case.pixels()
    labels = (np.arange(len(pixels)) % case.sizes[-1]).astype(np.int32)
    return Simulator(load_setup(str(tmp_path / "case.toml")), case.sizes[0], case.sizes[-1]), pixels, labels


MANY = [
    Case(biases=(0.5, 0.0), kind=kind, sharing=sharing, steps=2, images=("random", "sparse", "white", "black") * 6, learn_rate=0.5**13)
    for kind in oracle.RNG_BITS
    for sharing in SHARINGS
]


@pytest.mark.parametrize("case", MANY, ids=lambda case: f"{case.kind}-{case.sharing}")
def test_evaluation_does_not_depend_on_threads_or_chunks(case, tmp_path, monkeypatch):
    sim, pixels, labels = simulate(tmp_path, case)
    list(sim.train(pixels, labels, epoch=0))
    before = digest(sim.state)
    whole = sim.evaluate(pixels, labels, threads=1)
    assert whole.votes.any() and whole.cost.counts.any()
    for threads, chunk in ((1, 1), (2, 5), (3, 2), (3, 7)):
        monkeypatch.setattr(simulator, "TEST_CHUNK", chunk)
        other = sim.evaluate(pixels, labels, threads)
        assert np.array_equal(other.votes, whole.votes)
        assert np.array_equal(other.predictions, whole.predictions)
        assert np.array_equal(other.cost.counts, whole.cost.counts)
        assert np.array_equal(other.cost.cycles, whole.cost.cycles)
        assert other.cost.samples == whole.cost.samples == len(labels)
    assert digest(sim.state) == before


@pytest.mark.parametrize("case", MANY[:3], ids=lambda case: f"{case.kind}-{case.sharing}")
def test_a_jump_is_as_good_as_running(case, tmp_path):
    """The chip at the start of test sample k, jumped to at once or in two, has the generators of one that ran the samples before."""
    sim, pixels, labels = simulate(tmp_path, case)
    frozen = Case(**{**case.__dict__, "rule": "frozen", "warmup": 0})
    for k in (0, 1, 5, 17):
        ran, jumped = sim.test_chip(0), sim.test_chip(k)
        chip_cases.kernel(frozen, ran, pixels[:k], labels[:k])
        assert chip_cases.states_of(case, ran) == chip_cases.states_of(case, jumped)
        jump_samples(jumped, 3 * case.ticks)
        assert chip_cases.states_of(case, jumped) == chip_cases.states_of(case, sim.test_chip(k + 3))
        assert k == 0 or chip_cases.states_of(case, jumped) != chip_cases.states_of(case, sim.test_chip(0))


@pytest.mark.parametrize("case", MANY[::4], ids=lambda case: f"{case.kind}-{case.sharing}")
def test_training_does_not_depend_on_chunks_or_pauses(case, tmp_path, monkeypatch):
    sim, pixels, labels = simulate(tmp_path, case)
    untrained = digest(sim.state)
    assert [position for position, _ in sim.train(pixels, labels, epoch=1)] == [24]
    assert digest(sim.state) != untrained
    monkeypatch.setattr(simulator, "TRAIN_CHUNK", 7)
    other, _, _ = simulate(tmp_path, case)
    training = other.train(pixels, labels, epoch=1)
    position, _ = [next(training) for _ in range(2)][-1]
    assert position == 14
    assert [p for p, _ in other.train(pixels, labels, epoch=1, start=position)] == [21, 24]
    assert digest(other.state) == digest(sim.state)


def test_counts_are_taken_once(tmp_path):
    """Counters taken in pieces add up to those taken at once, cycles included: clearing them loses nothing."""
    case = MANY[0]
    sim, pixels, labels = simulate(tmp_path, case)
    other, _, _ = simulate(tmp_path, case)
    list(sim.train(pixels, labels, epoch=0))
    whole = sim.take_counts(24)
    pieces = []
    jump = rng.jump_table(other.state.rng_param, case.ticks)
    run = other.run_vector(case.ticks, case.warmup, case.read_from, True)
    for chosen in np.split(other.order(0, labels), (9, 20)):
        votes = np.zeros((len(chosen), case.sizes[-1]), np.int32)
        simulator.set_rule(other.state, other.setup.experiment, 0)
        stimulus = of_images(pixels[chosen])
        simulator.run_samples(other.state, other.traffic, run, other.rule.hook, jump, *stimulus, labels[chosen], votes)
        pieces.append(other.take_counts(len(chosen)))
    assert np.array_equal(sum(piece.counts for piece in pieces), whole.counts)
    assert np.array_equal(sum(piece.cycles for piece in pieces), whole.cycles)
    assert not sim.take_counts(0).counts.any() and not sim.take_counts(0).cycles.any()


# ---- the compile cache


PAIR = """
from numba import njit
from neurochip.core import rng

@njit(cache=True)
def draw_once(state, rng_param):
    return rng.draw(state, rng_param)
"""
DRAW_ONCE = """
{first}
import numpy as np
from neurochip.core.pair import draw_once
state = np.ones(1, np.uint32)
draw_once(state, np.array([0, 16, 1, 0, 0xB400, 0, 0, 0]))
print(state[0])
print(sum(draw_once.stats.cache_hits.values()), sum(draw_once.stats.cache_misses.values()))
"""


def test_an_edited_callee_is_never_served_stale(tmp_path):
    """A kernel draws by one of rng.py, as a learning rule does; a constant there is edited: Numba alone would serve the old machine code.

    It is a small one put beside the others: to compile a rule takes many times as long, and folders do not depend on what is compiled.
    """
    package = tmp_path / "neurochip"
    shutil.copytree(ROOT / "neurochip", package, ignore=shutil.ignore_patterns("__pycache__", "report", "datasets"))
    (package / "core" / "pair.py").write_text(PAIR, encoding="utf-8")
    source = package / "core" / "rng.py"
    original = source.read_text(encoding="utf-8")
    hit, miss = "1 0", "0 1"

    environment = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "NUMBA_DISABLE_JIT": "0"}

    def kernel(first: str = "") -> list[str]:
        return in_a_new_process(["-B", "-c", DRAW_ONCE.format(first=first)], tmp_path, **environment)

    assert kernel() == [str(0xB400), miss]
    assert kernel("import numba") == [str(0xB400), hit]  # numba imported before neurochip: the folder is the same
    source.write_text(original.replace("(x >> 1) ^", "(x >> 0) ^"), encoding="utf-8")
    assert kernel() == [str(0xB401), miss]
    assert kernel() == [str(0xB401), hit]
    source.write_text(original, encoding="utf-8")
    assert kernel() == [str(0xB400), hit]
    assert len(list((tmp_path / "cache").iterdir())) == 2
