"""The compiled hook of a rule: its functions' text put into the one loop of its visit, with the counts of what it touches."""

import linecache

from neurochip.core.hooks import rule_hook
from neurochip.core.language import walk
from neurochip.core.language.described import Description
from neurochip.core.language.expressions import Function, is_plain_step
from neurochip.core.language.keeping import keeping_text
from neurochip.core.language.placed import accesses, assigned, is_drawn, own, registers, result
from neurochip.core.language.ranges import Range

HEAD = """def hook(synapses, rule_param, rows, traces, neurons, signs):
    _param, _counts, _n, _unchanged, _n_rows = synapses.param, synapses.counts, 0, 0, rows.shape[0]
    _weight, _stride = borrow(synapses.weight, 0, (synapses.weight.size,)), uint64(synapses.param[P.STRIDE])
"""


def hook_of(description: Description, module: str):
    """Compile the hook of a rule whose file is `module`."""
    text, name = keeping_text(description) if description.keeps_states else hook_text(description), f"<hook of {module}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)  # for a traceback of interpreted code
    scope = {**vars(walk), "__name__": module}
    exec(compile(text, name, "exec"), scope)
    return rule_hook(scope["hook"])


def hook_text(description: Description) -> str:
    """Write the hook of a rule in Python: HOOK of core/hooks.py.

    All decisions of a location are taken first, in the events' order; then each event's rows are visited, in order; then biases.
    """
    decide = description.functions["decide"]
    always = not description.reads("decide", "draw") and not _can_be_zero(description) and not description.steps_alone
    lines = [HEAD.rstrip("\n"), *registers(description, ("draws", "decide", "synapse", "bias")), *_sums(description)]
    if not always:
        lines += _decisions(description, decide)
        if description.steps_alone:  # asked for its decisions alone: core/blocked.py
            lines += ["    if synapses.told.shape[0] > 0:", "        synapses.told[0] = _n"]
        lines += ["    if _n == 0:", "        return"]
    events = ("neurons", "neurons.shape[0]") if always else ("synapses.learners", "_n")
    lines += [f"    _events, _n = {events[0]}, {events[1]}", "    for _k in range(_n):", *_told(description, decide, always, "        ")]
    lines += _visit(description)
    if description.reads("synapse", "draw"):
        lines.append("    count_draws(_counts, _n_rows * _n)")
    lines += [
        f"    {accesses(description, '_events')}", "    count_updates(_counts, _n_rows * _n, _unchanged)",
        *_biases(description, decide, always),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _can_be_zero(description: Description) -> bool:
    low, high = description.ranges("decide").results[0]
    return low <= 0 <= high


def _sums(description: Description) -> list[str]:
    found = ["    x_sum = sum_of(traces)"] if description.reads("decide", "x_sum") else []
    return found + (["    _rows = max(1, _n_rows)"] if description.reads("decide", "rows") else [])


def _decisions(description: Description, decide: Function) -> list[str]:
    """List the events that are learned from: neurons in `learners`; in `steps` what synapses are told, or the event if that is more."""
    lines, draws = [], description.reads("decide", "draw")
    if draws:
        lines += is_drawn(description)
    lines.append("    for _e in range(neurons.shape[0]):")
    if "signal" in decide.arguments:
        lines.append("        signal = int(signs[_e])")
    if draws:
        lines.append("        draw = word(synapses) if _is_drawn else 0")
    lines += [*assigned("decide", decide, "        "), f"        told = int({result('decide', decide)})"]
    kept = "told" if len(description.told) == 1 else "_e"
    lines += [f"        synapses.learners[_n], synapses.steps[_n] = neurons[_e], {kept}", "        _n += told != 0"]
    if draws:
        lines += ["    if _is_drawn:", "        count_draws(_counts, neurons.shape[0])"]
    return lines


def _told(description: Description, decide: Function, always: bool, indent: str) -> list[str]:
    """Recall what was decided for event _k."""
    if not always and len(description.told) == 1:
        return [f"{indent}told = int(synapses.steps[_k])"]
    event = "_k" if always else "synapses.steps[_k]"
    signal = [f"{indent}signal = int(signs[{event}])"] if "signal" in decide.arguments else []
    given = [f"{indent}{own(name)} = int({result('decide', decide, k)})" for k, name in enumerate(description.told)]
    return [*signal, *assigned("decide", decide, indent), *given]


def _visit(description: Description) -> list[str]:
    """Visit the rows of one event."""
    synapse, indent = description.functions["synapse"], " " * 12
    lines = [f"{indent}_at = uint64(rows[_a]) * _stride + _neuron"]  # unsigned: no test for an index from the end
    lines += [f"{indent}{own(name)} = int(traces[_a])" for name in description.axon if name in synapse.arguments]
    if "draw" in synapse.arguments:
        lines.append(f"{indent}draw = word(synapses)")
    lines.append(f"{indent}w = int(_weight[_at])")
    head = ["        _neuron = uint64(_events[_k])"]
    if _is_step(description):
        head.append("        _rail = w_max if told > 0 else w_min")
        lines += [f"{indent}_stuck = w == _rail", f"{indent}_weight[_at] = w if _stuck else w + told", f"{indent}_unchanged += _stuck"]
    else:
        lines += [
            *assigned("synapse", synapse, indent), f"{indent}_kept = {result('synapse', synapse)}", f"{indent}_weight[_at] = _kept",
            f"{indent}_unchanged += _kept == w",
        ]  # fmt: skip
    return [*head, "        for _a in range(rows.shape[0]):", *lines]


def _is_step(description: Description) -> bool:
    """Tell whether a synapse does no more than saturate(w + told, weight_bits) with steps of one, whose sign decides the rail.

    One comparison, with the weight as it was, is then both the clamp and the count: min and max would make two jumps of it.
    """
    return is_plain_step(description.functions["synapse"], "w") and description.ranges("decide").results[0] == Range(-1, 1)


def _biases(description: Description, decide: Function, always: bool) -> list[str]:
    if "bias" not in description.functions:
        return []
    bias, all_of_them = description.functions["bias"], description.reads("bias", "own")
    lines = ["    _visited, _changed = 0, 0", "    for _k in range(_n):", *_told(description, decide, always, "        ")]
    indent = "        "
    if "bias_told" in description.told:
        lines.append("        if bias_told != 0:")
        indent += "    "
    if all_of_them:
        lines.append(f"{indent}for _j in range(int(_param[P.CHANNELS])):")
        indent += "    "
        lines.append(f"{indent}own = 1 if _j == _events[_k] else 0")
    else:
        lines.append(f"{indent}_j = _events[_k]")
    return [
        *lines, f"{indent}b = int(synapses.bias[_j])", *assigned("bias", bias, indent), f"{indent}_kept = {result('bias', bias)}",
        f"{indent}synapses.bias[_j] = _kept", f"{indent}_visited += 1", f"{indent}_changed += _kept != b",
        "    count_biases(_counts, _changed, _visited - _changed)",
    ]  # fmt: skip
