"""The table-domain operations in plain torch: the native kernels' oracle, and the path elsewhere.

Shapes: n neurons of F digits, E entries, B samples. Float sums are free of atomics, so that equal
inputs give equal bits on a GPU too.
"""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = [
    "NormQuantise",
    "add_rows",
    "address",
    "bloom",
    "bloom_backward",
    "differences",
    "gains",
    "gather",
    "hash_bits",
    "lookup",
    "quantise",
    "quantise_backward",
    "sample_gradient",
    "slope_columns",
    "thermometer",
    "thermometer_backward",
    "transpose",
    "unique_address",
]


class NormQuantise(NamedTuple):
    """The affine norm and the quantiser behind a table."""

    weight: Tensor
    """(n,)."""
    bias: Tensor
    """(n,)."""
    eps: float
    step: Tensor
    """Scalar."""
    q_min: int
    q_max: int


def transpose(x: Tensor) -> Tensor:
    """Return a matrix transposed, in order in memory: samples become the last axis."""
    return x.T.contiguous()


def address(
    codes: Tensor, wires: Tensor, bits: int, count: bool = True
) -> tuple[Tensor, Tensor | None]:
    """Concatenate each neuron's digits, digit 0 in the lowest bits, and count every address.

    Parameters
    ----------
    codes
        (features, B) uint8.
    wires
        (n, F) feature read by each digit; ``F * bits <= 16``.
    bits
        Bits per digit.
    count
        Whether to count.

    Returns
    -------
    Addresses (n, B), and how many samples meet each entry (n, E), float32.
    """
    addresses = _pack(codes, wires, bits)
    if not count:
        return addresses, None
    entries = 1 << (wires.shape[1] * bits)
    counts = torch.bincount(_flat(addresses, entries), minlength=len(wires) * entries)
    return addresses, counts.view(len(wires), entries).float()


def unique_address(codes: Tensor, wires: Tensor, bits: int) -> tuple[Tensor, Tensor, Tensor]:
    """As `address`, where few of the entries are met: number the ones that are.

    Returns
    -------
    Each sample's entry by its number (n, B); how many samples meet it (n, U), float32; and its
    address (n, U), int64. U is the greatest number of entries that a neuron meets; the rest of a
    row is entry 0, met by none.
    """
    ordered, order = _pack(codes, wires, bits).sort(dim=1, stable=True)
    fresh = torch.ones_like(ordered)
    fresh[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    number = fresh.cumsum(1) - 1
    shape = len(wires), int(number.max()) + 1 if number.numel() else 0
    chosen = ordered.new_zeros(shape).scatter_(1, number, ordered)
    addresses = torch.empty_like(number).scatter_(1, order, number)
    counts = torch.bincount(_flat(addresses, shape[1]), minlength=shape[0] * shape[1])
    return addresses, counts.view(shape).float(), chosen


def quantise(
    table: Tensor, counts: Tensor | None, batch: int, output: NormQuantise
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise table values (n, E) by the statistics of the samples behind them, and quantise.

    Without counts there are no statistics: mean and variance are 0.

    Returns
    -------
    Codes (n, E) uint8, and the batch's mean and biased variance per neuron (n,).
    """
    if counts is None:
        mean = variance = table.new_zeros(len(table))
    else:
        mean = (counts * table).sum(1) / batch
        variance = (counts * (table - mean[:, None]).square()).sum(1) / batch
    _, ratio = _ratio(table, mean, variance, output)
    codes = ratio.round().clamp(output.q_min, output.q_max) - output.q_min
    return codes.to(torch.uint8), mean, variance


def lookup(table: Tensor, addresses: Tensor) -> Tensor:
    """Read each sample's code (n, B) from the table of codes (n, E)."""
    return table.gather(1, addresses)


def quantise_backward(
    gradient: Tensor,
    addresses: Tensor,
    table: Tensor,
    counts: Tensor | None,
    mean: Tensor,
    variance: Tensor,
    output: NormQuantise,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor | None]:
    """Differentiate `quantise` and `lookup` together, by the samples' gradient (n, B).

    Returns
    -------
    Gradients of the table (n, E), of the norm's weight and bias (n,) and of the step (scalar);
    then D and K (n, E): a sample's own table value has the gradient ``g * D + K``. Without counts
    there is no K.
    """
    batch = addresses.shape[1]
    sums = _scatter(gradient, addresses, table.shape[1])
    normal, ratio = _ratio(table, mean, variance, output)
    codes = ratio.round()
    inside = (codes >= output.q_min) & (codes <= output.q_max)
    through = sums * inside
    weight_gradient, bias_gradient = (through * normal).sum(1), through.sum(1)
    step_gradient = (sums * (codes.clamp(output.q_min, output.q_max) - ratio * inside)).sum()
    scale = (output.weight / (variance + output.eps).sqrt())[:, None]
    direct = scale * inside
    if counts is None:
        return direct * sums, weight_gradient, bias_gradient, step_gradient, direct, None
    shared = -scale / batch * (bias_gradient[:, None] + normal * weight_gradient[:, None])
    table_gradient = direct * sums + counts * shared
    return table_gradient, weight_gradient, bias_gradient, step_gradient, direct, shared


def differences(table: Tensor, levels: Tensor, bits: int, row: int) -> Tensor:
    """Return how each table value changes with digit f, in column f, by its neighbouring entries.

    Between the two codes next to a digit's own, or to its own where it is the first or the last:
    ``(T[up] - T[down]) / (levels[up] - levels[down])``.

    Parameters
    ----------
    table
        All entries (n, E).
    levels
        Real value of every digit code, (2**bits,).
    row
        Columns of the result; those from F on are undefined.

    Returns
    -------
    Shape (n, E, row).
    """
    n, entries = table.shape
    code = torch.arange(len(levels), device=table.device)
    up, down = (code + 1).clamp(max=len(levels) - 1), (code - 1).clamp(min=0)
    scale = 1 / (levels[up] - levels[down])
    rows = table.new_zeros(n, entries, row)
    for digit in range((entries.bit_length() - 1) // bits):
        grid = table.view(n, -1, len(levels), 1 << (digit * bits))
        rows[:, :, digit] = ((grid[:, :, up] - grid[:, :, down]) * scale[:, None]).view(n, -1)
    return rows


def slope_columns(fan_in: int) -> int:
    """Return the columns of an array of slopes: F + 2, up to a multiple of 8."""
    return (fan_in + 9) // 8 * 8


def sample_gradient(
    gradient: Tensor, direct: Tensor, shared: Tensor | None, addresses: Tensor
) -> Tensor:
    """Return the gradient of each sample's own table value, see `quantise_backward`. (n, B)."""
    sample = gradient * direct.gather(1, addresses)
    return sample if shared is None else sample + shared.gather(1, addresses)


def gather(
    gradient: Tensor,
    direct: Tensor,
    shared: Tensor | None,
    slopes: Tensor,
    addresses: Tensor,
    wires: Tensor,
    features: int,
) -> Tensor:
    """Add up what each neuron sends back to the features it reads. Shape (features, B).

    Parameters
    ----------
    gradient
        Of the samples (n, B).
    direct, shared
        D and K of `quantise_backward`.
    slopes
        Derivative of the table value by digit f in column f. Shape (n, E, at least F + 2); the
        last two columns are overwritten. Or, for single bits, values (n, E) whose `differences`
        they are.
    """
    sample = sample_gradient(gradient, direct, shared, addresses)
    slopes = _rows(slopes, wires.shape[1])
    result = sample.new_zeros(features, addresses.shape[1])
    for digit in range(wires.shape[1]):
        add_rows(result, wires[:, digit], slopes[:, :, digit].gather(1, addresses) * sample)
    return result


def gains(
    gradient: Tensor,
    slopes: Tensor,
    addresses: Tensor,
    codes: Tensor,
    wires: Tensor,
    candidates: Tensor,
) -> Tensor:
    """Return what another wire would add to the loss's gradient by each digit. Shape (n, F, K).

    For a candidate c of digit f: ``sum over samples of h * P_f * (code_c - code_wired)``.

    Parameters
    ----------
    gradient
        h, of each sample's own table value (n, B).
    slopes
        P, as in `gather`.
    codes
        (features, B) uint8.
    candidates
        Features (n, F, K).
    """
    slopes, values, found = _rows(slopes, wires.shape[1]), codes.to(gradient).T, []
    for digit in range(wires.shape[1]):
        every = (gradient * slopes[:, :, digit].gather(1, addresses)) @ values
        wired = every.gather(1, wires[:, digit : digit + 1])
        found.append(every.gather(1, candidates[:, digit]) - wired)
    return torch.stack(found, 1)


def _rows(slopes: Tensor, fan_in: int) -> Tensor:
    """Return slopes (n, E, F or more) of what `gather` takes."""
    if slopes.dim() == 3:
        return slopes
    return differences(slopes, torch.arange(2, device=slopes.device).to(slopes), 1, fan_in)


def add_rows(result: Tensor, index: Tensor, rows: Tensor) -> None:
    """Add row i to row ``index[i]`` of the result, for one i after the other."""
    if rows.is_cuda:  # sorts; index_add_ would use atomics
        result.index_put_((index,), rows, accumulate=True)
    else:
        result.index_add_(0, index, rows)


def thermometer(x: Tensor, limits: Tensor) -> Tensor:
    """Return bits ``x >= limit`` (features * T, B), uint8, of x (features, B), T limits each."""
    return (x[:, None] >= limits[:, :, None]).flatten(0, 1).to(torch.uint8)


def thermometer_backward(
    gradient: Tensor, x: Tensor, limits: Tensor, unit: float
) -> tuple[Tensor, Tensor]:
    """Return the gradients of x and of the limits, which are in the same unit as ``unit * x``.

    A step's slope is a triangle of height and half-width 1.
    """
    slope = (1 - (x[:, None] * unit - limits[:, :, None]).abs()).clamp_min(0)
    felt = gradient.view(slope.shape) * slope
    return felt.sum(1) * unit, -felt.sum(2)


def hash_bits(bits: Tensor, order: Tensor, words: Tensor) -> Tensor:
    """Return the addresses (n, hashes, B) of tuples of bits: XORs of the words of those that are 1.

    Parameters
    ----------
    bits
        (features, B) uint8, 0 or 1.
    order
        (n, t) bits that each filter reads.
    words
        (hashes, t), 0 to 2**16 - 1.
    """
    result = words.new_zeros(len(order), len(words), bits.shape[1])
    for digit in range(order.shape[1]):
        result ^= bits[order[:, digit]].long()[:, None] * words[:, digit, None]
    return result


def bloom(entries: Tensor, addresses: Tensor, kept: Tensor, heard: Tensor | None) -> Tensor:
    """Return the sums of all filters' answers, (B, classes): signs, -1 or 1, of the least entries.

    Parameters
    ----------
    entries
        (n, E, classes).
    addresses
        (n, hashes, B).
    kept
        (n, classes), 0 where a filter does not count, else 1.
    heard
        (n, B) uint8, 0 where an answer does not count; None where all do.
    """
    least, _ = _least(entries, addresses)
    answers = ((least >= 0).to(entries.dtype) * 2 - 1) * kept[:, None]
    return (answers if heard is None else answers * heard[:, :, None]).sum(0)


def bloom_backward(
    gradient: Tensor, entries: Tensor, addresses: Tensor, kept: Tensor, heard: Tensor | None
) -> Tensor:
    """Pass the gradient (B, classes) of `bloom` to the first of each sample's least entries."""
    _, hashes = _least(entries, addresses)
    given = gradient.T * kept[:, :, None]
    given = given if heard is None else given * heard[:, None]
    result = torch.zeros_like(entries.mT)
    for number in range(addresses.shape[1]):
        own = torch.where(hashes.mT == number, given, 0).flatten(0, 1)
        at = addresses[:, number].repeat_interleave(entries.shape[2], 0)
        result += _scatter(own, at, entries.shape[1]).view(result.shape)
    return result.mT.contiguous()


def _least(entries: Tensor, addresses: Tensor) -> tuple[Tensor, Tensor]:
    """Return each sample's least entries, and the first hash that has them: (n, B, classes)."""
    at = addresses[..., None].expand(-1, -1, -1, entries.shape[2])
    least = entries.gather(1, at[:, 0])
    hashes = torch.zeros_like(least, dtype=torch.long)
    for number in range(1, addresses.shape[1]):
        found = entries.gather(1, at[:, number])
        hashes = torch.where(found < least, number, hashes)
        least = torch.minimum(found, least)
    return least, hashes


def _pack(codes: Tensor, wires: Tensor, bits: int) -> Tensor:
    """Concatenate each neuron's digits. Shape (n, B), int64."""
    packed = codes[wires[:, 0]].to(torch.int32)
    for digit in range(1, wires.shape[1]):
        packed += codes[wires[:, digit]].to(torch.int32) << (digit * bits)
    return packed.long()


def _ratio(
    table: Tensor, mean: Tensor, variance: Tensor, output: NormQuantise
) -> tuple[Tensor, Tensor]:
    """Return the normalised table, and its affine image in steps of the quantiser."""
    deviation = (variance + output.eps).sqrt()
    centred = table - mean[:, None]
    scaled = centred * (output.weight / deviation)[:, None] + output.bias[:, None]
    return centred / deviation[:, None], scaled / output.step


def _scatter(gradient: Tensor, addresses: Tensor, entries: int) -> Tensor:
    if gradient.is_cuda:
        return whole_sums(gradient, addresses, entries)
    return gradient.new_zeros(len(gradient), entries).scatter_add_(1, addresses, gradient)


def whole_sums(gradient: Tensor, addresses: Tensor, entries: int) -> Tensor:
    """Return the sums (n, E) of what samples (n, B) add to their entries, the same in any order.

    In whole numbers, the greatest of 40 bits, which atomics add up exactly.
    """
    most = gradient.abs().amax().double()
    unit = torch.exp2((torch.frexp(most)[1] - 40).double())
    whole = (gradient / unit).round().long()
    sums = whole.new_zeros(len(gradient), entries).scatter_add_(1, addresses, whole)
    return (sums * unit + 0 * most).to(gradient.dtype)  # what is no number stays none


def _flat(addresses: Tensor, entries: int) -> Tensor:
    rows = torch.arange(len(addresses), device=addresses.device)[:, None] * entries
    return (addresses + rows).view(-1)
