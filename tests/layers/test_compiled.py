"""GATv2's scores from compiled loops: the numbers and gradients of the formula as it stands, compiled or not."""

import pytest
import torch
from torch._inductor import config
from torch._inductor.utils import fresh_cache

from gnn_dml.layers import GATv2Conv
from gnn_dml.layers.additive import scores_by_broadcasting
from gnn_dml.layers.compiled import _loops, can_compile, scores_by_compiling


@pytest.fixture
def uncompiled():
    """The loops as Python runs them."""
    with torch.compiler.set_stance("force_eager"):
        yield


def draw(*batch, b=4, n=6, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    shapes = (*batch, 2, b, 5), (*batch, 2, n, 5), (2, 5)
    return [torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in shapes]


def graded(score, inputs, slope):
    out = score(*inputs, slope)
    return [out, *torch.autograd.grad((out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum(), inputs)]


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
@pytest.mark.parametrize("slope", [-0.5, 0.0, 0.2, 1.0, 1.5])
def test_scores_and_gradients_are_those_of_the_formula(batch, slope):
    inputs = draw(*batch)
    with torch.no_grad():
        inputs[2][0, 1] = 0.0
        inputs[0][..., 0] = -inputs[1][..., :1, 0]  # sums of 0, where LeakyReLU has a kink
    found, expected = (graded(score, inputs, slope) for score in (scores_by_compiling, scores_by_broadcasting))
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.usefixtures("uncompiled")
def test_the_layer_gives_the_same_numbers():
    torch.manual_seed(0)
    made = {flag: GATv2Conv.for_dim(8, num_heads=2, compiled=flag).double() for flag in (True, False, None)}
    for layer in made.values():
        layer.load_state_dict(made[True].state_dict())
    for x in (torch.randn(9, 8).double(), torch.randn(2, 9, 8).double()):
        for edges in (None, torch.rand(9, 9) < 0.5):
            torch.testing.assert_close(made[True](x, edges), made[False](x, edges))
    assert torch.equal(made[None](x), made[False](x))
    half = made[True].bfloat16()(x.bfloat16())
    torch.testing.assert_close(half.double(), made[False](x), atol=0.1, rtol=0.05)


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(
    ("shape", "compiles"), [((1024,), True), ((1023,), False), ((16, 256), True), ((15, 256), False)]
)
def test_by_itself_it_compiles_by_size(shape, compiles):
    layer = GATv2Conv.for_dim(512, num_heads=8)
    x = torch.zeros(1).expand(*shape, 512)
    assert layer._compiles(x) is compiles
    layer.compiled = False
    assert not layer._compiles(x)


def test_it_compiles_and_goes_on_without_a_compiler():
    """The real compiler, where this machine has one; and none, which is said in a warning."""
    torch.manual_seed(0)
    plain, fast = (GATv2Conv.for_dim(32, num_heads=2, compiled=flag) for flag in (False, True))
    fast.load_state_dict(plain.state_dict())
    x = torch.randn(70, 32)
    torch.testing.assert_close(fast(x), plain(x), atol=1e-5, rtol=0)
    try:
        with fresh_cache(), config.patch({"cpp.cxx": ("/nowhere/c++",)}):
            for cached in (can_compile, _loops):
                cached.cache_clear()
            torch._dynamo.reset()
            with pytest.warns(UserWarning, match="GATv2Conv is not compiled: "):
                out = fast(x)
            assert torch.equal(out, plain(x))
            assert torch.equal(fast(x), plain(x))  # and not tried again
    finally:
        for cached in (can_compile, _loops):
            cached.cache_clear()
        torch._dynamo.reset()
