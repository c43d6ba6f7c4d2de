import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lutra.nn._edge_tables import Table, merged, pack

sizes = st.lists(st.integers(1, 8), max_size=30)


@given(sizes)
def test_pack_places_every_item_once_within_the_capacity(sizes):
    bins = pack(sizes, 6)
    assert sorted(item for items in bins for item in items) == list(range(len(sizes)))
    for items in bins:
        assert sum(sizes[item] for item in items) <= 6 or len(items) == 1


tables = st.integers(0, 3).flatmap(
    lambda bits: st.builds(
        Table,
        arrays(np.int64, bits, elements=st.integers(0, 99)),
        arrays(np.int64, 1 << bits, elements=st.integers(0, 40)),
        st.sampled_from([1, 2, 8]),
    )
)


@given(st.lists(tables, max_size=3), st.integers(0, 2**32 - 1))
def test_a_merged_table_is_the_sum(chosen, seed):
    """Whatever each wire carries, equal wires apart."""
    found = merged(chosen)
    bits = np.random.default_rng(seed).integers(0, 2, len(found.wires))
    total, start = 0, 0
    for table in chosen:
        own = bits[start : start + len(table.wires)]
        assert np.array_equal(found.wires[start : start + len(own)], table.wires)
        total += table.values[(own << np.arange(len(own))).sum()] * table.step
        start += len(own)
    assert found.values[(bits << np.arange(len(bits))).sum()] * found.step == total
    assert found.step & (found.step - 1) == 0
