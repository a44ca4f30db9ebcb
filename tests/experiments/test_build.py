"""From settings to objects, where no run as a whole shows it."""

import pytest

from gnn_dml.errors import UserError
from gnn_dml.experiments.build import build_neighbourhoods


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ({"neighbourhood": "nearest", "neighbours": 8}, "NearestNeighbourhoods(8)"),
        ({"neighbourhood": "reciprocal", "neighbours": 6}, "ReciprocalNeighbourhoods(6, k1=30)"),
        ({"neighbourhood": "reciprocal", "neighbours": 6, "k1": 12}, "ReciprocalNeighbourhoods(6, k1=12)"),
        ({"neighbours": 4}, "NearestNeighbourhoods(4)"),
    ],
)
def test_neighbourhoods(protocol, expected):
    """A run from before there was a choice meant the nearest ones."""
    assert repr(build_neighbourhoods(protocol)) == expected


def test_an_unknown_neighbourhood_is_named():
    with pytest.raises(UserError, match=r"neighbourhood must be one of nearest, reciprocal, not 'mutual'"):
        build_neighbourhoods({"neighbourhood": "mutual", "neighbours": 4})
