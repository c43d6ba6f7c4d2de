"""CIFAR-100: the photographs of CIFAR-10's makers in 100 finer classes."""

from lutra.data._cifar10 import SIDE, read_binary
from lutra.data._images import photo_table
from lutra.data._local import local_file, read_lines
from lutra.data._request import Request
from lutra.data._table import Table
from lutra.errors import DataError

__all__ = ["load_cifar100"]

_HOME = (
    "unpack the binary version, https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz, in there"
)
_CLASSES = 100


def load_cifar100(request: Request) -> Table:
    """Load CIFAR-100 with its fine labels from the local folder: the binary version."""
    path = local_file(request, ["cifar-100-binary/train.bin"], _HOME)
    folder = path.parent
    classes = tuple(read_lines(folder / "fine_label_names.txt"))
    if len(classes) != _CLASSES:
        raise DataError(
            f"{folder / 'fine_label_names.txt'}: {len(classes)} names; there are {_CLASSES} classes"
        )
    # A byte of the coarse label stands before that of the fine one.
    train, test = (
        read_binary(folder / name, _CLASSES, skip=1) for name in ("train.bin", "test.bin")
    )
    return photo_table("cifar100", train, test, classes, SIDE, folder)
