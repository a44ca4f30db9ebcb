"""The one schema of a row of results: every column with its type and what it says.

`experiments` fills rows by it, `results` reads and orders them by it, docs/columns.md is made of it
(`python -m gnn_dml.columns`).
"""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """One column.

    Attributes:
        name: As it stands in `results.csv`.
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

NAMES = tuple(column.name for column in COLUMNS)
KINDS = {column.name: column.kind for column in COLUMNS}


def as_markdown() -> str:
    """The schema as a page for people."""
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    lines = [
        "# The columns of results.csv",
        "",
        "Made from `gnn_dml/columns.py` by `python -m gnn_dml.columns`. Missing numbers are empty, never 0.",
        "",
        "| column | values | meaning |",
        "|---|---|---|",
        *(f"| `{column.name}` | {names[column.kind]} | {column.text} |" for column in COLUMNS),
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
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(as_markdown(), end="")
