"""The table-domain operations of `lutra.nn._torch_ops` by the native kernels: CPU, float32."""

import torch
from torch import Tensor

from lutra._kernels import native
from lutra.nn import _torch_ops
from lutra.nn._torch_ops import NormQuantise, slope_columns

__all__ = [
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
    "thermometer",
    "thermometer_backward",
    "transpose",
    "unique_address",
    "usable",
]


def usable(x: Tensor) -> bool:
    """Tell whether the native kernels can work on ``x``'s device and float type."""
    return native is not None and x.device.type == "cpu" and x.dtype == torch.float32


def transpose(x: Tensor) -> Tensor:
    """See `lutra.nn._torch_ops.transpose`; bytes by the kernel."""
    if native is None or x.itemsize > 1:
        return _torch_ops.transpose(x)
    x = x.contiguous()
    result = x.new_empty(x.shape[::-1])
    native.transpose(pointer(x, x.dtype), *x.shape, pointer(result, x.dtype))
    return result


def address(
    codes: Tensor, wires: Tensor, bits: int, count: bool = True
) -> tuple[Tensor, Tensor | None]:
    """See `lutra.nn._torch_ops.address`; an address takes one byte where that is enough."""
    assert native is not None
    (n, fan_in), (features, batch) = wires.shape, codes.shape
    codes = codes.contiguous()
    entries = 1 << (fan_in * bits)
    addresses = torch.empty(n, batch, dtype=_word(entries))
    counts = torch.empty(n, entries) if count else None
    native.address(
        pointer(codes, torch.uint8),
        pointer(wires, torch.int64),
        *(n, features, batch, fan_in, bits),
        pointer(addresses, addresses.dtype),
        pointer(counts),
    )
    return addresses, counts


def unique_address(codes: Tensor, wires: Tensor, bits: int) -> tuple[Tensor, Tensor, Tensor]:
    """See `lutra.nn._torch_ops.unique_address`; numbered by first sample, not by address."""
    assert native is not None
    (n, fan_in), (features, batch) = wires.shape, codes.shape
    codes, room = codes.contiguous(), min(batch, 1 << (fan_in * bits))
    addresses = torch.empty(n, batch, dtype=torch.uint16)
    counts, chosen = torch.zeros(n, room), torch.zeros(n, room, dtype=torch.int64)
    found = torch.empty(n, dtype=torch.int32)
    native.unique_address(
        pointer(codes, torch.uint8),
        pointer(wires, torch.int64),
        *(n, features, batch, fan_in, bits),
        pointer(addresses, torch.uint16),
        pointer(counts),
        room,
        pointer(chosen, torch.int64),
        pointer(found, torch.int32),
    )
    most = int(found.max())
    addresses = addresses.to(_word(most))
    return addresses, counts[:, :most].contiguous(), chosen[:, :most].contiguous()


def quantise(
    table: Tensor, counts: Tensor | None, batch: int, output: NormQuantise
) -> tuple[Tensor, Tensor, Tensor]:
    """See `lutra.nn._torch_ops.quantise`."""
    assert native is not None
    codes = torch.empty(table.shape, dtype=torch.uint8)
    mean, variance = torch.empty(len(table)), torch.empty(len(table))
    native.quantise(
        *map(pointer, (table, counts, output.weight, output.bias)),
        *table.shape,
        *(batch, output.eps, output.step.item(), output.q_min, output.q_max),
        *map(pointer, (mean, variance)),
        pointer(codes, torch.uint8),
    )
    return codes, mean, variance


def lookup(table: Tensor, addresses: Tensor) -> Tensor:
    """See `lutra.nn._torch_ops.lookup`."""
    assert native is not None
    codes = torch.empty(addresses.shape, dtype=torch.uint8)
    native.lookup(
        pointer(table, torch.uint8),
        pointer(addresses, _word(table.shape[1])),
        *(*addresses.shape, table.shape[1]),
        pointer(codes, torch.uint8),
    )
    return codes


def quantise_backward(
    gradient: Tensor,
    addresses: Tensor,
    table: Tensor,
    counts: Tensor | None,
    mean: Tensor,
    variance: Tensor,
    output: NormQuantise,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor | None]:
    """See `lutra.nn._torch_ops.quantise_backward`."""
    assert native is not None
    gradient = gradient.contiguous()
    table_gradient, direct = torch.empty(2, *table.shape)
    shared = None if counts is None else torch.empty(table.shape)
    weight_gradient, bias_gradient, step_gradient = torch.empty(3, len(table))
    native.quantise_backward(
        *map(pointer, (table, counts, output.weight, output.bias)),
        *table.shape,
        *(output.eps, output.step.item(), output.q_min, output.q_max),
        *map(pointer, (mean, variance, gradient)),
        pointer(addresses, _word(table.shape[1])),
        addresses.shape[1],
        *map(pointer, (table_gradient, weight_gradient, bias_gradient, step_gradient)),
        *map(pointer, (direct, shared)),
    )
    step_sum = step_gradient.sum()
    return table_gradient, weight_gradient, bias_gradient, step_sum, direct, shared


def differences(table: Tensor, levels: Tensor, bits: int, row: int) -> Tensor:
    """See `lutra.nn._torch_ops.differences`."""
    assert native is not None
    n, entries = table.shape
    fan_in = (entries.bit_length() - 1) // bits
    rows = torch.empty(n, entries, row)
    native.differences(
        *map(pointer, (table.contiguous(), levels)), n, fan_in, bits, pointer(rows), row
    )
    return rows


def thermometer(x: Tensor, limits: Tensor) -> Tensor:
    """See `lutra.nn._torch_ops.thermometer`."""
    assert native is not None
    (features, batch), thresholds = x.shape, limits.shape[1]
    codes = torch.empty(features * thresholds, batch, dtype=torch.uint8)
    native.thermometer(
        *map(pointer, (x, limits)), features, batch, thresholds, pointer(codes, torch.uint8)
    )
    return codes


def thermometer_backward(
    gradient: Tensor, x: Tensor, limits: Tensor, unit: float
) -> tuple[Tensor, Tensor]:
    """See `lutra.nn._torch_ops.thermometer_backward`."""
    assert native is not None
    (features, batch), thresholds = x.shape, limits.shape[1]
    gradient = gradient.contiguous()
    result, limit_gradient = torch.empty(x.shape), torch.empty(limits.shape)
    native.thermometer_backward(
        *(pointer(x), pointer(limits), unit, pointer(gradient), features, batch, thresholds),
        *map(pointer, (result, limit_gradient)),
    )
    return result, limit_gradient


def gather(
    gradient: Tensor,
    direct: Tensor,
    shared: Tensor | None,
    slopes: Tensor,
    addresses: Tensor,
    wires: Tensor,
    features: int,
) -> Tensor:
    """See `lutra.nn._torch_ops.gather`."""
    assert native is not None
    (n, fan_in), entries, batch = wires.shape, slopes.shape[1], addresses.shape[1]
    rows, table, row = _given(slopes, fan_in)
    gradient, result = gradient.contiguous(), torch.empty(features, batch)
    native.gather(
        *map(pointer, (gradient, direct, shared, rows, table)),
        pointer(addresses, _word(entries)),
        pointer(wires, torch.int64),
        *(n, features, batch, fan_in, entries, row),
        pointer(result),
    )
    return result


def gains(
    gradient: Tensor,
    slopes: Tensor,
    addresses: Tensor,
    codes: Tensor,
    wires: Tensor,
    candidates: Tensor,
) -> Tensor:
    """See `lutra.nn._torch_ops.gains`, which is faster where most features are candidates."""
    assert native is not None
    if 4 * candidates.shape[2] > len(codes):
        return _torch_ops.gains(gradient, slopes, addresses.long(), codes, wires, candidates)
    (n, fan_in, count), entries = candidates.shape, slopes.shape[1]
    rows, table, row = _given(slopes, fan_in)
    gradient, codes = gradient.contiguous(), codes.contiguous()
    result = torch.empty(n, fan_in, count)
    native.gains(
        *map(pointer, (gradient, rows, table)),
        pointer(addresses, _word(entries)),
        pointer(codes, torch.uint8),
        pointer(wires, torch.int64),
        pointer(candidates, torch.int64),
        *(n, *codes.shape, fan_in, entries, row, count),
        pointer(result),
    )
    return result


def _given(slopes: Tensor, fan_in: int) -> tuple[Tensor | None, Tensor | None, int]:
    """Return rows of slopes, or a table whose differences they are, and the columns of a row."""
    slopes = slopes.contiguous()
    if slopes.dim() == 3:
        return slopes, None, slopes.shape[2]
    return None, slopes, slope_columns(fan_in)


def hash_bits(bits: Tensor, order: Tensor, words: Tensor) -> Tensor:
    """See `lutra.nn._torch_ops.hash_bits`; two bytes each."""
    assert native is not None
    words = words.to(torch.uint16)
    (n, size), hashes, (features, batch) = order.shape, len(words), bits.shape
    addresses = torch.empty(n, hashes, batch, dtype=torch.uint16)
    native.hash(
        pointer(bits, torch.uint8),
        pointer(order, torch.int64),
        pointer(words, torch.uint16),
        *(n, features, batch, size, hashes),
        pointer(addresses, torch.uint16),
    )
    return addresses


def bloom(entries: Tensor, addresses: Tensor, kept: Tensor, heard: Tensor | None) -> Tensor:
    """See `lutra.nn._torch_ops.bloom`."""
    assert native is not None
    sums = torch.empty(addresses.shape[2], entries.shape[2])
    native.bloom(*_bloom(entries, addresses, kept, heard), pointer(sums))
    return sums


def bloom_backward(
    gradient: Tensor, entries: Tensor, addresses: Tensor, kept: Tensor, heard: Tensor | None
) -> Tensor:
    """See `lutra.nn._torch_ops.bloom_backward`."""
    assert native is not None
    gradient, result = gradient.contiguous(), torch.empty(entries.shape)
    native.bloom_backward(
        *_bloom(entries, addresses, kept, heard), pointer(gradient), pointer(result)
    )
    return result


def _bloom(
    entries: Tensor, addresses: Tensor, kept: Tensor, heard: Tensor | None
) -> tuple[int, ...]:
    """Return what the kernels take of filters; the caller keeps the tensors alive."""
    arrays = (entries, torch.float32), (addresses, torch.uint16), (kept, torch.float32)
    pointers = (pointer(*array) for array in (*arrays, (heard, torch.uint8)))
    return *pointers, *addresses.shape, *entries.shape[1:]


def _word(entries: int) -> torch.dtype:
    """Return the type of an address."""
    return torch.uint8 if entries <= 256 else torch.uint16


def pointer(x: Tensor | None, dtype: torch.dtype = torch.float32) -> int:
    """Return the address of a contiguous CPU tensor's data, having checked that it is one.

    The caller keeps the tensor alive. None has address 0.
    """
    if x is None:
        return 0
    if x.dtype is not dtype or not x.is_contiguous() or x.device.type != "cpu":
        raise TypeError(f"a kernel wants contiguous {dtype} on the CPU, not {x.dtype}, {x.device}")
    return x.data_ptr()
