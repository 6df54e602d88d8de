"""The language of rules: what it refuses, with line and remedy; ranges that hold; hooks that do what the Python functions say."""

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
from oracles.rule_walk import Walk
from support.tiny import write_experiment

from neurochip.common.errors import NeurochipError
from neurochip.core import rules
from neurochip.core.language.described import WIDEST, Widths
from neurochip.core.language.expressions import saturate
from neurochip.core.language.ranges import Range, Ranges, of_bits
from neurochip.core.language.syntax import read_function
from neurochip.core.state import Synapses
from neurochip.core.vectors import N_COUNTS, P
from neurochip.cosim.rule.compiled import compiled_results
from neurochip.experiment.generator import generators
from neurochip.experiment.rules import find_rule
from neurochip.experiment.setup import load_setup

EVERYTHING = Path(__file__).parents[1] / "support" / "rules" / "with_everything.py"
IN_THE_LANGUAGE = [name for name in rules.names() if rules.load(name).text is not None]
RULE = '''"""A rule."""
from neurochip.rules import Register, Setting, State, described_rule, saturate
LIMIT = 7
REAL = 0.5
def helper(a):
    return a + 1
def decide(signal, step):
    DECIDE
def synapse(w, told, weight_bits):
    SYNAPSE
RULE = described_rule(
    summary="a rule", settings={"step": Setting(1, 0, 8, "LSB")}, learns_from="errors", registers={"step": Register(0, HIGH)},
    quantise=lambda settings, epoch, frac_bits, rng_bits: QUANTISE, decide=decide, synapse=synapse, MORE)
'''
REFUSED = {
    "return signal * 0.5": (8, "`0.5`: hardware here has integers only; turn real numbers into integers in quantise"),
    "return signal * REAL": (8, "`REAL` is of type float; a function reads arguments and integer constants"),
    "return signal / step": (8, "`signal / step`: / gives a real number; shift right by a constant"),
    "return signal % 2 + step": (8, "`signal % 2`: % needs a divider; use a power of two"),
    "return signal & step": (8, "& is not in the language; compare, or shift"),
    "return 2 ** step * signal": (8, "** has no width; write 1 << n"),
    "return signal // step": (8, "`signal // step` divides -1 .. 1 by 0 .. 8; a divider is of numbers from 0 on"),
    "return max(signal, 0) // step": (8, "divides 0 .. 1 by 0 .. 8"),
    "return signal << (step + 60)": (8, "`signal << step + 60` shifts by 60 .. 68; a shift is by 0 to 63 bits"),
    "return signal << (step + 56) << 1": (8, "`signal << step + 56` shifts by 56 .. 64"),
    "wide = step << 40\n    wider = wide * wide * signal\n    return wider": (9, f"wider: `wide * wide` can be 0 .. {1 << 86}, beyond"),
    "return signal * step << 31": (8, "`signal * step << 31` can be -17179869184 .. 17179869184, told holds -2147483648 .. 2147483647"),
    "for k in range(step):\n        pass\n    return signal": (8, "a loop; the walk over synapses is the chip's"),
    "while signal:\n        pass\n    return step": (8, "a loop"),
    "if step:\n        return signal\n    return 0": (8, "`if` as a statement; write name = a if condition else b"),
    "step += signal\n    return step": (8, "an assignment to a name that has a value; give the result a name of its own"),
    "step = signal\n    return step": (8, "`step` has a value already; a name is one wire"),
    "a, b = signal, step\n    return a + b": (8, "one name on the left, one per line"),
    "_a = signal + step\n    return _a": (8, "`_a`: a name begins with a letter"),
    "größe = signal + step\n    return größe": (8, "`größe`: a name begins with a letter and is of letters, digits and underscores"),
    "a = signal + step\n    return signal": (7, "decide: `a` is never read; leave it out"),
    "return signal + unknown + step": (8, "`unknown` is no argument and no constant; a rule's function reads what it is handed"),
    "return signal and step": (8, "`signal` stands as a condition in `signal and step`; compare it: signal != 0"),
    "return pow(signal, step)": (8, "`pow` is outside the language of rules; it knows names, integers"),
    "return signal.bit_length() + step": (8, "call a function by its plain name"),
    "return [signal, step][0]": (8, "`[signal, step][0]` is outside the language of rules"),
    "return saturate(signal, step)": (8, "its bits are a constant from 2 to 63, or the argument weight_bits"),
    "return helper(signal, step)": (8, "helper takes 1 numbers: a"),
    "return signal in (step, 1)": (8, "is no comparison of numbers"),
    "return signal, step + 1": (8, "what it gives beside the first number is read by name; write a line `name = step + 1` before"),
    "b = step + 1\n    return signal, b": (9, "`b` that it gives is also the name of something else that synapses or biases read"),
    "a = step + 1\n    return signal, a, a": (9, "gives `a` twice; once is enough"),
    "print(signal, step)\n    return 0": (8, "only assignments"),
    "signal = step": (8, "its last line must be `return value`"),
}  # fmt: skip
REFUSED_OF_SYNAPSES = {
    "return w + told + 0 * LIMIT": (10, "`w + told + 0 * LIMIT` can be -32769 .. 32768, w_then holds -32768 .. 32767; end with saturate"),
    "return saturate(w + told, weight_bits) + weight_bits": (10, "weight_bits is a width and no number; read w_min and w_max instead"),
}


def rule_file(folder: Path, decide="return signal if step > 0 else 0", synapse="return saturate(w + told, weight_bits)", **more) -> str:
    text = RULE.replace("DECIDE", decide).replace("SYNAPSE", synapse).replace("HIGH", str(more.get("high", 8)))
    text = text.replace("QUANTISE", more.get("quantise", '{"step": int(settings["step"])}')).replace("MORE", more.get("more", ""))
    if "weight_bits" not in synapse:
        text = text.replace("told, weight_bits)", "told)", 1)
    path = folder / "my_rule.py"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("body", [*REFUSED, *REFUSED_OF_SYNAPSES])
def test_what_is_outside_is_refused_with_line_and_remedy(body, tmp_path):
    path = rule_file(tmp_path, decide=body) if body in REFUSED else rule_file(tmp_path, synapse=body)
    line, told = REFUSED.get(body) or REFUSED_OF_SYNAPSES[body]
    with pytest.raises(NeurochipError) as refused:
        find_rule(path)
    assert str(refused.value).startswith(f"{path}: line {line}: ") and told in str(refused.value) and "\n" not in str(refused.value)


def test_the_file_of_these_tests_is_a_rule(tmp_path):
    assert find_rule(rule_file(tmp_path)).rule.text is not None


def test_what_is_not_read_is_left_out(tmp_path):
    text = find_rule(rule_file(tmp_path, decide="return signal")).rule.text
    assert text.functions["decide"].arguments == ("signal",) and text.python["decide"](-1) == -1


@pytest.mark.parametrize(
    ("body", "same"),
    [
        ("return 1 if signal and step else 0", "1 if signal != 0 and step != 0 else 0"),
        ("return 1 if not (signal or step) else step", "1 if not (signal != 0 or step != 0) else step"),
        ("return abs(signal - step)", "max(signal - step, step - signal)"),
    ],
)
def test_what_python_means_by_truth_and_size_holds(body, same, tmp_path):
    text = find_rule(rule_file(tmp_path, decide=body)).rule.text
    inputs = list(itertools.product((-1, 0, 1), range(9)))
    wanted = [(int(eval(same, {"signal": signal, "step": step})),) for signal, step in inputs]
    assert compiled_results(text, "decide", WIDEST, inputs) == wanted == [(int(text.python["decide"](*row)),) for row in inputs]
    assert text.ranges("decide").results[0].low >= 0


def test_a_keyword_that_a_state_does_not_take_is_told_with_those_that_it_takes(tmp_path):
    with pytest.raises(NeurochipError, match="unexpected keyword argument 'signed'; State takes bits, is_signed, lasts"):
        find_rule(rule_file(tmp_path, more='tags={"e": State(4, signed=True)}'))


def test_a_called_function_takes_no_name_of_its_caller(tmp_path):
    body = "made = helper(signal + 1)\n    helper_a = 2 * step\n    helper_b = made + helper_a\n    return helper_b"
    text = find_rule(rule_file(tmp_path, decide=body)).rule.text
    names = [one.name for one in text.functions["decide"].assignments]
    assert sorted(set(names)) == sorted(names) and {"helper_a", "helper_b"} < set(names)
    assert compiled_results(text, "decide", WIDEST, [(1, 3)]) == [(9,)]


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("def decide(signal, step):", "def decide(signal, step, w):", 7, "`w` is nothing that decide can read; it can read signal, draw"),
        ("def decide(signal, step):", "def decide(signal, step=3):", 7, "a rule's function has plain arguments, and no decorator"),
        ("def helper(a):\n    return a + 1", "def helper(a):\n    return helper(a)", 6, "calls within calls are 8 deep"),
    ],
)
def test_signatures_are_refused(old, new, line, told, tmp_path):
    path = Path(rule_file(tmp_path, decide="return signal if helper(step) > 1 else 0"))
    text = path.read_text().replace(old, new).replace("else 0", "else w" if "w)" in new else "else 0")
    path.write_text(text)
    with pytest.raises(NeurochipError) as refused:
        find_rule(str(path))
    assert f"line {line}: " in str(refused.value) and told in str(refused.value)


@pytest.mark.parametrize(
    ("quantise", "told"),
    [
        ('{"step": 9}', "ValueError: quantise: register step = 9: must be from 0 to 8"),
        ('{"stop": 1}', "quantise gives stop: the registers are step"),
        ("[1]", "quantise gives [1]: must give each register's integer by name: step"),
    ],
)
def test_what_quantise_gives_fits_the_registers(quantise, told, tmp_path):
    rule = find_rule(rule_file(tmp_path, quantise=quantise)).rule
    with pytest.raises((ValueError, TypeError)) as refused:
        rule.quantise({"step": 1.0}, 0, 12, 16)
    assert told.removeprefix("ValueError: ") in str(refused.value)


def test_a_register_that_the_layers_widths_cannot_hold_is_refused():
    rule = rules.load("stdp")
    settings = {key: setting.default for key, setting in rule.settings.items()} | {"homeostasis": 1.0, "bias_min": -3.0}
    assert rule.refuse(settings, 8, 6).startswith("rule.bias_min = -3 is -192 in units of 2**-6")
    assert rule.refuse(settings, 16, 6) is None


def test_a_rule_with_a_tag_runs_and_without_a_hook_does_not(tmp_path):
    path = rule_file(
        tmp_path, synapse="kept = min(e + 1, 3)\n    return saturate(w + told, weight_bits), kept", more='tags={"e": State(2)}'
    )
    Path(path).write_text(Path(path).read_text().replace("(w, told,", "(w, e, told,"))
    assert find_rule(path).rule.text.results("synapse") == ("w_then", "e_then")
    experiment = write_experiment(tmp_path)
    experiment.write_text(experiment.read_text().replace('"spike_backprop"\nlearn_rate = 2e-3', '"./my_rule.py"'))
    assert load_setup(str(experiment)).experiment.learning_rule.keeps_states
    Path(path).write_text(Path(path).read_text() + "RULE = RULE._replace(hook=None)\n")
    with pytest.raises(NeurochipError, match="its hook is None"):
        load_setup(str(experiment))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('visits="sometimes"', "visits = 'sometimes': must be one of 'spiked', 'traced', 'all'"),
        ('visits="traced"', "visits = 'traced': there is no state of axons"),
        ('neuron_states={"y": State(4)}', r"states of a neuron \(y\): nothing brings them up to date; give a function `neuron`"),
        ('tags={"e": State(64)}', "state e of a synapse has 64 bits: must be 1 to 63"),
        ('tags={"step": State(2)}', "`step` is the name of two things that functions read"),
    ],
)
def test_what_a_core_cannot_keep_is_refused(more, told, tmp_path):
    with pytest.raises(NeurochipError, match=told):
        find_rule(rule_file(tmp_path, more=more))


@pytest.mark.parametrize(
    ("learns_from", "told"), [("'reward'", "decide does not read `reward`"), ("'luck'", "learns_from = 'luck': must be one of")]
)
def test_what_nobody_can_learn_from_is_refused(learns_from, told, tmp_path):
    path = Path(rule_file(tmp_path))
    path.write_text(path.read_text().replace('"errors"', learns_from))
    with pytest.raises(NeurochipError, match=told):
        find_rule(str(path))


# ---- ranges


SHAPES = (
    "({0} + {1})", "({0} - {1})", "({0} * {1})", "({0} >> 2)", "({0} << 3)", "min({0}, {1})", "max({0}, {1})", "(-{0})", "saturate({0}, 4)",
    "({0} if {1} < {2} else {1})", "(({0} <= {1}) + 1)", "(max({0}, 0) // (max({1}, 0) + 1))",
    "({0} if {1} != 0 and not {2} > {0} or {1} == {2} else {2})",
)  # fmt: skip


def random_expression(dice: random.Random, depth: int) -> str:
    if depth == 0 or dice.random() < 0.15:
        return dice.choice(["a", "b", "c", str(dice.randint(-9, 9))])
    one, two, three = (random_expression(dice, depth - 1) for _ in range(3))
    return dice.choice(SHAPES).format(one, two, three)


@pytest.mark.slow
def test_no_value_is_outside_its_range_and_ends_are_near(tmp_path):
    dice, tried = random.Random(1), 0
    limits = {"a": Range(-8, 7), "b": Range(0, 15), "c": Range(3, 5)}
    lines = [f"def f{k}(a, b, c):\n    x = {random_expression(dice, 3)}\n    return x + 0 * (a + b + c)" for k in range(150)]
    path = tmp_path / "functions.py"
    path.write_text("\n".join(lines))
    scope: dict = {"saturate": saturate}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    for k in range(150):
        function = read_function(scope[f"f{k}"])
        ranges = Ranges(function, limits, 16)
        values = [scope[f"f{k}"](a, b, c) for a, b, c in itertools.product(range(-8, 8), range(16), range(3, 6))]
        assert ranges.names["x"].low <= min(values) and max(values) <= ranges.names["x"].high
        tried += ranges.names["x"] == (min(values), max(values))
    assert tried > 50  # many are exact: operands that hang together are what intervals do not see


FADING = (
    "x - (x + ((1 << n) - 1) >> n)", "x - (x >> n)", "x - (x + b >> n)", "x - (b + x >> n)", "x - (x - b >> n)", "x + (b - x >> n)",
    "(b - x >> n) + x", "max(x, -x)", "x - (x * b >> n)", "x - (b - x >> n)", "x + (x - b >> n)", "x + (x * b >> n)", "x + (x + b >> n)",
    "gap + (b - gap >> n)",
)  # fmt: skip


@pytest.mark.parametrize("shape", FADING)
def test_ranges_of_what_fades_hold(shape, tmp_path):
    path, dice = tmp_path / "functions.py", random.Random(shape)
    path.write_text(f"def f(x, b, n):\n    gap = x + b\n    part = {shape}\n    return part + 0 * gap")
    scope: dict = {}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    function, exact = read_function(scope["f"]), 0
    for _ in range(60):
        lows = dice.randint(-9, 9), dice.randint(-9, 9), dice.randint(0, 3)
        limits = {name: Range(low, low + dice.randint(0, 2 if name == "n" else 12)) for name, low in zip("xbn", lows, strict=True)}
        made = Ranges(function, {name: limits[name] for name in function.arguments}, 16).names["part"]
        spans = [range(limit.low, limit.high + 1) for limit in limits.values()]
        values = [eval(shape, {"x": x, "b": b, "n": n, "gap": x + b}) for x, b, n in itertools.product(*spans)]
        assert made.low <= min(values) and max(values) <= made.high
        exact += made == (min(values), max(values))
    assert exact > (40 if shape in FADING[:8] else 0)


@pytest.mark.parametrize(
    ("low", "high", "bits"), [(0, 0, 1), (0, 1, 1), (0, 255, 8), (-1, 0, 1), (-1, 1, 2), (-128, 127, 8), (-129, 0, 9), (5, 6, 3)]
)
def test_bits_of_a_range(low, high, bits):
    assert Range(low, high).bits == bits
    assert not Range(low, high).is_signed or of_bits(bits).holds(Range(low, high))


@pytest.mark.parametrize("name", IN_THE_LANGUAGE)
def test_shipped_rules_are_within_their_ranges_at_every_width(name):
    text = rules.load(name).text
    for bits, word in itertools.product((2, 3, 8, 16), (16, 24, 32)):
        for role in text.functions:
            allowed = text.allowed(role, Widths(bits, word))
            assert all(limit.holds(made) for limit, made in zip(allowed, text.ranges(role, Widths(bits, word)).results, strict=True))


def test_all_shipped_rules_that_learn_are_in_the_language():
    assert {name for name in rules.names() if rules.load(name).learns} == set(IN_THE_LANGUAGE) and len(IN_THE_LANGUAGE) >= 4


# ---- hooks


def synapses_of(dice: np.random.Generator, bits: int, kind: str, levels: bool, n: int) -> Synapses:
    rows, stride, channels = 12, 16, 9
    param = np.zeros(len(P), np.int64)
    low, high = (-3, 2) if levels else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    for key, value in ((P.STRIDE, stride), (P.CHANNELS, channels), (P.WEIGHT_MIN, low), (P.WEIGHT_MAX, high), (P.FIELDS_PER_WORD, 4)):
        param[key] = value
    weight = dice.choice([low, high] if levels else [low, low + 1, 0, high - 1, high], (rows, stride)).astype(np.int16)
    bias = dice.choice([low, -1, 0, 1, high], stride).astype(np.int32)
    state = np.array([dice.integers(1, 1 << 16)], np.uint32)
    return Synapses(param, generators()[kind].vector(), np.zeros(N_COUNTS, np.int64), weight, bias, state, *np.zeros((2, n), np.int32))


@pytest.mark.parametrize("name", [*(name for name in IN_THE_LANGUAGE if not rules.load(name).keeps_states), str(EVERYTHING)])
def test_hook_does_what_the_python_functions_say(name):
    rule = find_rule(name).rule
    dice, learned, lost = np.random.default_rng(1), 0, 0
    for k in range(120):
        bits, kind, n = (2, 5, 16)[k % 3], ("xorshift16", "lfsr16", "xorshift32")[k // 3 % 3], int(dice.integers(1, 6))
        bits = 5 if rule.is_binary else bits
        settings = {key: dice.choice([one.low, one.default, one.high]) for key, one in rule.settings.items()}
        if rule.refuse(settings, bits, bits - 1):
            continue
        param = np.array(rule.quantise(settings, int(dice.integers(3)), bits - 1, generators()[kind].bits), np.int64)
        ours = synapses_of(dice, bits, kind, rule.is_binary, n)
        theirs = Synapses(*(array.copy() for array in ours))
        rows = np.sort(dice.permutation(12)[: int(dice.integers(0, 12))]).astype(np.int32)
        traces = dice.choice([0, 1, 60, 128, 255], len(rows)).astype(np.int32) if rule.text.axon else np.zeros(0, np.int32)
        neurons = np.sort(dice.permutation(9)[:n]).astype(np.int32)
        signs = dice.choice([-1, 1], n).astype(np.int32) if rule.learns_from == "errors" else np.ones(n, np.int32)
        Walk(rule.text, theirs, param, rows, traces, neurons, signs).run()
        rule.hook(ours, param, rows, traces, neurons, signs)
        for key in ("weight", "bias", "rng_learn", "counts"):
            assert np.array_equal(getattr(ours, key), getattr(theirs, key)), (key, k, settings)
        learned, lost = learned + ours.counts.sum(), lost + 1
    assert learned > 1000 and lost > 60


def test_constants_helpers_and_comments_come_along():
    text = find_rule(str(EVERYTHING)).rule.text
    synapse, decide = text.functions["synapse"], text.functions["decide"]
    assert [one.name for one in synapse.assignments] == ["centred", "scaled_value", "scaled_product", "change"]
    assert synapse.constants == {"HALF": 128} and synapse.assignments[0].comment == "the trace from its middle"
    assert decide.assignments[-1].comment == "how much the field is worth"
    assert text.told == ("told", "drive") and text.ranges("synapse", WIDEST).names["centred"] == (-128, 127)
