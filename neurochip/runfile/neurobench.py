"""What `summary.json` says of a run in the terms of NeuroBench."""

from pydantic import Field

from neurochip.runfile.costs import Form, Number

VERSION = "2.3.0"
"""Of the harness (package neurobench) whose definitions these are, and with which they were compared."""


class Operations(Form):
    """Operations per sample; a bias is none. A MAC is one of graded inputs: here all are spikes."""

    Effective_MACs: Number = Field(description="multiplications and additions: 0, all inputs are spikes")
    Effective_ACs: Number = Field(description="additions of weights that are not 0; zeros weighted by how often their inputs spike")
    Dense: Number = Field(description="those of a net without any zero in inputs and weights: MACs of the topology times ticks")


class NeuroBench(Form):
    """The algorithm metrics of NeuroBench (Yik et al. 2025) over the test, by their names there."""

    version: str = Field(description="version of the harness whose definitions are followed")
    Footprint: Number = Field(description="bytes: weights and biases as wide as the chip holds them, and states of neurons")
    ConnectionSparsity: Number = Field(description="share of the weights that are 0; a shared kernel counts once")
    ActivationSparsity: Number = Field(description="share of neurons and ticks without a spike, of layers that fire")
    SynapticOperations: Operations = Field(description="per sample")
    ClassificationAccuracy: Number = Field(description="test accuracy")
