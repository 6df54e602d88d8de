"""Early exit: how far the leading read-out register is ahead, and what an evaluation keeps of it, for one margin or for many at once."""

from neurochip.core import rng
from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel, outlined
from neurochip.core.cores import core_view
from neurochip.core.rng import RngParam, Sharing
from neurochip.core.vectors import Model, P, Run

MOST_LEAD = (1 << 31) - 1
WHOLE = 32  # counters are booked in so many at a time: those behind a remainder are added and taken away alike
NO_LEAD = -1  # of a tick that was not read out or not run


@outlined
def standing_of(votes):
    """Return the largest read-out register, the lowest on a tie, and how far it is ahead of the second largest.

    That is at most MOST_LEAD: of a single register, too.
    """
    leader, best, second = 0, int(votes[0]), int(votes[0]) - MOST_LEAD
    for k in range(1, votes.shape[0]):  # without a branch on what is read out, which no processor foresees
        value = int(votes[k])
        is_ahead = value > best
        second = best if is_ahead else value if k == 1 else max(second, value)
        leader = k if is_ahead else leader
        best = max(best, value)
    return leader, min(best - second, MOST_LEAD)


@kernel
def lead_of(votes):
    """Return how far the largest read-out register is ahead of the second largest."""
    return standing_of(votes)[1]


@outlined
def margins_reached(margins, reached, lead):
    """Return how many of the ascending `margins` a sample has reached: `reached` of them before, and those that this lead is enough for."""
    while reached < margins.shape[0] and lead >= margins[reached]:
        reached += 1
    return reached


@outlined
def book(spent, before, after, counts, cycles, n_live):
    """Add the chip's counters and cycles as they stand to row `before` of `spent`, and take them away from row `after`; -1: none.

    So each row adds up to what was spent from the one time to the other. The first n_live counters of a core alone can change in this call.
    """
    n_cores, width = counts.shape
    n = min(width, (n_live + WHOLE - 1) // WHOLE * WHOLE)
    for c in range(n_cores):
        book_some(spent, before, after, c * width, borrow(counts, c * width, (n,)))
    book_some(spent, before, after, n_cores * width, borrow(cycles, 0, (cycles.size,)))


@kernel
def book_some(spent, before, after, first, values):
    """Add some values to a row of `spent` from entry `first` on, and take them away from another."""
    n, width = values.shape[0], spent.shape[1]
    row, other = borrow(spent, max(before, 0) * width + first, (n,)), borrow(spent, max(after, 0) * width + first, (n,))
    if before >= 0 and after >= 0:
        for i in range(n):
            row[i] += values[i]
            other[i] -= values[i]
    elif before >= 0:
        for i in range(n):
            row[i] += values[i]
    else:
        for i in range(n):
            other[i] -= values[i]


@kernel
def is_settled(run, tick, votes):
    """Return True if the sample ends after this tick, as one read-out register is ahead by the margin."""
    may_end = run[Run.EXIT_MARGIN] > 0 and tick >= run[Run.READ_FROM] and tick + 1 >= run[Run.EXIT_MIN_TICKS]
    return may_end and lead_of(votes) >= run[Run.EXIT_MARGIN]


@kernel
def keep_tick(chip, run, row, tick, votes, reached, n_live):
    """Keep what an evaluation wants of a tick: answer, lead, and how many margins were `reached`, which it returns."""
    if chip.answers.shape[0] == 0 and chip.leads.shape[0] == 0:
        return reached
    is_read = tick >= run[Run.READ_FROM]
    leader, lead = standing_of(votes)
    if chip.answers.shape[0] > 0:
        chip.answers[row] = leader if is_read else -1
    if chip.leads.shape[0] > 0:
        chip.leads[row] = lead if is_read else NO_LEAD
        before = reached
        if is_read and tick + 1 >= run[Run.EXIT_MIN_TICKS]:
            reached = margins_reached(chip.margins, before, lead)
        if reached != before:
            book(chip.spent, before, reached, chip.counts, chip.cycles, n_live)
    return reached


@kernel
def keep_sample(chip, run, s, n_ticks, reached, n_live):
    """Keep what an evaluation wants of a sample of n_ticks ticks: after an early end the answer stays."""
    first, end = s * run[Run.TICKS] + n_ticks, (s + 1) * run[Run.TICKS]
    if chip.answers.shape[0] > 0:
        chip.answers[first:end] = chip.answers[first - 1]
    if chip.leads.shape[0] > 0:
        chip.leads[first:end] = NO_LEAD
        chip.shown[s] = n_ticks
        book(chip.spent, reached, -1, chip.counts, chip.cycles, n_live)


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
