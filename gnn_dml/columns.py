"""The one schema of a row of results, and of its statistics: every column with its type and what it says.

`experiments` fills rows by it, `results` reads and orders them by it, docs/columns.md is made of it
(`python -m gnn_dml.columns`).
"""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """One column.

    Attributes:
        name: As it stands in the CSV.
        kind: Of its values; whole numbers stay whole where some are missing.
        text: What it says, a sentence.
        own: Whether the run itself holds it; the others belong to the study that the run is part of.
    """

    name: str
    kind: type
    text: str
    own: bool = True


COLUMNS = (
    Column("run_id", str, "Name of the run's folder; its last part is a hash of what was computed."),
    Column("study", str, "Name of the study, which is the folder that holds the runs.", own=False),
    Column("cell", str, "Name of the cell in the study; of a single run its graph, or what `cell=` says.", own=False),
    Column("overrides", str, "Settings typed for the whole study, as typed.", own=False),
    Column("seed", int, "Seed of the run."),
    Column(
        "status",
        str,
        "`finished`, `diverged` where the loss or the embeddings stopped being numbers, or `failed` by an error.",
    ),
    Column("error", str, "What ended a failed run; there only where a run of the study has failed.", own=False),
    Column("dataset", str, "Name of the data set's settings."),
    Column("content", str, "First twelve digits of the checksum of the data: lists, sizes and labels of the files."),
    Column("root", str, "Last part of the path to the data; empty for the embedded file."),
    Column("split", str, "Which split the figures without a prefix are of; empty with `protocol.test_on=none`."),
    Column("test_set", str, "First twelve digits of the checksum of the test images' names, classes and sides."),
    Column("test_images", int, "Images of the test part."),
    Column("test_classes", int, "Its classes."),
    Column("test_queries", int, "Its images that are looked up."),
    Column("test_answered", int, "Those of them with an image of their class to find; retrieval is over these."),
    Column("train_images", int, "Images trained on."),
    Column("train_classes", int, "Their classes."),
    Column("select_images", int, "Images on which the epoch was chosen."),
    Column("select_classes", int, "Their classes."),
    Column("select_answered", int, "Queries among them with an image of their class to find."),
    Column("skipped_images", int, "Images that could not be read and were left out."),
    Column("passed_over", str, "Files of the data set that were left aside: how many, by the reason."),
    Column("image_size", int, "Side of an image at test, in pixels."),
    Column("normalize", str, "How images are normalised."),
    Column("backbone", str, "Name of the backbone's settings."),
    Column("graph", str, "Name of the graph's settings; `none` without a refiner."),
    Column("topology", str, "The graph's class with its parameters; empty without a refiner."),
    Column("layer", str, "Name of the layer's settings; empty without a refiner."),
    Column("loss", str, "Name of the loss's settings, with its terms and their branches; empty without training."),
    Column("graph_k", int, "Neighbours of a node in the training graph; empty where the graph has no such number."),
    Column("num_heads", int, "Heads of the attention; empty without a refiner."),
    Column("batch", str, "Classes x images of each in a mini-batch; empty without training."),
    Column("optimizer", str, "Name of the optimiser's settings; empty without training."),
    Column("lr", float, "Learning rate of the CNN; missing without training."),
    Column("uses_labels", bool, "Whether the training graph was built from labels; they leak into the refined branch."),
    Column("test_graph", str, "How test images are refined; empty without a refiner."),
    Column("test_neighbours", int, "How many neighbours a test image has in its graph; chosen on the selecting split."),
    Column("expansion", str, "How the embedding was expanded; chosen on the selecting split, by Recall@1 + MAP@R."),
    Column("selected_on", str, "Split that chose the epoch: `val`, `test` (optimistic), or `none`; empty untrained."),
    Column("chosen_epoch", int, "The epoch whose weights are measured; 0 untrained."),
    Column("choice_note", str, "What keeps the choice of the epoch from meaning something; empty where nothing does."),
    Column("test_note", str, "What keeps the test figures from meaning something; empty where nothing does."),
    Column("epochs", int, "Epochs trained."),
    Column("refiner_rate", float, "Learning rate of the refiner as a multiple of the CNN's."),
    Column("seconds", float, "Wall-clock time of the run, reading and testing included."),
    Column("device", str, "Kind of device: cpu, cuda or mps."),
    Column("threads", int, "Threads of torch on the CPU."),
    Column("torch", str, "Version of torch."),
    Column("version", str, "Version of gnn-dml."),
    Column("versions", str, "Versions of Python and of the packages that figures depend on."),
    Column("code", str, "Classes from outside the package, by the checksum of their source."),
    Column("parameters", int, "Parameters of the trained network, frozen ones too."),
    Column("purity", float, "Share of the attention to other nodes that falls on the own class; last epoch."),
    Column("purity_chance", float, "The same of uniform attention over the same edges."),
    Column("attention_entropy", float, "Entropy of the attention over that of uniform attention; 1 is uniform."),
    Column("logit_spread", float, "Standard deviation of the attention's logits over the sources of a node."),
    Column("message_size", float, "Length of what a node is sent over the length of the node."),
    Column("ce_of_guessing", float, "Cross-entropy of the refined branch over that of guessing; 1: nothing learned."),
    Column("gradient_share", float, "Share of the gradient at the embedding that comes from the refined branch."),
    Column("gradient_cosine", float, "Cosine between the gradients of both branches there."),
    Column("graph_note", str, "What keeps the row from saying something about its graph; empty where nothing does."),
)
"""The columns that every row has, in the order of the CSV; varying settings and figures follow."""

SCORES = {
    "recall@K": "Share of queries with an image of their class among the K nearest.",
    "map@r": "Mean average precision at R.",
    "r_precision": "Share of the class among the R nearest.",
    "nmi": "Normalised mutual information of k-means clusters and classes.",
    "ami": "The same, adjusted for chance.",
}
"""Figures of one embedding, fractions of at most 1."""

BRANCHES = {
    "backbone_": "Of the CNN's own embedding, on the test classes, at the chosen epoch.",
    "expanded_": "Of the CNN's own embedding moved towards its neighbours, with nothing learned; see `expansion`.",
    "refined_": "Of the refined embedding of the same weights; missing without a refiner.",
    **{
        f"{method}_": f"{text}, of the CNN's own embedding; where `protocol.training_free` asks for it."
        for method, text in (
            ("average_qe", "Average query expansion (Chum et al. 2007)"),
            ("alpha_qe", "Alpha query expansion (Radenovic et al. 2018)"),
            ("alpha_qe_dba", "The same on queries and database"),
            ("k_reciprocal", "K-reciprocal re-ranking (Zhong et al. 2017)"),
            ("diffusion", "Diffusion (Iscen et al. 2017)"),
        )
    },
    "last_backbone_": "As `backbone_`, after the last epoch.",
    "last_expanded_": "As `expanded_`, after the last epoch; expanded as at the chosen one.",
    "last_refined_": "As `refined_`, after the last epoch.",
    "val_backbone_": "As `backbone_`, on the validation classes; no clustering.",
    "val_refined_": "As `refined_`, on the validation classes; no clustering.",
}
"""What stands before a figure's name, in the order of the CSV."""

_SECTION = (
    Column("overrides", str, "Settings typed for the whole study, as typed."),
    Column("dataset", str, "Name of the data set's settings."),
    Column("split", str, "Which split the figures without a prefix are of."),
    Column("data", str, "Its images: the name of their folder, and first digits of their checksums."),
    Column("metric", str, "Name of a column of results.csv."),
)
"""Cells that share all of these but the metric are compared, and corrected together in all metrics."""

CELL_COLUMNS = (
    Column("cell", str, "Name of the cell."),
    *_SECTION,
    Column("n", int, "Seeds that finished and measured it."),
    Column("diverged", int, "Seeds that diverged; they are left out."),
    Column("mean", float, "Mean over the seeds."),
    Column("sd", float, "Standard deviation over the seeds."),
    Column("ci_low", float, "Lower end of the 95 % interval of the mean over seeds (Student's t)."),
    Column("ci_high", float, "Its upper end."),
    Column("class_low", float, "Lower end of the 95 % interval over draws of the test classes (BCa bootstrap)."),
    Column("class_high", float, "Its upper end; both missing where a run has no `classes.csv` or this figure in it."),
    Column("mean_rank", float, "Rank among the cells by seed, mean over seeds; 1 is the highest value."),
    Column("rank_seeds", int, "Seeds that the ranks are over: those that all ranked cells finished."),
    Column("is_reference", bool, "Whether the others are compared with this cell."),
)
"""The columns of cells.csv: a row per cell and metric."""

DIFFERENCE_COLUMNS = (
    Column("cell", str, "Name of the cell."),
    Column("reference", str, "Name of the cell that it is compared with."),
    *_SECTION,
    Column("n", int, "Seeds that both finished, with the same versions of packages; all that follows is over these."),
    Column("mean", float, "Mean of the paired differences, cell minus reference."),
    Column("sd", float, "Their standard deviation."),
    Column("ci_low", float, "Lower end of the 95 % interval of the mean (Student's t), of this comparison alone."),
    Column("ci_high", float, "Its upper end."),
    Column("p", float, "Of the paired t-test, two-sided, of this comparison alone."),
    Column("bootstrap_low", float, "Lower end of the 95 % interval by the bootstrap over seeds (BCa)."),
    Column("bootstrap_high", float, "Its upper end; too narrow with few seeds."),
    Column("p_exact", float, "Of the exact paired permutation test, two-sided, of this comparison alone."),
    Column("p_exact_least", float, "The smallest that so many seeds can give there, 2 / 2^n."),
    Column("comparisons", int, "How many are corrected together: all cells and metrics of the section."),
    Column("p_holm", float, "`p` adjusted by Holm."),
    Column("p_exact_holm", float, "`p_exact` adjusted by Holm."),
    Column("simultaneous_low", float, "Lower end of the interval with which 95 % hold all of them (Bonferroni's t)."),
    Column("simultaneous_high", float, "Its upper end."),
    Column("margin", float, "Of equivalence; missing for a column that is no figure."),
    Column("p_equivalence", float, "Of two one-sided t-tests that the difference is within the margin; by Holm."),
    Column(
        "verdict",
        str,
        "`different` where `p_holm` is below 0.05, else `equivalent` where `p_equivalence` is, else `not settled`.",
    ),
    Column("within_margin", bool, "Whether `p_equivalence` is below 0.05; a difference can be both real and small."),
    Column("smallest_difference", float, "The true one that so many seeds find in 80 % of studies, corrected."),
    Column("seeds_needed", int, "Seeds that a difference as large as `mean` needs for that; empty beyond 100,000."),
    Column("class_low", float, "Lower end of the 95 % interval of the mean over draws of the test classes (BCa)."),
    Column("class_high", float, "Its upper end; both missing where a run has no `classes.csv` or this figure in it."),
    Column("classes", int, "Test classes drawn from."),
    Column("sentence", str, "The row in words, figures in percentage points."),
)
"""The columns of differences.csv: a row per cell but the reference and metric."""

FAILED = "failed.json"
"""In the folder of a run, in the place of its result.json: the row of one that ended in an error."""

NAMES = tuple(column.name for column in COLUMNS)
KINDS = {column.name: column.kind for column in COLUMNS}


def as_markdown() -> str:
    """The schema as a page for people."""
    lines = [
        "# The columns of results.csv",
        "",
        "Made from `gnn_dml/columns.py` by `python -m gnn_dml.columns`. Missing numbers are empty, never 0.",
        "",
        *_table(COLUMNS),
        "",
        "Then every setting that differs between the rows of the study, under its dotted name, for instance `graph.k`,",
        "`protocol.classes_per_batch` or `loss.terms.refined.temperature`; empty where a row has no such setting.",
        "",
        "Then figures: each of the first table before each of the second, for instance `refined_map@r`.",
        "",
        "| prefix | meaning |",
        "|---|---|",
        *(f"| `{name}` | {text} |" for name, text in BRANCHES.items()),
        "",
        "| figure | meaning |",
        "|---|---|",
        *(f"| `{name}` | {text} |" for name, text in SCORES.items()),
        "",
        "# The columns of cells.csv",
        "",
        "A row per cell and metric, in the unit of results.csv: figures are fractions. [statistics.md](statistics.md)",
        "says how they are computed.",
        "",
        *_table(CELL_COLUMNS),
        "",
        "# The columns of differences.csv",
        "",
        "A row per cell but the reference and metric, in the unit of results.csv: 0.01 is a point.",
        "",
        *_table(DIFFERENCE_COLUMNS),
        "",
    ]
    return "\n".join(lines)


def _table(columns: tuple[Column, ...]) -> list[str]:
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    rows = (f"| `{column.name}` | {names[column.kind]} | {column.text} |" for column in columns)
    return ["| column | values | meaning |", "|---|---|---|", *rows]


if __name__ == "__main__":
    print(as_markdown(), end="")
