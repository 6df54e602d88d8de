"""The hook of a rule that keeps states, written from its functions: it brings states up to date, and learns location by location.

`Ask` in core/vectors.py says what a call is for, core/keeping.py when each comes.
"""

from neurochip.core.language.described import ROLES, Description
from neurochip.core.language.placed import accesses, assigned, is_drawn, own, registers, result

HEAD = """def hook(synapses, rule_param, rows, traces, neurons, signs):
    _param, _counts, _call, _n, _unchanged, _n_rows = synapses.param, synapses.counts, synapses.call, 0, 0, rows.shape[0]
    _ask, _told, _axon_state, _neuron_state, _tag = _call[Call.ASK], synapses.told, synapses.axon_state, synapses.neuron_state, synapses.tag
    _weight, _stride, _fields = borrow(synapses.weight, 0, (synapses.weight.size,)), uint64(_param[P.STRIDE]), uint64(synapses.weight.size)
    _n_axons, _slots = int(_param[P.N_AXONS]), int(_param[P.LOCATIONS] * _param[P.STRIDE])"""
STORES = {"axon": ("_axon_state", "_n_axons"), "neuron": ("_neuron_state", "_slots")}


def keeping_text(description: Description) -> str:
    """Write the hook in Python: HOOK of core/hooks.py, called as `Ask` says.

    All decisions of a location are taken first, in the events' order; then each event's rows are visited, in order; then biases.
    """
    lines = [HEAD, *registers(description, ROLES), *_begin(description), *_axons(description), *_neurons(description), *_sums(description)]
    lines += [*_decisions(description), "    if _n == 0:", "        return", *_visit(description)]
    if description.reads("synapse", "draw"):
        lines.append("    count_draws(_counts, _n_rows * _n)")
    lines += [
        f"    {accesses(description, 'synapses.learners')}", "    count_updates(_counts, _n_rows * _n, _unchanged)",
        *_biases(description),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _begin(description: Description) -> list[str]:
    lines = ["    if _ask == Ask.BEGIN:"]
    for kind, (store, n) in STORES.items():
        for k, state in enumerate(description.states[kind].values()):
            lines += [] if state.lasts else [f"        {store}[{k} * {n} : {k + 1} * {n}] = 0"]
    return [*lines, "        return"]


def _loaded(description: Description, kind: str, role: str, at: str, indent: str) -> list[str]:
    """Load the states of axon or neuron `at` that a function reads."""
    store, n = STORES[kind]
    states = enumerate(description.states[kind])
    return [f"{indent}{own(name)} = int({store}[{k} * {n} + {at}])" for k, name in states if description.reads(role, name)]


def _updated(description: Description, kind: str, at: str, indent: str) -> list[str]:
    """Bring the states of axon or neuron `at` up to date: all from what they were."""
    (store, n), function = STORES[kind], description.functions[kind]
    lines = [*_loaded(description, kind, kind, at, indent), *assigned(kind, function, indent)]
    lines += [f"{indent}_then_{k} = int({result(kind, function, k)})" for k in range(len(function.results))]
    return [*lines, *(f"{indent}{store}[{k} * {n} + {at}] = _then_{k}" for k in range(len(function.results)))]


def _axons(description: Description) -> list[str]:
    lines = ["    if _ask == Ask.AXONS:"]
    if description.axon:
        lines += [
            "        for _i in range(_n_axons):",
            "            spiked = 1 if _n < _n_rows and rows[_n] == _i else 0",
            "            _n += spiked",
            *_updated(description, "axon", "_i", " " * 12),
        ]  # fmt: skip
    return [*lines, "        return"]


def _neurons(description: Description) -> list[str]:
    lines, indent = ["    if _ask == Ask.NEURONS:"], " " * 12
    if description.neuron:
        lines += [
            "        for _unit in range(int(_param[P.N_NEURONS])):",
            f"{indent}_slot = _unit // int(_param[P.CHANNELS]) * int(_param[P.STRIDE]) + _unit % int(_param[P.CHANNELS])",
            f"{indent}fired = 1 if _n < neurons.shape[0] and neurons[_n] == _unit else 0", f"{indent}_n += fired",
        ]  # fmt: skip
        if description.reads("neuron", "v"):
            lines.append(f"{indent}v = int(traces[_slot])")
        if description.reads("neuron", "taught"):
            lines.append(f"{indent}taught = 0 if _call[Call.TAUGHT] < 0 else 1 if _call[Call.TAUGHT] == _unit else -1")
        lines += _updated(description, "neuron", "_slot", indent)
    return [*lines, "        return"]


def _sums(description: Description) -> list[str]:
    """Find what the decisions of one location have in common."""
    lines = [f"    {name} = int(_call[Call.{name.upper()}])" for name in ("reward", "sweep") if description.reads("decide", name)]
    if description.reads("decide", "x_sum"):
        first = "int(_axon_state[traces[_a]])" if description.axon else "0"
        lines += ["    x_sum = 0", "    for _a in range(_n_rows):", f"        x_sum += {first}"]
    if description.reads("decide", "rows"):
        lines.append("    _rows = max(1, _n_rows)")
    return lines


def _decisions(description: Description) -> list[str]:
    """List the events that are learned from: neurons in `learners`, numbers that are told in `told`."""
    decide, indent, draws, n = description.functions["decide"], " " * 8, description.reads("decide", "draw"), len(description.told)
    lines = is_drawn(description) if draws else []
    lines.append("    for _e in range(neurons.shape[0]):")
    if "signal" in decide.arguments:
        lines.append(f"{indent}signal = int(signs[_e])")
    if draws:
        lines.append(f"{indent}draw = word(synapses) if _is_drawn else 0")
    lines += _loaded(description, "neuron", "decide", "_call[Call.SLOT] + neurons[_e]", indent)
    lines += [*assigned("decide", decide, indent), f"{indent}synapses.learners[_n] = neurons[_e]"]
    lines += [f"{indent}_told[_n * {n} + {k}] = {result('decide', decide, k)}" for k in range(n)]
    lines.append(f"{indent}_n += int(_told[_n * {n}] != 0)")
    if draws:
        lines += ["    if _is_drawn:", "        count_draws(_counts, neurons.shape[0])"]
    return lines


def _recalled(description: Description, role: str, indent: str) -> list[str]:
    """Recall what the function of a role reads of what was decided for event _k."""
    told, function = description.told, description.functions[role]
    read = [(k, name) for k, name in enumerate(told) if name in function.arguments or (role == "bias" and name == "bias_told")]
    return [f"{indent}{own(name)} = int(_told[_k * {len(told)} + {k}])" for k, name in read]


def _visit(description: Description) -> list[str]:
    """Visit the rows of each event."""
    synapse, indent = description.functions["synapse"], " " * 12
    lines = ["    for _k in range(_n):", "        _neuron = uint64(synapses.learners[_k])", *_recalled(description, "synapse", " " * 8)]
    lines += ["        for _a in range(_n_rows):", f"{indent}_at = uint64(rows[_a]) * _stride + _neuron"]
    lines += _loaded(description, "axon", "synapse", "int(traces[_a])", indent)
    if "draw" in synapse.arguments:
        lines.append(f"{indent}draw = word(synapses)")
    lines.append(f"{indent}w = int(_weight[_at])")
    lines += [f"{indent}{own(name)} = int(_tag[uint64({k}) * _fields + _at])" for k, name in enumerate(description.synapse)]
    lines += [*assigned("synapse", synapse, indent), f"{indent}_kept = {result('synapse', synapse)}"]
    tags = list(enumerate(description.synapse, start=1))
    lines += [f"{indent}_then_{k} = int({result('synapse', synapse, k)})" for k, _ in tags]
    lines.append(f"{indent}_weight[_at] = _kept")
    lines += [f"{indent}_tag[uint64({k - 1}) * _fields + _at] = _then_{k}" for k, _ in tags]
    same = " and ".join(["_kept == w", *(f"_then_{k} == {own(name)}" for k, name in tags)])
    return [*lines, f"{indent}_unchanged += int({same})"]


def _biases(description: Description) -> list[str]:
    if "bias" not in description.functions:
        return []
    bias, indent = description.functions["bias"], " " * 8
    lines = ["    _visited, _changed = 0, 0", "    for _k in range(_n):", *_recalled(description, "bias", indent)]
    if "bias_told" in description.told:
        lines.append(f"{indent}if bias_told != 0:")
        indent += "    "
    if description.reads("bias", "own"):
        lines.append(f"{indent}for _j in range(int(_param[P.CHANNELS])):")
        indent += "    "
        lines.append(f"{indent}own = 1 if _j == synapses.learners[_k] else 0")
    else:
        lines.append(f"{indent}_j = int(synapses.learners[_k])")
    return [
        *lines, *_loaded(description, "neuron", "bias", "_call[Call.SLOT] + _j", indent), f"{indent}b = int(synapses.bias[_j])",
        *assigned("bias", bias, indent), f"{indent}_kept = {result('bias', bias)}", f"{indent}synapses.bias[_j] = _kept",
        f"{indent}_visited += 1", f"{indent}_changed += int(_kept != b)",
        "    count_biases(_counts, _changed, _visited - _changed)",
    ]  # fmt: skip
