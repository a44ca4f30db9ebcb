"""Statistics of a study, on plain arrays: one comparison paired by seed, and several made together."""

from gnn_dml.results.statistics.clustered import Clustered, clustered_intervals
from gnn_dml.results.statistics.equivalence import equivalence_p
from gnn_dml.results.statistics.family import Compared, Verdict, family, verdict_of
from gnn_dml.results.statistics.paired import Paired, paired
from gnn_dml.results.statistics.power import seeds_needed, smallest_difference

__all__ = [
    "Clustered",
    "Compared",
    "Paired",
    "Verdict",
    "clustered_intervals",
    "equivalence_p",
    "family",
    "paired",
    "seeds_needed",
    "smallest_difference",
    "verdict_of",
]
