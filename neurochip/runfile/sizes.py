"""What a chip is in silicon and how its parts were used: the parts of summary.json beside the counts, as built and at the size in use."""

from pydantic import Field

from neurochip.runfile.costs import BothSets, Count, Form, Number, Range


class Silicon(Form):
    """Area of the cores in use as the chip builds them, and the largest clock, before layout."""

    cores: Count = Field(description="cores in use")
    logic_um2: Number = Field(description="area of their logic")
    memory_um2: Number | None = Field(description="area of their memories; `null` if the table's macros have no area")
    clock_mhz: Number = Field(description="largest clock of the slowest core in use")
    slowest_core: str = Field(description="roles of that core")
    left_out: str = Field(description="what is not in these figures")


class CoreSize(Form):
    """A core in silicon."""

    name: str = Field(description="name of the core")
    roles: list[str] = Field(description="`first`: takes the input, `last`: finds the winner, else `inner`")
    axons: Count = Field(description="axons")
    neurons: Count = Field(description="neurons")
    logic_um2: Number | None = Field(description="area of its logic; `null` if the table has no areas")
    logic_um2_range: Range | None = Field(description="lowest and highest, by the table and by how far the core is from those measured")
    macros: Count = Field(description="memory macros")
    macro: str = Field(default="", description="words x bits of a macro and where its figures are from; empty in a table without macros")
    memory_um2: Number | None = Field(description="area of its macros; `null` if the table has none")
    clock_mhz: Number | None = Field(description="its largest clock; `null` if the table has no paths")
    logic_uw: Number = Field(description="leakage of its logic")
    memory_uw: Number = Field(description="leakage of its macros")
    waiting_uw: Number = Field(description="power of its clock while it waits; 0 if it is stopped then, or not priced")
    kind: str = Field(description="how its logic is known: a kind of price")


class ChipSize(Form):
    """The cores in use, as the chip builds them or at the size in use, and what the counted work costs such a chip."""

    cores: list[CoreSize] = Field(description="in the order of the layers")
    inference_nj: Number = Field(description="energy of an inference, mean over the last evaluation")
    inference_nj_range: Range = Field(description="lowest and highest, by the bounds of the prices")
    training_nj: Number | None = Field(description="energy of a training sample; `null` without training")
    training_nj_range: Range | None = Field(description="lowest and highest, by the bounds of the prices")
    leakage_nj: Number = Field(description="of an inference's energy, what leaks")

    def total(self, name: str) -> float | None:
        """Return the sum of a figure over the cores; None where one of them does not know it."""
        values = [getattr(core, name) for core in self.cores]
        return None if None in values else sum(values)

    @property
    def area_um2(self) -> float | None:
        """Area of logic and memory; None without one of the two."""
        logic, memory = self.total("logic_um2"), self.total("memory_um2")
        return None if logic is None or memory is None else logic + memory

    @property
    def slowest(self) -> CoreSize | None:
        """The core that sets the largest clock; None without paths."""
        return min((core for core in self.cores if core.clock_mhz), key=lambda core: core.clock_mhz or 0.0, default=None)


class Sizes(Form):
    """A chip in its two sizes: energies of layers and cores elsewhere in this file are those of the size in use."""

    built: ChipSize = Field(description="with all axons, neurons and banks that the chip file gives a core")
    used: ChipSize = Field(description="with the axons, neurons and banks in use alone")
    chip_cores: Count = Field(description="cores of the chip, with those that hold nothing")
    not_priced: list[str] = Field(description="what these figures do not move with, in words")


class Use(Form):
    """The use of a core's parts, as shares 0..1; `null` of what did not happen."""

    row_port: Number | None = Field(description="share of the core's busy cycles in which a row of the memory was accessed")
    column_port: Number | None = Field(description="the same of columns")
    words: Number | None = Field(description="share of the words side by side in an access that were wanted")
    adders: Number | None = Field(description="share of the adders that added, in accesses that are integrated")
    somas: Number | None = Field(description="share of the somas that evaluated a neuron, in cycles that evaluate")
    inputs: Number | None = Field(description="share of the inputs that took an intensity, in cycles that take any")


class CoreUse(Form, BothSets[Use]):
    """Use of a core's parts."""

    train: Use = Field(description="in training")
    test: Use = Field(description="in the last evaluation")
