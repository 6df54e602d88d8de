"""`neurochip trace` and `neurochip why`: files that keep to their formats and add up to the record; lines that add up to the memory."""

import json
import re
from collections import defaultdict
from itertools import pairwise

import h5py
import numpy as np
import pytest
from support.tiny import neurochip, write_experiment

from neurochip.trace.perfetto import IN, OUT, PHASES
from neurochip.trace.timeline import Column, Stage

RECORD = "[record]\nsamples = [30, 7]\nepoch = 2\n"
MESH = (
    "[chip.core]\nsoma_lanes = 1\n[chip.mesh]\nwidth = 2\nheight = 2\nfifo_depth = 1\ncore_stalls = true\n"
    "[chip.cycles_per_tick]\nnetwork = 0\n"
    "[mapping.hidden]\ncores = 3\n"
)


@pytest.fixture(scope="module", params=["one core per layer", "mesh"])
def run(request, tmp_path_factory):
    """A run directory with two recorded samples."""
    folder = tmp_path_factory.mktemp("trace")
    experiment = write_experiment(folder, ticks=16, more=RECORD + (MESH if request.param == "mesh" else ""))
    options = ["--set", "chip.n_cores=4", "--set", "chip.clock_mhz=37.0", "--set", "network.layers.0.frac_bits=6"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neurochip.report.plots.make_plots", lambda run: [])
        result = neurochip("run", experiment, "--out", folder / "run", "--quiet", *options)
    assert (result.exit_code, result.output) == (0, "")
    return folder / "run"


def record_of(run, n: int) -> dict:
    """Data sets and attributes of a recorded sample."""
    with h5py.File(run / "run.h5") as file:
        group, found = file[f"record/{n}"], {}
        group.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
        return found | dict(group.attrs)


def perfetto(run, *options) -> dict:
    """The trace, parsed."""
    result = neurochip("trace", run, "--perfetto", run.parent / "out.json", *options)
    assert result.exit_code == 0 and "ui.perfetto.dev" in result.output
    return json.loads((run.parent / "out.json").read_text())


def whole_ns(us: float) -> int:
    """A time in nanoseconds, which it is a whole number of."""
    assert abs(us * 1000 - round(us * 1000)) < 1e-4
    return round(us * 1000)


def tracks_of(events: list[dict]) -> dict:
    """(pid, tid) -> slices (begin, end, event) by begin, of one begin as in the file: viewers take the first for the outer one."""
    tracks = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            begin = whole_ns(event["ts"])
            tracks[event["pid"], event["tid"]].append((begin, begin + whole_ns(event["dur"]), event))
    return {key: sorted(slices, key=lambda s: s[0]) for key, slices in tracks.items()}


def test_events_have_what_the_format_asks_for(run):
    trace = perfetto(run)
    assert set(trace) == {"displayTimeUnit", "otherData", "traceEvents"} and trace["displayTimeUnit"] in ("ms", "ns")
    wanted = {
        "X": {"name", "cat", "pid", "tid", "ts", "dur", "args"}, "M": {"name", "pid", "tid", "args"},
        "C": {"name", "pid", "tid", "ts", "args"}, "s": {"name", "cat", "id", "pid", "tid", "ts"},
        "f": {"name", "cat", "id", "pid", "tid", "ts", "bp"},
    }  # fmt: skip
    for event in trace["traceEvents"]:
        assert set(event) == wanted[event["ph"]] | {"ph"}
        assert all(isinstance(event[key], int) for key in ("pid", "tid")) and event.get("ts", 0) >= 0 and event.get("dur", 0) >= 0
    assert {event["ph"] for event in trace["traceEvents"]} == set(wanted)
    named = {(e["pid"], e["tid"]) for e in trace["traceEvents"] if e["name"] == "thread_name"}
    processes = {e["pid"] for e in trace["traceEvents"] if e["name"] == "process_name"}
    used = set(tracks_of(trace["traceEvents"]))
    assert used <= named and {pid for pid, _ in used} <= processes


def test_slices_nest_and_do_not_overlap(run):
    for slices in tracks_of(perfetto(run)["traceEvents"]).values():
        stack: list = []
        for begin, end, _ in slices:
            while stack and stack[-1] <= begin:
                stack.pop()
            assert not stack or end <= stack[-1]
            stack.append(end)


def test_flows_begin_and_end_in_slices(run):
    events = perfetto(run)["traceEvents"]
    tracks, flows = tracks_of(events), defaultdict(dict)
    for event in events:
        if event["ph"] in "sf":
            assert event["ph"] not in flows[event["id"]] and event.get("bp", "e") == "e"
            flows[event["id"]][event["ph"]] = event
    assert len(flows) > 50
    for flow in flows.values():
        assert set(flow) == {"s", "f"} and flow["s"]["ts"] <= flow["f"]["ts"] and flow["s"]["name"] == flow["f"]["name"]
        for event in flow.values():
            at = whole_ns(event["ts"])
            around = [s for s in tracks[event["pid"], event["tid"]] if s[0] <= at < s[1]]
            assert around, event
            if event["tid"] != PHASES:
                (one,) = around
                assert one[2]["name"].startswith(event["name"])


def test_time_adds_up_to_the_record(run):
    events = perfetto(run)["traceEvents"]
    tracks, records = tracks_of(events), [record_of(run, n) for n in range(2)]
    lengths = np.concatenate([record["tick_cycles"][:, 1] for record in records])
    ends = np.cumsum(lengths)
    for (_, tid), slices in tracks.items():
        ticks = [s for s in slices if s[2]["cat"] == "tick"]
        if tid == PHASES:
            assert [s[2]["args"]["cycles"] for s in ticks] == lengths.tolist()
            assert [s[1] for s in ticks] == [round(end * 1000 / 37.0) for end in ends.tolist()]
    stages = np.concatenate([record["stages"] for record in records])
    for c in range(stages.shape[1]):
        phases = [s for s in tracks[c + 1, PHASES] if s[2]["cat"] == "phase"]
        found = defaultdict(int)
        for _, _, event in phases:
            found[event["name"]] += event["args"]["cycles"]
        expected = {stage.name.lower().replace("_", " "): int(stages[:, c, stage].sum()) for stage in Stage}
        assert found == {name: cycles for name, cycles in expected.items() if cycles}
        assert sum(found.values()) <= lengths.sum()


def test_packets_are_the_record_s(run):
    events, records = perfetto(run)["traceEvents"], [record_of(run, n) for n in range(2)]
    rows = np.concatenate([record["packets"] for record in records])
    starts = [event for event in events if event["ph"] == "s"]
    if (rows[:, Column.INJECTED] < 0).all():  # without a mesh those of the last tick have nowhere to go
        last = [record["packets"][:, Column.TICK] == record["last"] for record in records]
        assert len(starts) == len(rows) - sum(int(of_last.sum()) for of_last in last)
        return
    assert len(starts) == len(rows)
    slices = [event for event in events if event["ph"] == "X" and event["cat"] == "packet"]
    assert len([e for e in slices if e["tid"] == OUT]) == len([e for e in slices if e["tid"] == IN]) == len(rows)
    assert all(event["args"]["cycles"] == 1 for event in slices)


def test_one_sample_alone(run):
    one = perfetto(run, "--sample", "7")["traceEvents"]
    names = [event["name"] for event in one if event.get("cat") == "sample"]
    assert names == ["sample 7 of epoch 2"]
    result = neurochip("trace", run, "--vcd", run.parent / "x.vcd", "--sample", "8")
    assert result.exit_code == 2
    assert re.fullmatch(
        r"neurochip: .*: sample 8 is not recorded, only 30, 7; run it again with --set record\.samples=\[8\]\n", result.stderr
    )


# ---- waveforms


def read_vcd(text: str) -> tuple[dict[str, tuple[str, int]], list[tuple[int, str, int]], int]:
    """(code -> (path, width), (time, code, value) of every change, last time). Strict about order and syntax."""
    head, body = text.split("$enddefinitions $end\n")
    assert re.search(r"^\$timescale 1 ps \$end$", head, re.M)
    scopes, variables = [], {}
    for line in head.splitlines():
        words = line.split()
        if words[0] == "$scope":
            assert words[1] == "module" and words[3:] == ["$end"]
            scopes.append(words[2])
        elif words[0] == "$upscope":
            scopes.pop()
        elif words[0] == "$var":
            kind, width, code, name = words[1:5]
            assert words[5:] == ["$end"] and kind in ("wire", "reg") and code not in variables and re.fullmatch(r"\w+", name)
            variables[code] = (".".join([*scopes, name]), int(width))
    assert not scopes and len({path for path, _ in variables.values()}) == len(variables)
    changes, time, last = [], -1, {}
    for line in body.splitlines():
        if line in ("$dumpvars", "$end"):
            continue
        if line.startswith("#"):
            assert int(line[1:]) > time
            time = int(line[1:])
            continue
        found = re.fullmatch(r"b([01]+) (\S+)|([01])(\S+)", line)
        code, value = (found[2], int(found[1], 2)) if found[1] else (found[4], int(found[3]))
        assert value < 1 << variables[code][1] and (time < 0 or last[code] != value)
        assert (variables[code][1] == 1) == (found[1] is None)
        last[code] = value
        changes.append((time, code, value))
    return variables, changes, time


def test_waveforms(run):
    result = neurochip("trace", run, "--vcd", run.parent / "out.vcd")
    assert result.exit_code == 0 and "GTKWave" in result.output
    variables, changes, last = read_vcd((run.parent / "out.vcd").read_text())
    codes = {path: code for code, (path, _) in variables.items()}
    records = [record_of(run, n) for n in range(2)]
    lengths, stages = (np.concatenate([record[key] for record in records]) for key in ("tick_cycles", "stages"))
    ends = np.cumsum(lengths[:, 1])
    assert last == round(ends[-1] * 1e6 / 37.0)
    cores = [name for name, _ in json.loads(records[0]["cores"])]
    for c, name in enumerate(cores):
        phase, spent = codes[f"chip.core{c}_{re.sub(r'[^a-zA-Z0-9_]', '_', name)}.phase"], defaultdict(int)
        mine = [(time, value) for time, code, value in changes if code == phase] + [(last, 0)]
        for (begin, value), (end, _) in pairwise(mine):
            spent[value] += end - max(begin, 0)
        for stage in Stage:
            assert abs(spent[stage + 1] - stages[:, c, stage].sum() * 1e6 / 37.0) <= 2 * len(stages)
    output = len(json.loads(records[0]["network"])) - 1
    for unit in range(3):
        code = codes[f"chip.layer{output}_output.unit{unit}"]
        rises = sum(value for time, other, value in changes if other == code)
        assert rises == sum(int((record[f"layers/{output}/spikes"][:, 1] == unit).sum()) for record in records)


# ---- why


def test_why_lists_steps_that_add_up(run):
    records, seen = [record_of(run, n) for n in range(2)], 0
    for i, layer in enumerate(("hidden", "output")):
        row, neuron = map(int, np.concatenate([record[f"layers/{i}/changes"] for record in records])[0, 2:4])
        result = neurochip("why", run, "--layer", layer, "--weight", f"{row},{neuron}")
        assert result.exit_code == 0, result.output
        blocks = re.split(rf"(?m)^{layer}, weight ", result.output)[1:]
        assert len(blocks) == 2
        for record, block in zip(records, blocks, strict=True):
            changes = record[f"layers/{i}/changes"]
            mine = changes[(changes[:, 2] == row) & (changes[:, 3] == neuron)]
            first = int(record[f"layers/{i}/weight_before"][0, row, neuron])
            last = int(mine[-1, 5]) if len(mine) else first
            *steps, total = block.splitlines()[1:]
            value = first
            for step in steps:
                assert re.match(
                    r"tick +\d+: spike of (input|hidden) \S+; error [+-] (from|as) .+; (certain|draw 0x\w+ (<|>=) 0x\w+): ", step
                ), step
                if moved := re.search(r": (-?\d+) -> (-?\d+)$", step):
                    assert int(moved[1]) == value and abs(int(moved[2]) - value) == 1
                    value = int(moved[2])
                seen += 1
            assert value == last and f"weight {first} -> {last} (" in total and total.endswith(f"recorded change {last - first:+d}")
            ups, downs, change = map(int, re.search(r": \+(\d+) -(\d+) = ([+-]\d+);", total).groups())
            assert ups - downs == change == last - first
    assert seen > 4


SMALL_KERNEL = 'network.layers=[{kind="conv", filters=3, kernel=3, pool=2, frac_bits=8}, {neurons=3, frac_bits=6}]'


@pytest.mark.parametrize("sharing", ["per_unit", "rotated"])
def test_a_whole_history_has_the_steps_of_the_recorded_sample(sharing, tmp_path, monkeypatch):
    """A kernel with drawn pooling, cut into tiles, and a dense layer; draws in both."""
    monkeypatch.setattr("neurochip.report.plots.make_plots", lambda run: [])
    experiment = write_experiment(tmp_path, ticks=16, epochs=2, more=RECORD + "[mapping.conv1]\nrows = 2\n")
    options = [SMALL_KERNEL, f"chip.rng.sharing={sharing}", "chip.n_cores=4", "rule.learn_rate=1e-3", "rule.error_gain=2"]
    result = neurochip("run", experiment, "--out", tmp_path / "run", "--quiet", *(part for o in options for part in ("--set", o)))
    assert (result.exit_code, result.output) == (0, "")
    record, steps = record_of(tmp_path / "run", 0), 0
    for i, (layer, weights) in enumerate((("conv1", ("0,0,0", "4,1,1", "8,2,0")), ("output", ("0,0", "13,2")))):
        for weight in weights:
            result = neurochip("why", tmp_path / "run", "--layer", layer, "--weight", weight, "--all")
            assert result.exit_code == 0, result.output
            *lines, total = result.stdout.splitlines()
            row, channel, *copy = map(int, weight.split(","))
            with h5py.File(tmp_path / "run" / "run.h5") as file:
                ends = [file[f"layers/{i}/weight{suffix}"][(*copy, row, channel)] for suffix in ("_initial", "")]
            assert f"weight {ends[0]} -> {ends[1]}, as in the run" in total and total.startswith("sum over 80 samples: ")
            mine = [re.sub(r"error .*?( at|;)", r"error\1", line[len("epoch 2 sample 30 ") :]) for line in lines if " 2 sample 30 " in line]
            one = neurochip("why", tmp_path / "run", "--layer", layer, "--weight", weight, "--sample", "30").stdout.splitlines()[1:-1]
            assert mine == [re.sub(r"error .*?( at|;)", r"error\1", re.sub("tick +", "tick ", line)) for line in one]
            steps += len(lines)
    assert steps > 100 and len(record["layers/0/decisions"])


def test_a_history_of_samples_that_ended_early_is_that_of_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr("neurochip.report.plots.make_plots", lambda run: [])
    experiment = write_experiment(tmp_path, ticks=16, epochs=1)
    settings = ("--set", "run.exit={margin=0.5,train=true}")
    assert neurochip("run", experiment, "--out", tmp_path / "run", "--quiet", *settings).exit_code == 0
    result = neurochip("why", tmp_path / "run", "--layer", "output", "--weight", "2,1", "--all")
    assert result.exit_code == 0 and ", as in the run" in result.stdout.splitlines()[-1], result.output


def test_a_history_on_other_data_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("neurochip.report.plots.make_plots", lambda run: [])
    experiment = write_experiment(tmp_path, epochs=1)
    assert neurochip("run", experiment, "--out", tmp_path / "run", "--quiet").exit_code == 0
    (data,) = tmp_path.glob("*.npz")
    with np.load(data) as file:
        arrays = dict(file)
    arrays["x_train"] = 255 - arrays["x_train"]
    np.savez(data, **arrays)
    result = neurochip("why", tmp_path / "run", "--layer", "output", "--weight", "0,0", "--all")
    assert result.exit_code == 2 and "trained again, the weights differ: other data" in result.stderr.splitlines()[-1]


WRONG = {
    "layer": (["--layer", "hiden", "--weight", "0,0"], r"--layer hiden: no layer of that name; did you mean 'hidden'\?"),
    "row": (["--layer", "hidden", "--weight", "64,0"], r"--weight 64,0: must be i,j in layer 'hidden': row 0 to 63, .* 0 to 11"),
    "neuron": (["--layer", "output", "--weight", "0,3"], r"--weight 0,3: must be i,j in layer 'output': row 0 to 11, .* 0 to 2"),
    "form": (["--layer", "output", "--weight", "1"], r"--weight 1: must be i,j in layer 'output': .*"),
    "sample": (
        ["--layer", "output", "--weight", "0,0", "--sample", "3"],
        r".*: sample 3 is not recorded, only 30, 7; run it again with .*",
    ),
}


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_question_is_one_line(key, run):
    options, pattern = WRONG[key]
    result = neurochip("why", run, *options)
    assert result.exit_code == 2 and re.fullmatch(f"neurochip: {pattern}\n", result.stderr), result.stderr


def test_without_a_record_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("neurochip.report.plots.make_plots", lambda run: [])
    assert neurochip("run", write_experiment(tmp_path, epochs=1), "--out", tmp_path / "run", "--quiet").exit_code == 0
    for command in (["why", tmp_path / "run", "--layer", "hidden", "--weight", "0,0"], ["trace", tmp_path / "run", "--vcd", "x.vcd"]):
        result = neurochip(*command)
        assert result.exit_code == 2
        pattern = r"neurochip: .*run\.h5: holds no recorded sample; run it again and record a sample with --set record\.samples=\[0\] .*\n"
        assert re.fullmatch(pattern, result.stderr), result.stderr
    assert neurochip("trace", tmp_path / "run").exit_code == 2
    assert "no such file" in neurochip("why", tmp_path, "--layer", "hidden", "--weight", "0,0").stderr
