"""What was broken on the chip of a run, for summary.json."""

from neurochip.core.faults import Upset
from neurochip.runfile.summary import FaultFacts, FaultLayer
from neurochip.simulator.fault_list import KINDS
from neurochip.simulator.simulator import Simulator


def fault_facts(simulator: Simulator) -> FaultFacts | None:
    """Return the faults of a run's chip, layer by layer; None of a sound one."""
    faults, mapping, upset = simulator.faults, simulator.mapping, simulator.state.upset
    if faults is None:
        return None
    layers = []
    for layer in mapping.layers:
        cores = mapping.cores_of(layer.index)
        counts = {kind: sum(faults.cores[c].counts[kind] for c in cores) for kind in KINDS}
        happened = {key: int(upset[cores, at].sum()) if len(upset) else 0 for key, at in (("flipped", Upset.FLIPPED), ("lost", Upset.LOST))}
        bits = sum(mapping.cores[c].memory_bits for c in cores)
        layers.append(FaultLayer(name=layer.name, weight_bits=bits, **counts, **happened))
    return FaultFacts(
        seed=faults.seed,
        from_epoch=str(faults.model.from_epoch),
        flip_rate=faults.model.flips,
        loss_rate=faults.model.loss_rate,
        layers=layers,
    )
