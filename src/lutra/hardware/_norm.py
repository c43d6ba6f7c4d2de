"""I-LayerNorm as a block."""

from collections.abc import Sequence

from lutra.hardware._banks import banked, same
from lutra.hardware._block import Block
from lutra.hardware._rescale import one_shift
from lutra.hardware._widths import index_bits, signed_bits, unsigned_bits
from lutra.vit import STREAM_BITS, parts

__all__ = ["norm_block", "norm_clocks"]


def norm_clocks(channels: int) -> int:
    """Return the clocks per token of `norm_block`: one per channel, or those of mean and root."""
    return max(channels, 68 + (channels - 1).bit_length() // 2)


def norm_block(
    name: str,
    norms: Sequence[parts.Norm],
    channels: int,
    again: Sequence[parts.Rescale] | None = None,
) -> Block:
    """Return I-LayerNorm: the residual stream to pairs of it and its normalised codes.

    A token takes `norm_clocks`.

    Parameters
    ----------
    name
        Of the block.
    norms
        One per bank; words begin with the bank's number where there are several.
    channels
        Codes of a token.
    again
        Where the norms make the residual stream anew, what makes normalised codes of it.

    Raises
    ------
    OutputError
        Banks differ in their bits.
    """
    bits = same(name, "the bits of their norms", (norm.bits for norm in norms))
    shift = max(norm.shift for norm in norms)
    half = 1 << (shift - 1) if bits > 1 else 0
    scales = [1 << (shift - norm.shift) for norm in norms]
    multipliers = [
        (norm.multiplier.astype(object) * scale).reshape(-1, 1)
        for norm, scale in zip(norms, scales, strict=True)
    ]
    offsets = [
        (norm.offset.astype(object) * scale + half).reshape(-1, 1)
        for norm, scale in zip(norms, scales, strict=True)
    ]
    m_bits = max(2, signed_bits(*multipliers))
    o_bits = signed_bits(*offsets)
    parameters = {
        "CHANNELS": channels,
        "BANKS": len(norms),
        "M_BITS": m_bits,
        "O_BITS": o_bits,
        "SHIFT": shift,
        "BITS": bits,
        "AGAIN": int(again is not None),
    }
    memories = {"MULTIPLIERS": banked(multipliers, m_bits), "OFFSETS": banked(offsets, o_bits)}
    if again is not None:
        found, shift = one_shift([(rescale, channels) for rescale in again])
        width = unsigned_bits(*found)
        parameters |= {
            "AGAIN_M_BITS": width,
            "AGAIN_SHIFT": shift,
            "AGAIN_BITS": same(name, "the bits of what they rescale", (a.bits for a in again)),
        }
        memories["AGAINS"] = banked([bank.reshape(-1, 1) for bank in found], width)
    into = STREAM_BITS + index_bits(len(norms))
    return Block(name, "lutra_norm", parameters, memories, into, into + 8)
