"""Deep metric learning with intra-batch graphs.

Images become embeddings, a mini-batch of embeddings becomes a graph, message passing refines the nodes, and
everything about that graph can be swapped and measured. Importing this package is cheap: it loads no torch.
"""

__version__ = "0.1.0"
