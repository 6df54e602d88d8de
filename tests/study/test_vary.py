"""What a study varies: values, ranges, conditions, joined keys; every mistake is one line that says the way out."""

import pytest

from neurochip.common.errors import NeurochipError
from neurochip.common.fronts import fronts
from neurochip.study.plan import grid
from neurochip.study.trials import RunResult, Trial
from neurochip.study.vary import Range, parse_all, settings_at


def points(*texts: str) -> list[dict]:
    return list(grid(parse_all(texts)))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a.b=x,y", ("x", "y")),
        ("a=[1,2],[3,4]", ("[1,2]", "[3,4]")),
        ('a="p,q",r', ('"p,q"', "r")),
        ("a=4..7", ("4", "5", "6", "7")),
        ("a=4..16:4", ("4", "8", "12", "16")),
        ("a=4..15:4", ("4", "8", "12")),
        ("a=-1..1", ("-1", "0", "1")),
        ("a=0.1..0.4:0.1", ("0.1", "0.2", "0.3", "0.4")),
        ("a=1e-3..3e-3:1e-3", ("0.001", "0.002", "0.003")),
        ("a=5", ("5",)),
        ("a=../other.toml,./mine.toml", ("../other.toml", "./mine.toml")),
        ("a=./x..y.toml", ("./x..y.toml",)),
    ],
)
def test_values(text, values):
    assert parse_all([text])[0].values == values


def test_a_continuous_range_has_no_values():
    (linear,), (log,) = parse_all(["a=0.5..1.5"]), parse_all(["a=1..100:log"])
    assert isinstance(linear.domain, Range) and linear.values == () and not linear.domain.log
    assert isinstance(log.domain, Range) and log.values == () and log.domain.log


def test_a_grid_is_all_combinations_the_last_key_first():
    assert points("a=1,2", "b=x,y") == [{"a": a, "b": b} for a in "12" for b in "xy"]


def test_a_condition_leaves_a_key_out():
    assert points("rule.name=p,q,r", "rule.c=1,2 when rule.name=q,r") == [
        {"rule.name": "p"},
        *({"rule.name": name, "rule.c": c} for name in "qr" for c in "12"),
    ]


def test_joined_keys_and_every_layer():
    (vary,) = parse_all(["network.layers.*.weight_bits:network.layers.1.frac_bits=16:12,8"])
    assert settings_at([vary], {vary.name: "16:12"}, 2) == (
        "network.layers.0.weight_bits=16",
        "network.layers.1.weight_bits=16",
        "network.layers.1.frac_bits=12",
    )
    assert settings_at([vary], {vary.name: "8"}, 1) == ("network.layers.0.weight_bits=8", "network.layers.1.frac_bits=8")


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ([], "nothing is varied"),
        (["a"], "must have the form KEY=a,b,c"),
        (["a b=1"], "must have the form KEY=a,b,c"),
        (["a="], "has an empty value"),
        (["a=1,,2"], "has an empty value"),
        (["a=1,1"], "has 1 twice"),
        (["a=9..4"], "the range is empty, 9 is above 4; give the lower end first"),
        (["a=1..4:0"], "step = 0: must be above 0"),
        (["a=0..4:log"], "low = 0: must be above 0 on a logarithmic scale"),
        (["a=1..x"], "'1..x' is no range of numbers"),
        (["a=0..1e9"], "has more than 10,000 values"),
        (["a=1", "a=2"], "a is varied twice"),
        (["a:b=1:2:3"], "'1:2:3' has 3 parts for 2 keys"),
        (["a=1 when b=2"], "when b: must be varied before it"),
        (["b=1,2", "a=1 when b=3"], "when b=3: takes no such value; known: 1, 2"),
        (["b=1,2", "a=1 when b"], "a condition must have the form"),
    ],
)
def test_mistakes(texts, told):
    with pytest.raises(NeurochipError, match=r"^--vary") as error:
        parse_all(texts)
    assert told in str(error.value)


def test_fronts_are_those_of_all_pairs():
    values = [(0, 3), (1, 1), (3, 0), (2, 2), (1, 1), (4, 4)]
    assert fronts(values) == [0, 0, 0, 1, 0, 2]


def test_a_trial_has_mean_and_spread_of_its_last_budget():
    runs = [RunResult("a", 1, "10", {"energy": 9.0}), *(RunResult("b", s, "20", {"energy": e}) for s, e in ((1, 1.0), (2, 3.0)))]
    trial = Trial(0, {}, "complete", tuple(runs))
    assert (trial.mean("energy"), trial.spread("energy")) == (2.0, pytest.approx(2**0.5))
