"""Where a refiner begins: what it gives before any training, by formula."""

from functools import partial

import pytest
import torch
from torch.nn.functional import layer_norm, normalize

from gnn_dml.graphs import KNN, Complete, Isolated, build_edges
from gnn_dml.layers import DotProductAttention, GATConv, GATv2Conv, TransformerConv
from gnn_dml.models import Refiner
from gnn_dml.models.start import StartsAsExpansion

LAYERS = {
    "dot_product": DotProductAttention,
    "transformer": TransformerConv.for_dim,
    "gat": GATConv.for_dim,
    "gatv2": GATv2Conv.for_dim,
}


def refiner(layer="dot_product", **options):
    torch.manual_seed(0)
    made = Refiner(32, 5, partial(LAYERS[layer], num_heads=2), scale_input=True, **options)
    return made.eval()


def nodes():
    return normalize(torch.randn(9, 32, generator=torch.Generator().manual_seed(3)), dim=1)


def run(module, topology):
    x = nodes()
    return module(x, *build_edges(topology, x, None)).features[0]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("layers", [1, 2])
def test_identity(layer, layers):
    """What comes out is what went in, but for the norm."""
    found = run(refiner(layer, start="identity", num_layers=layers), Complete())
    torch.testing.assert_close(found, normalize(layer_norm(nodes(), (32,)), dim=1), atol=1e-5, rtol=1e-4)
    plain = run(refiner(layer, start="identity", num_layers=layers, norm="none"), Complete())
    torch.testing.assert_close(plain, nodes(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("layer", ["dot_product", "transformer"])
@pytest.mark.parametrize("temperature", [0.05, 0.3])
def test_expansion_by_cosine(layer, temperature):
    """Per head: the node and the mean of its neighbours, weighted by softmax(cosine / temperature)."""
    module = refiner(layer, start="expansion", temperature=temperature, norm="none")
    topology, x = KNN(4, loop=False), nodes()
    there = topology.adjacency(x)
    expected = torch.zeros_like(x)
    for i in range(9):
        for head in (slice(0, 16), slice(16, 32)):
            heard = [j for j in range(9) if there[i, j]]
            # Lengths of heads differ: the product stands for the cosine of heads of average length.
            products = torch.stack([x[i, head] @ x[j, head] * 2 for j in heard])
            weights = torch.softmax(products / temperature, dim=0)
            expected[i, head] = x[i, head] + sum(w * x[j, head] for w, j in zip(weights, heard, strict=True))
    torch.testing.assert_close(run(module, topology), normalize(expected, dim=1), atol=1e-5, rtol=1e-4)


def test_expansion_of_gat_is_the_plain_mean():
    topology, x = KNN(4, loop=False), nodes()
    there = topology.adjacency(x).float()
    expected = normalize(x + there @ x / 4, dim=1)
    found = run(refiner("gat", start="expansion", norm="none"), topology)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_expansion_of_gatv2_hears_the_near_ones_more():
    """Over many nodes the attention falls with the distance, and its logits are as steep as cosine / temperature."""
    torch.manual_seed(0)
    layer = GATv2Conv.for_dim(512, num_heads=2)
    centre = torch.randn(1, 512)
    shares = torch.linspace(0.2, 0.95, 200)[:, None]
    others = shares * centre + (1 - shares**2).sqrt() * torch.randn(200, 512)
    x = torch.cat([centre, others])
    x = x / x.norm(dim=1, keepdim=True) * 512**0.5
    layer.start_as_expansion(temperature=0.1, norm=512**0.5)
    _, (_, attention) = layer(x, None, return_attention_weights=True)
    logits = attention[:, 0, 1:].log().mean(0)
    cosine = (normalize(x, dim=1)[:1] @ normalize(x, dim=1)[1:].T)[0]
    middle = (cosine - 0.5).abs() < 0.2
    slope = torch.linalg.lstsq(
        torch.stack([cosine[middle], torch.ones(int(middle.sum()))], 1), logits[middle, None]
    ).solution[0]
    assert slope.item() == pytest.approx(10, rel=0.3)
    assert torch.corrcoef(torch.stack([cosine, logits.detach()]))[0, 1] > 0.9


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_learns_from_there(layer):
    """Every map that starts at 0 or as the identity gets a gradient within two steps, so nothing is stuck."""
    module = refiner(layer, start="expansion").train()
    for neck in module.necks:
        torch.nn.init.normal_(neck.classifier.weight)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05)
    for _ in range(2):
        x = nodes()
        loss = module(x, *build_edges(KNN(4, loop=False), x, None)).logits[0].square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    still = [
        name
        for name, parameter in module.named_parameters()
        # Adding one number to all scores changes no softmax.
        if parameter.requires_grad
        and not name.endswith(("k.bias", "lin_key.bias", "att_dst"))
        and not parameter.grad.any()
    ]
    assert not still


@pytest.mark.parametrize("start", ["published", "identity", "expansion"])
def test_nobody_is_heard_in_the_isolated_graph(start):
    """Without self-loops the expansion of a node alone is the node."""
    module = refiner(start=start, norm="none")
    found = run(module, Isolated(loop=False))
    if start != "published":
        torch.testing.assert_close(found, nodes(), atol=1e-5, rtol=1e-4)


def test_what_cannot_start_so():
    with pytest.raises(ValueError, match="start must be one of published, identity, expansion, not 'zero'"):
        refiner(start="zero")
    with pytest.raises(ValueError, match=r"temperature must be above 0, not 0"):
        refiner(start="expansion", temperature=0)
    with pytest.raises(ValueError, match="norm must be one of after, before, none, not 'batch'"):
        refiner(norm="batch")
    with pytest.raises(ValueError, match="gate must be a number or null, not nan"):
        refiner(gate=float("nan"))
    with pytest.raises(ValueError, match=r"Linear has none; start='identity' .* works with every layer"):
        Refiner(8, 3, lambda dim: torch.nn.Linear(dim, dim), start="expansion")
    with pytest.raises(ValueError, match="concat=True"):
        GATConv(8, 8, concat=False).start_as_expansion(temperature=0.1, norm=1.0)
    with pytest.raises(ValueError, match="share_weights=False"):
        GATv2Conv(8, 8, share_weights=True).start_as_expansion(temperature=0.1, norm=1.0)
    with pytest.raises(ValueError, match="beta=False"):
        TransformerConv(8, 8, beta=True).start_as_expansion(temperature=0.1, norm=1.0)


@pytest.mark.parametrize("layer", LAYERS)
def test_layers_say_that_they_can(layer):
    assert isinstance(partial(LAYERS[layer], num_heads=2)(8), StartsAsExpansion)


def test_the_published_start_is_what_it_was():
    """New options draw no random number and add no parameter."""
    torch.manual_seed(0)
    bare = Refiner(32, 5, partial(DotProductAttention, num_heads=2))
    torch.manual_seed(0)
    given = Refiner(32, 5, partial(DotProductAttention, num_heads=2), start="published", norm="after", gate=None)
    assert list(bare.state_dict()) == list(given.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(bare.state_dict().values(), given.state_dict().values(), strict=True))


@pytest.mark.parametrize("options", [{"norm": "before"}, {"norm": "none"}, {"feed_forward": False}, {"gate": 0.3}])
def test_the_first_node_alone_is_the_same(options):
    module, x = refiner(num_layers=2, **options), nodes()
    torch.testing.assert_close(module.first(x), module(x).features[-1][0], atol=1e-5, rtol=1e-4)


def test_detached_nodes_get_no_gradient():
    x = nodes().requires_grad_()
    refiner(detached=True)(x).features[0].sum().backward()
    assert x.grad is None
