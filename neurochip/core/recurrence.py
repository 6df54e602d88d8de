"""A recurrent layer: what its core sent in the tick before comes back to it, as spikes of its last axons, without a packet.

What was sent stays in the list of sent units until the somas fire again; in hardware one flip-flop per neuron. A sample begins with none.
"""

from neurochip.core.compiled import outlined
from neurochip.core.vectors import P, Queue


@outlined
def take_own_spikes(core):
    """Append the units that spiked in the tick before to the queue of spikes: they come behind all others, ascending."""
    n, sent, first = core.queue[Queue.SPIKES], core.queue[Queue.SENT], core.param[P.FED_AXONS]
    for k in range(sent):
        core.axons[n + k] = first + core.sent[k]
    core.queue[Queue.SPIKES] = n + sent
