"""The table-domain operations of `lutra.nn._torch_ops` by the native kernels: CPU, float32."""

import torch
from torch import Tensor

from lutra._kernels import native
from lutra.nn import _torch_ops
from lutra.nn._torch_ops import NormQuantise

__all__ = [
    "address",
    "differences",
    "gather",
    "lookup",
    "quantise",
    "quantise_backward",
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


def address(codes: Tensor, wires: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """See `lutra.nn._torch_ops.address`; an address takes one byte where that is enough."""
    assert native is not None
    (n, fan_in), (features, batch) = wires.shape, codes.shape
    codes = codes.contiguous()
    entries = 1 << (fan_in * bits)
    addresses = torch.empty(n, batch, dtype=_word(entries))
    counts = torch.empty(n, entries)
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
    table: Tensor, counts: Tensor, batch: int, output: NormQuantise
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
    counts: Tensor,
    mean: Tensor,
    variance: Tensor,
    output: NormQuantise,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """See `lutra.nn._torch_ops.quantise_backward`."""
    assert native is not None
    gradient = gradient.contiguous()
    table_gradient, direct, shared = torch.empty(3, *table.shape)
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


def gather(
    gradient: Tensor,
    direct: Tensor,
    shared: Tensor,
    slopes: Tensor,
    addresses: Tensor,
    wires: Tensor,
    features: int,
) -> Tensor:
    """See `lutra.nn._torch_ops.gather`."""
    assert native is not None
    (n, fan_in), (_, entries, row), batch = wires.shape, slopes.shape, addresses.shape[1]
    gradient, result = gradient.contiguous(), torch.empty(features, batch)
    native.gather(
        *map(pointer, (gradient, direct, shared, slopes)),
        pointer(addresses, _word(entries)),
        pointer(wires, torch.int64),
        *(n, features, batch, fan_in, entries, row),
        pointer(result),
    )
    return result


def _word(entries: int) -> torch.dtype:
    """Return the type of an address."""
    return torch.uint8 if entries <= 256 else torch.uint16


def pointer(x: Tensor, dtype: torch.dtype = torch.float32) -> int:
    """Return the address of a contiguous CPU tensor's data, having checked that it is one.

    The caller keeps the tensor alive.
    """
    if x.dtype is not dtype or not x.is_contiguous() or x.device.type != "cpu":
        raise TypeError(f"a kernel wants contiguous {dtype} on the CPU, not {x.dtype}, {x.device}")
    return x.data_ptr()
