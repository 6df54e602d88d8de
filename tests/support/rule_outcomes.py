"""What every learning rule does to a few tiny chips. Run as a program: the outcomes of all rules."""

import tempfile
from pathlib import Path

import numpy as np

from neurochip.core import rules
from neurochip.core.events import N_EVENTS, N_PHASES, Event, Phase
from neurochip.simulator.memories import core_weights
from support import chip_cases
from support.chip_cases import Case
from support.digests import digest


def rule_cases(name: str) -> list[Case]:
    """Tiny chips, from every corner of the weights, with every setting of the rule at its highest and at its default."""
    settings = rules.load(name).settings
    result = []
    is_binary = rules.load(name).is_binary
    for corners in ("none",) if is_binary else ("none", "low", "high", "mixed"):
        for edge in ("default", "high"):
            values = {key: getattr(setting, edge) for key, setting in settings.items()}
            known = {"learn_rate": values.pop("learn_rate"), "decay": values.pop("learn_rate_decay")} if name == "spike_backprop" else {}
            lines = "\n".join(f"{key} = {value}" for key, value in values.items())
            for bits in (2, 3, 16):
                result.append(
                    Case(
                        bits=((bits, bits - 1), (bits, max(bits - 4, 0))), corners=corners, biases=(0.5, 0.0), rule=name,
                        rule_settings=lines, warmup=0, ticks=8, images=("white", "random"), levels=(-1.0, 0.0) if is_binary else None,
                        **known,
                    )
                )  # fmt: skip
    return result


def outcomes(name: str) -> list[str]:
    """What the rule does in each case: a digest of the chip, after a check that nothing left its range."""
    result = []
    with tempfile.TemporaryDirectory() as folder:
        for case in rule_cases(name):
            chip = chip_cases.build(case, Path(folder))
            before = [core_weights(chip, c) for c in range(len(case.bits))]
            votes = chip_cases.kernel(case, chip, case.pixels(), np.array([0, 1], np.int32))
            for c, (bits, _) in enumerate(case.bits):
                for value in core_weights(chip, c):
                    assert -(2 ** (bits - 1)) <= value.min() and value.max() <= 2 ** (bits - 1) - 1
            after = [core_weights(chip, c) for c in range(len(case.bits))]
            learned = any(not np.array_equal(a, b) for old, new in zip(before, after, strict=True) for a, b in zip(old, new, strict=True))
            counts = chip.counts.reshape(-1, N_PHASES, N_EVENTS)
            updates = counts[:, Phase.LEARN, [Event.WEIGHT_UPDATE, Event.BIAS_UPDATE]].sum()
            assert not learned or (rules.load(name).learns and updates > 0)
            assert rules.load(name).learns or not counts[:, [Phase.ERROR, Phase.LEARN]].any()
            result.append(f"{learned} {digest(chip, votes)}")
    return result


def main() -> None:
    """Every rule's outcomes, for a comparison of two processes."""
    for name in rules.names():
        for outcome in outcomes(name):
            print(name, outcome)


if __name__ == "__main__":
    main()
