import pytest

from lutra.tools import estimate_timing


def test_a_known_estimate() -> None:
    found = estimate_timing(levels=2, cycles=3, lut=100)
    # Registers 152 ps; per level a LUT of 150 ps and a net of 43 to 790 ps.
    assert found.period == pytest.approx((0.152 + 2 * 0.193, 0.152 + 2 * 0.940))
    assert found.latency == pytest.approx((3 * 0.538, 3 * 2.032))
    assert found.area_delay == pytest.approx((100 * 3 * 0.538, 100 * 3 * 2.032))
    assert found.kind == "estimate"


def test_the_range_holds_what_published_clocks_imply() -> None:
    """Periods of NeuraLUT-Assemble with three levels between registers, by their clock rates."""
    low, high = estimate_timing(3, 1, 1).period
    assert all(low < 0.152 + 3 * (0.150 + net) < high for net in (0.192, 0.746, 0.154))


def test_without_logic_or_registers() -> None:
    between_registers = estimate_timing(0, 2, 0)
    assert between_registers.period[0] == pytest.approx(0.152 + 0.043)
    assert between_registers.area_delay == (0, 0)
    assert estimate_timing(4, 0, 1).latency == estimate_timing(4, 0, 1).period


@pytest.mark.parametrize("figures", [(-1, 1, 1), (1, -1, 1), (1, 1, -1)])
def test_a_negative_figure(figures: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="expected 0 or more"):
        estimate_timing(*figures)
