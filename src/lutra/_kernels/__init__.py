"""Native kernels behind Python; without a compiled module the torch path serves alone."""

import logging
from types import ModuleType

try:
    from lutra._kernels import _native  # pyright: ignore[reportAttributeAccessIssue]
except ImportError:  # no compiler at install time
    _native = None
    logging.getLogger("lutra").warning(
        "native kernels are not built; using the slower torch path (`lutra doctor` says more)"
    )

__all__ = ["native"]

native: ModuleType | None = _native
"""The compiled module, None where it was not built.

Its kernels take addresses of contiguous CPU arrays, see ``kernels.h`` and ``cover.h``; `lutra.nn`
and `lutra.passes` call and check them. Each result has the same bits for every number of threads.

``instruction_sets()``, ``instruction_set()``, ``choose(name)``
    What this machine offers, the fastest last; what is in use.
``threads()``, ``set_threads(count)``
    How many threads share a kernel's work.
``keep_freed_memory()``
    Keep the pages of freed tensors in the process (glibc; elsewhere nothing).
"""
