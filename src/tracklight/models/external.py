"""Any network of another package: a class that is named, built with plain arguments, and read by its logits.

Only a class of `torch.nn.Module` is ever called, since a checkpoint names it too; but its module is imported first, so
use checkpoints of people you trust, as with any package you install.
"""

import importlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tracklight.core.margin import margin
from tracklight.errors import complaint, one_of
from tracklight.models.network import Network, Shape

MARK = "$"
FAULTS = (  # what foreign code may raise when it is imported, built or run
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, OSError, RuntimeError,
    SyntaxError, TypeError, ValueError,
)  # fmt: skip


class External(Network):
    """A network of another package, `(batch, channel, position)` to one logit per target.

    With one target it may give two logits, of label 0 and label 1: their difference, the log-odds of label 1, is the
    output.

    Parameters
    ----------
    shape : Shape
        Of the windows.
    module
        The class, as `package.module:Class`.
    arguments
        Keyword arguments of its constructor.

    Raises
    ------
    InputError
        When there is no such class, it is no `torch.nn.Module`, cannot be built, or does not give logits.
    """

    def __init__(self, shape: Shape, *, module: str, arguments: Mapping[str, Any]):
        super().__init__(shape)
        self.module, self.arguments = module, dict(arguments)
        try:
            self.body = network_class(module)(**arguments)
            with torch.no_grad():  # tells at once whether it fits, and gives lazy layers their sizes
                self.eval()(torch.zeros(2, shape.channels, shape.length))
        except FAULTS as error:
            raise complaint(
                f"cannot build the network for {shape.channels} channels and {shape.length} positions", where=module,
                got=f"{type(error).__name__}: {error}", do="correct its arguments, or use another network",
            ) from None  # fmt: skip
        self.train()

    def forward(self, x: Tensor) -> Tensor:
        """Turn epochs `(batch, channel, position)` into `(batch, target)`."""
        logits, targets = self.body(x), self.shape.targets
        allowed = [(len(x), count) for count in ([1, 2] if targets == 1 else [targets])]
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        if got not in allowed:
            raise complaint(
                f"network does not give logits for {x.shape[-1]} positions", where=self.module, got=str(got),
                allowed=" or ".join(map(str, allowed)), do="make or wrap it so that it gives them",
            )  # fmt: skip
        return self.in_units(margin(logits, label=1) if targets == 1 else logits)

    def extra_repr(self) -> str:
        """Name the class and its arguments, so that a training resumes the same network only."""
        return f"{self.module}, {self.arguments}"


def network_class(module: str) -> type[nn.Module]:
    """Import `package.module:Class`; what is not a class of `torch.nn.Module` is an `InputError`."""
    place, _, name = module.partition(":")
    try:
        found = getattr(importlib.import_module(place), name)
    except FAULTS as error:
        raise complaint(
            "cannot import the network",
            where=module,
            got=error,
            do="install its package, or name it package.module:Class",
        ) from None
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise complaint("not a network", where=module, got=type(found).__name__, allowed="a class of torch.nn.Module")
    return found


def filled(arguments: Any, sizes: Mapping[str, float]) -> Any:
    """Replace the words `$channels`, `$length`... in arguments by the sizes of those names, in lists and mappings too.

    Raises
    ------
    InputError
        When there is no size of that name.
    """
    if isinstance(arguments, Mapping):
        return {name: filled(value, sizes) for name, value in arguments.items()}
    if isinstance(arguments, list):
        return [filled(value, sizes) for value in arguments]
    if isinstance(arguments, str) and arguments.startswith(MARK):
        one_of(arguments, [MARK + name for name in sizes], what="size", where="train_eeg.architecture.arguments")
        return sizes[arguments.removeprefix(MARK)]
    return arguments
