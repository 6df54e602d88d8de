"""The oracle of a broken chip: docs/howto/faults.md said once more, on the cores of `chip.py`, cell by cell and bit by bit.

A chip of `chip.py` with "core_of": Core, and of every part "faults": {
    "cells": {(row, channel): (bits that are kept, bits that are forced)}, rows in the order of the layer,
    "neuron_words", "axon_words": {local unit or axon: likewise}, "learn_word": likewise, "dead": set of local units,
    "rows": the layer's rows in the order of the core's memory, "flips", "losses": None or {"word", "gap", "odds": [...]}: both draw from
    one state, that of "flips" if there are any}
"""

from neurochip.core.events import Event, Phase
from oracles import chip as chip_oracle


def with_faults(value, kept, forced):
    """A number of two's complement with bits that are kept and bits that are forced."""
    return (value & kept) | forced


class Upsets:
    """Bits that go wrong now and then: a count-down from one to the next, whose binary digits are drawn one by one."""

    def __init__(self, state, gap, odds):
        self.state, self.gap, self.odds = state, gap, odds

    def word(self):
        x = self.state["word"]
        x ^= (x << 13) % 2**32
        x ^= x >> 17
        x ^= (x << 5) % 2**32
        self.state["word"] = x
        return x

    def goes_wrong(self):
        """One more bit: does it go wrong?"""
        if self.gap > 0:
            self.gap -= 1
            return False
        self.gap = sum(2**k for k, odd in enumerate(self.odds) if odd and self.word() < odd)
        return True


class Core(chip_oracle.Core):
    """A core with faults."""

    def __init__(self, chip, number):
        super().__init__(chip, number)
        self.broken, self.is_connected = self.layer["faults"], False
        if chip.get("on_spikes"):
            self.chip = {**chip, "on_spikes": self.learn_and_hold}
        self.flips, self.losses = (
            Upsets(self.broken["state"], *self.broken[key]) if self.broken[key] else None for key in ("flips", "losses")
        )

    def cell(self, row, channel, value):
        """What a cell holds when this is written."""
        return with_faults(value, *self.broken["cells"].get((row, channel), (-1, 0)))

    def new_sample(self):
        super().new_sample()
        if self.is_connected:
            self.lose()
        self.is_connected = True  # which begins as if it were a sample

    def lose(self):
        """Every bit of the memory may fall to 0."""
        for row in self.broken["rows"] if self.losses else ():
            for channel in range(len(self.channels)):
                for bit in range(self.layer["weight_bits"]):
                    if self.losses.goes_wrong():
                        self.set_bit(row, channel, bit, lambda value, mask: value & ~mask)

    def set_bit(self, row, channel, bit, change):
        mask = -(2**bit) if bit == self.layer["weight_bits"] - 1 else 2**bit  # the sign is all bits from there up
        self.layer["weight"][row][channel] = self.cell(row, channel, change(self.layer["weight"][row][channel], mask))

    def draw(self, phase, states, numbers):
        words = super().draw(phase, states, numbers)
        stuck = {}
        if states is self.layer["axon_states"]:
            stuck = self.broken["axon_words"]
        elif states is self.layer["neuron_states"]:
            stuck = self.broken["neuron_words"]
        return [with_faults(word, *stuck.get(unit, (-1, 0))) for unit, word in enumerate(words)]

    def draws_below(self, p):
        bits = chip_oracle.RNG_BITS[self.rng["kind"]]
        if p >= 2**bits:
            return True
        words, _ = chip_oracle.draw_words({**self.rng, "sharing": "per_unit"}, self.layer["learn_state"], 1)
        self.count(Phase.LEARN, Event.RNG_DRAW)
        return with_faults(words[0], *self.broken["learn_word"]) < p

    def heard(self, spikes):
        """Dead neurons neither spike nor take errors."""
        for unit in self.broken["dead"]:
            self.gate_is_open[unit] = False
        return [unit for unit in spikes if unit not in self.broken["dead"]]

    # -- reads that go wrong: in one phase of one tick, behind which the cell is as it was

    def misread(self, cells):
        """Of these (row, channel), in the order of access, turn bits over in a copy of the memory."""
        memory = [list(row) for row in self.layer["weight"]]
        for row, channel in cells if self.flips else ():
            for bit in range(self.layer["weight_bits"]):
                if self.flips.goes_wrong():
                    memory[row][channel] ^= -(2**bit) if bit == self.layer["weight_bits"] - 1 else 2**bit
        return memory

    def reading(self, cells, work):
        """Do the work of a phase that reads these cells."""
        kept = self.layer["weight"]
        self.layer["weight"] = self.misread(cells)
        work()
        self.layer["weight"] = kept

    def rows_of(self, axons):
        return [self.broken["rows"][i] for i in axons]  # a dense part has a row for each axon

    def integrate(self):
        if not self.flips:
            super().integrate()
            return
        channels = range(len(self.channels))
        self.reading([(row, channel) for row in self.rows_of(self.spikes_in) for channel in channels], super().integrate)

    def back_integrate(self):
        goes_back = not self.is_first and self.own_errors and self.feedback() == "transposed"
        if not (self.flips and goes_back):
            super().back_integrate()
            return
        self.reading([(row, channel) for row in self.broken["rows"] for channel, _ in self.own_errors], super().back_integrate)

    # -- what learning writes

    def hold(self, rows, channels):
        for row in rows:
            for channel in channels:
                self.layer["weight"][row][channel] = self.cell(row, channel, self.layer["weight"][row][channel])

    def learn_at(self, errors, rows):
        super().learn_at(errors, rows)
        self.hold(rows, [channel for channel, _ in errors])

    def learn_and_hold(self, core, rows, traces, fired):
        core.layer["on_spikes"](core, rows, traces, fired)
        self.hold(rows, fired)

    def miswrite(self, rows, channels):
        """The read and the write of every weight that was visited."""
        for row in [*rows, None, *rows] if self.flips else ():
            for channel in channels if row is not None else ():
                for bit in range(self.layer["weight_bits"]):
                    if self.flips.goes_wrong():
                        self.set_bit(row, channel, bit, lambda value, mask: value ^ mask)

    def writes(self):
        return self.counts[Phase.LEARN, Event.WORD_WRITE]

    def learn(self):
        before = self.writes()
        super().learn()
        if self.flips and self.writes() != before:
            self.miswrite(self.rows_of(self.spikes_in), [channel for channel, _ in self.own_errors])

    def learn_from_spikes(self):
        before = self.writes()
        super().learn_from_spikes()
        if self.flips and self.writes() != before:
            self.miswrite(self.broken["rows"], self.spikes_out)
