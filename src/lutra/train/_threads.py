"""Which library gets the cores during a training."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lutra._kernels import native
from lutra.nn import LutModel
from lutra.nn.vision import VisionTransformer
from lutra.weightless import UleenModel

__all__ = ["cores_for"]


@contextmanager
def cores_for(model: LutModel | UleenModel | VisionTransformer) -> Iterator[None]:
    """Leave torch one thread where the native kernels do the work of ``model``.

    Two pools that wait for work by spinning take the cores from each other. The kernels' results
    do not depend on the number of threads, so neither does the training then.
    """
    threads = torch.get_num_threads()
    if native is not None:
        native.keep_freed_memory()
        native.set_threads(threads)
        if isinstance(model, LutModel) and model.tables_alone:
            torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
