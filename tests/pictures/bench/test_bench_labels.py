"""Labels: short, different, and not on top of each other."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from patchsieve.pictures.bench.labels import marks, short_names, spread_out, whiskers

positions = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(positions)
def test_labels_keep_their_order_and_their_distance(wanted):
    placed = spread_out(np.array(wanted), 0.05, 0.0, 1.5)
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(placed[order]) >= 0.05 - 1e-9).all()
    assert placed.min() >= -1e-9
    assert placed.max() <= 1.5 + 1e-9


@given(positions)
def test_labels_that_have_room_stay_where_they_are(wanted):
    apart = np.unique(np.round(np.array(wanted), 1))
    np.testing.assert_allclose(spread_out(apart, 0.05, 0.0, 1.0), apart, atol=1e-9)


@given(st.lists(st.text(max_size=60), max_size=40))
def test_short_names_are_short_and_different(names):
    short = short_names(names, 12)
    assert set(short) == set(names)
    assert len(set(short.values())) == len(short)
    assert all(len(name) <= 12 for name in short.values())
    assert all(name.isprintable() for name in short.values())


def test_a_name_that_fits_stays_and_a_long_one_keeps_its_ends():
    short = short_names(["padim", "softpatch-lof with a long name tau=0.05"], 20)
    assert short["padim"] == "padim"
    assert short["softpatch-lof with a long name tau=0.05"] == "softpatch…e tau=0.05"


def test_no_two_of_many_marks_are_alike():
    assert len(set(marks([str(index) for index in range(77)]).values())) == 77


def test_neighbours_differ_in_marker_and_dashes_too():
    styles = list(marks([str(index) for index in range(20)]).values())
    for one, other in pairwise(styles):
        assert one.marker != other.marker
        assert one.dashes != other.dashes


def test_no_bar_of_a_share_leaves_its_range() -> None:
    below, above = whiskers(np.array([0.5, 0.98, 0.01]), np.array([0.1, 0.05, 0.02]))
    np.testing.assert_allclose(below, [0.1, 0.05, 0.01])
    np.testing.assert_allclose(above, [0.1, 0.02, 0.02])
