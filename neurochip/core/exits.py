"""Early exit: how far the leading read-out register is ahead, and what an evaluation keeps of it, for one margin or for many at once."""

from neurochip.core import rng
from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel, outlined
from neurochip.core.cores import core_view
from neurochip.core.rng import RngParam, Sharing
from neurochip.core.vectors import Model, P, Run

MOST_LEAD = (1 << 31) - 1
NO_LEAD = -1  # of a tick that was not read out or not run


@outlined
def lead_of(votes):
    """Return how far the largest read-out register is ahead of the second largest, at most MOST_LEAD: that of a single register, too."""
    best = int(votes[0])
    second = best - MOST_LEAD
    for k in range(1, votes.shape[0]):
        value = int(votes[k])
        if value > best:
            best, second = value, best
        elif k == 1 or value > second:
            second = value
    return min(best - second, MOST_LEAD)


@outlined
def margins_reached(margins, reached, lead):
    """Return how many of the ascending `margins` a sample has reached: `reached` of them before, and those that this lead is enough for."""
    while reached < margins.shape[0] and lead >= margins[reached]:
        reached += 1
    return reached


@outlined
def book(spent, row, counts, cycles, sign):
    """Add (sign 1) or take away (-1) the chip's counters and cycles as they stand in a row of `spent`: the difference is what was spent."""
    n, of_events, of_cycles = counts.size, borrow(counts, 0, (counts.size,)), borrow(cycles, 0, (cycles.size,))
    for i in range(n):
        spent[row, i] += sign * of_events[i]
    for i in range(cycles.size):
        spent[row, n + i] += sign * of_cycles[i]


@outlined
def keep_answer(answers, row, votes, is_read):
    """Keep the class with the largest read-out register, the lowest on a tie, in entry `row`; -1 if nothing was read out yet."""
    best = 0
    for k in range(votes.shape[0]):
        best = k if votes[k] > votes[best] else best
    answers[row] = best if is_read else -1


@kernel
def is_settled(run, tick, votes):
    """Return True if the sample ends after this tick, as one read-out register is ahead by the margin."""
    may_end = run[Run.EXIT_MARGIN] > 0 and tick >= run[Run.READ_FROM] and tick + 1 >= run[Run.EXIT_MIN_TICKS]
    return may_end and lead_of(votes) >= run[Run.EXIT_MARGIN]


@kernel
def keep_tick(chip, run, row, tick, votes, reached):
    """Keep what an evaluation wants of a tick: answer, lead, and how many margins were `reached`, which it returns."""
    is_read = tick >= run[Run.READ_FROM]
    if chip.answers.shape[0] > 0:
        keep_answer(chip.answers, row, votes, is_read)
    if chip.leads.shape[0] > 0:
        chip.leads[row] = lead_of(votes) if is_read else NO_LEAD
        before = reached
        if is_read and tick + 1 >= run[Run.EXIT_MIN_TICKS]:
            reached = margins_reached(chip.margins, before, int(chip.leads[row]))
        if reached != before:
            book(chip.spent, before, chip.counts, chip.cycles, 1)
            book(chip.spent, reached, chip.counts, chip.cycles, -1)
    return reached


@kernel
def keep_sample(chip, run, s, n_ticks, reached):
    """Keep what an evaluation wants of a sample of n_ticks ticks: after an early end the answer stays."""
    first, end = s * run[Run.TICKS] + n_ticks, (s + 1) * run[Run.TICKS]
    if chip.answers.shape[0] > 0:
        chip.answers[first:end] = chip.answers[first - 1]
    if chip.leads.shape[0] > 0:
        chip.leads[first:end] = NO_LEAD
        chip.shown[s] = n_ticks
        book(chip.spent, reached, chip.counts, chip.cycles, 1)


@kernel
def advance_encoders(chip, jump):
    """Bring the generators of the first cores' encoders to where they are after a sample; shared ones step in every tick instead."""
    if chip.rng_param[RngParam.SHARING] == Sharing.PER_UNIT:
        for c in range(chip.param.shape[0]):
            if chip.param[c, P.IS_FIRST]:
                rng.advance(core_view(chip, c, 0).rng_axon, jump)


@kernel
def step_encoders(chip, n_ticks):
    """Do what `advance_encoders` does for a sample that ended after n_ticks ticks."""
    if chip.rng_param[RngParam.SHARING] == Sharing.PER_UNIT:
        for c in range(chip.param.shape[0]):
            if chip.param[c, P.IS_FIRST]:
                core = core_view(chip, c, 0)
                for _ in range(n_ticks):
                    rng.step(core.rng_axon, core.rng_axon.shape[0], core.rng_param)


@kernel
def skip_ticks(chip, n_ticks, has_events):
    """Step the free-running generators, but those of encoders with one per unit, as n_ticks ticks would that are not run."""
    per_unit = chip.rng_param[RngParam.SHARING] == Sharing.PER_UNIT
    for c in range(chip.param.shape[0]):
        core = core_view(chip, c, 0)
        for _ in range(n_ticks):
            if core.param[P.MODEL] == Model.STOCHASTIC:
                rng.step(core.rng_neuron, core.rng_neuron.shape[0] if per_unit else 1, core.rng_param)
            if core.param[P.CANDIDATES] > 1:
                rng.step(core.rng_pool, core.rng_pool.shape[0] if per_unit else 1, core.rng_param)
            if core.param[P.IS_FIRST] and not per_unit and not has_events:
                rng.step(core.rng_axon, 1, core.rng_param)


@kernel
def end_sample(chip, run, jump, n_ticks, has_events):
    """Bring generators to where they are after a sample that had n_ticks ticks."""
    is_short = n_ticks < run[Run.TICKS]
    if is_short and run[Run.EXIT_SKIPS] != 0:
        skip_ticks(chip, run[Run.TICKS] - n_ticks, has_events)
    if has_events:
        return
    if is_short and run[Run.EXIT_SKIPS] == 0:
        step_encoders(chip, n_ticks)
    else:
        advance_encoders(chip, jump)
