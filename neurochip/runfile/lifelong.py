"""What `summary.json` says of tasks that were learned one after another."""

from pydantic import Field

from neurochip.runfile.costs import Count, Form, Number


class Lifelong(Form):
    """Tasks learned one after another. Every test is over all outputs: nobody tells the chip which task it is in."""

    tasks: list[list[Count]] = Field(description="classes of each task")
    accuracy: list[list[Number]] = Field(description="`[i][j]`: after task i, test accuracy on the classes of task j, 0..1")
    seen: list[Number] = Field(description="after each task, test accuracy on all classes learned so far")
    mean_at_end: Number = Field(description="mean over the tasks at the end")
    forgetting: Number = Field(
        description="mean over all tasks but the last: the best accuracy that it had before the end, less that at the end"
    )
    samples: list[Count] = Field(description="samples shown in each task, kept ones and repetitions included")
    energy_nj: list[Number] = Field(description="energy of learning each task, in nJ")
    time_us: list[Number] = Field(description="the chip's time for it, in us")
    replay_bits: Count = Field(description="bits of samples that the host keeps at the end; they are not on the chip and in no energy")
