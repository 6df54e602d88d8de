"""What summary.json and run.h5 say of a layer."""

from neurochip.mapping.place import Mapping
from neurochip.runfile.summary import LayerFacts


def layer_facts(mapping: Mapping, i: int) -> LayerFacts:
    """Return what summary.json and run.h5 say of a layer's shape; words are those of all its cores."""
    layer, widths, cores = mapping.layers[i], mapping.widths_of(i), [mapping.cores[c] for c in mapping.cores_of(i)]
    return LayerFacts(
        name=layer.name,
        kind=layer.model.kind,
        neuron=layer.model.neuron.model,
        shape=layer.shape,
        axons=layer.source_units,
        neurons=layer.shape.units,
        weight_bits=widths.weight_bits,
        frac_bits=widths.frac_bits,
        field_bits=widths.field_bits,
        rows=layer.rows,
        n_weights=layer.n_weights * mapping.tiles_of(i),
        memory_words=sum(core.memory_words for core in cores),
        cores=len(cores),
    )
