"""What a rule in the language may not be: functions that read what they are not handed, or give what nothing can keep."""

from neurochip.core.language.described import CHIP, READS, ROLES, VISITS, WIDEST, WIDEST_STATE, Description, Widths
from neurochip.core.language.expressions import Function, OutsideLanguage


def check_description(description: Description) -> None:
    """Refuse functions that read what they are not handed, or give what cannot be kept. Raises OutsideLanguage."""
    _check_declared(description)
    for role, function in description.functions.items():
        readable = description.readable(role)
        for name in function.arguments:
            if name not in readable:
                raise OutsideLanguage(
                    f"{function.name}: `{name}` is nothing that {role} can read; it can read {', '.join(readable)}", function.file,
                    function.line,
                )  # fmt: skip
        if role == "decide":
            _check_told(description, function)
        wanted = description.results(role)
        if role != "decide" and len(function.results) != len(wanted):
            raise OutsideLanguage(
                f"{function.name}: gives {len(function.results)} numbers, {role} gives {len(wanted)}: {', '.join(wanted)}", function.file,
                function.line,
            )  # fmt: skip
        for name, (_, value) in zip(wanted, function.results, strict=True):
            if name in {one.name for one in function.assignments} and value.name != name:
                told = f"{function.name}: `{name}` is what {role} gives, and here another number's name; give that one another"
                raise OutsideLanguage(told, function.file, function.line)
        if description.is_binary:
            for one in (one for whole in function.expressions() for one in whole.walk()):
                if one.op == "saturate" and one.parts[1].op == "name":
                    raise OutsideLanguage(
                        f"{function.name}: weights of a binary rule have two levels: give w_min or w_max instead of `{one.text}`",
                        function.file, one.line,
                    )  # fmt: skip
    for role in (role for role in ROLES if role in description.functions):
        _check_results(description, role, WIDEST)


def _check_told(description: Description, function: Function) -> None:
    """Refuse numbers beside `told` without a name, or with the name of another thing that synapses or biases read."""
    others = {*description.registers, *description.axon, *description.synapse, *CHIP, *READS["synapse"], *READS["bias"]}
    for k, (name, value) in enumerate(function.results[1:], start=1):
        if not name:
            told = f"{function.name}: what it gives beside the first number is read by name; write a line `name = {value.text}` before"
            raise OutsideLanguage(told, function.file, value.line)
        is_same = value.op == "name" and value.name == name and name in description.registers
        if (name in others and not is_same) or (description.reads("bias", name) and name in description.neuron):
            told = f"{function.name}: `{name}` that it gives is also the name of something else that synapses or biases read"
            raise OutsideLanguage(f"{told}; give this number another name", function.file, value.line)
        if name in [one for one, _ in function.results[1:k]]:
            raise OutsideLanguage(f"{function.name}: gives `{name}` twice; once is enough", function.file, value.line)


def _check_declared(description: Description) -> None:
    """Refuse states, visits and events that a core cannot have. Raises ValueError."""
    for kind, states in description.states.items():
        for name, state in states.items():
            if not 1 + state.is_signed <= state.bits <= WIDEST_STATE:
                raise ValueError(f"state {name} of a {kind} has {state.bits} bits: must be {1 + state.is_signed} to {WIDEST_STATE}")
        if states and kind != "synapse" and kind not in description.functions:
            raise ValueError(f"states of a {kind} ({', '.join(states)}): nothing brings them up to date; give a function `{kind}`")
    if description.visits not in VISITS:
        raise ValueError(f"visits = {description.visits!r}: must be one of {', '.join(map(repr, VISITS))}")
    if description.visits == "traced" and not description.axon:
        raise ValueError("visits = 'traced': there is no state of axons; declare one, or visit 'all' or 'spiked'")
    if description.learns_from == "reward" and not description.has_broadcasts:
        raise ValueError("learns_from = 'reward': decide does not read `reward`, and there are no sweeps; let it read one")
    names = [*description.axon, *description.neuron, *description.synapse, *description.registers, *CHIP]
    if twice := [name for name in names if names.count(name) > 1 or any(name in read for read in READS.values())]:
        raise ValueError(f"`{twice[0]}` is the name of two things that functions read; give one of them another")


def _check_results(description: Description, role: str, widths: Widths) -> None:
    function, made = description.functions[role], description.ranges(role, widths).results
    for (_, value), range_, allowed, name in zip(
        function.results, made, description.allowed(role, widths), description.results(role), strict=True
    ):
        if not allowed.holds(range_):
            raise OutsideLanguage(
                f"{function.name}: `{value.text}` can be {range_}, {name} holds {allowed}; end with saturate(value, bits), min or max",
                function.file, value.line,
            )  # fmt: skip
