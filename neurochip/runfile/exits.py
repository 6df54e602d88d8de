"""What `summary.json` says of the ticks of test samples, and of ending them early."""

from pydantic import Field

from neurochip.runfile.costs import Count, Form, Number


class ExitPoint(Form):
    """What the last evaluation would have been with a margin, counted in it: per test sample, up to the end that the margin gives it."""

    margin: Number = Field(description="in `unit`, as the chip holds it")
    accuracy: Number = Field(description="share of right answers")
    ticks: Number = Field(description="mean ticks")
    latency_us: Number = Field(description="mean latency")
    energy_nj: Number = Field(description="mean energy")


class EarlyExit(Form):
    """Ticks of the test samples, and what a margin between the two largest read-out registers would make of them."""

    unit: str = Field(description="of margins: `potentials` of one (the output's weights of 1.0, summed), or `wins`")
    margin: Number | None = Field(description="`[run] exit.margin` as the chip holds it; `null`: no sample ended early")
    margin_lsb: Count | None = Field(description="the same in LSB of the output layer, or wins")
    min_ticks: Count = Field(description="no sample ends before so many ticks")
    mean_ticks: Number = Field(description="mean ticks of a test sample")
    histogram: list[Count] = Field(description="`[t]`: test samples that had t + 1 ticks")
    curve: list[ExitPoint] = Field(description="by margin, ascending; of a run that ended samples early up to its own")
