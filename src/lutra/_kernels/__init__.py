"""Native kernels behind Python; without a compiled module the torch path serves alone."""

import logging
from types import ModuleType

try:
    from lutra._kernels import _native  # pyright: ignore[reportAttributeAccessIssue]
except ImportError:  # no compiler at install time
    _native = None
    logging.getLogger("lutra").info("native kernels are not built; using the torch path")

__all__ = ["native"]

native: ModuleType | None = _native
"""The compiled module, None where it was not built. All kernels take contiguous CPU arrays:

``pack_addresses(codes, wires, bits, addresses)``
    ``addresses[n, b] = sum_f codes[wires[n, f], b] << (f * bits)``; uint8, int64 -> int64.
``keep_freed_memory()``
    Keep the pages of freed tensors in the process (glibc; elsewhere nothing).
"""
