"""A learning rule as a user writes it, outside the package and not of the main rule's kind; and an experiment that names it."""

from pathlib import Path

from support.tiny import write_experiment

RULE = '''"""Every coincidence of an error spike and a spike moves the weight by `step` LSB."""

from neurochip.rules import Rule, Setting, change_field, count_touched, count_updates, kernel, rule_hook

FACTOR = 1


@kernel
def change_of(step, sign):
    return FACTOR * step * int(sign)


@rule_hook
def on_error(synapses, rule_param, rows, traces, neurons, signs):
    """Learn from every error spike. Mutates weight, counts."""
    n, lost = neurons.shape[0], 0
    for e in range(n):
        for a in range(rows.shape[0]):
            lost += change_field(synapses, rows[a], neurons[e], change_of(rule_param[0], signs[e]))
    count_touched(synapses.param, synapses.counts, rows.shape[0], neurons, n)
    count_updates(synapses.counts, rows.shape[0] * n, lost)


def quantise(settings, epoch, frac_bits, rng_bits):
    """The step in LSB."""
    return [int(settings["step"] * 0.5**epoch + 0.5)]


def effective_rate(settings, epoch, frac_bits):
    """Every coincidence makes the step."""
    return quantise(settings, epoch, frac_bits, 0)[0] * 0.5**frac_bits


RULE = Rule(
    summary="steps of several LSB",
    settings={"step": Setting(2.0, 1.0, 8.0, "LSB per coincidence in the first epoch")},
    learns_from="errors",
    quantise=quantise,
    hook=on_error,
    effective_rate=effective_rate,
)
'''
SILENT = RULE.replace("    effective_rate=effective_rate,\n", "")


def write_own(folder: Path, text: str = RULE, name: str = "./my_rule.py", **options) -> Path:
    """The rule as `my_rule.py` and an experiment of it beside it, its data elsewhere; return the experiment's file."""
    folder.mkdir(parents=True, exist_ok=True)
    data = folder.parent / "data"
    data.mkdir(exist_ok=True)
    experiment = write_experiment(data, **options)
    content = experiment.read_text().replace('name = "spike_backprop"\nlearn_rate = 2e-3', f'name = "{name}"\nstep = 3')
    (folder / "tiny.toml").write_text(content)
    (folder / "my_rule.py").write_text(text)
    return folder / "tiny.toml"
