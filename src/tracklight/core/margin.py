"""One number to explain, from a model with any number of outputs: the logit margin, never a probability."""

from collections.abc import Callable

from torch import Tensor, nn

from tracklight.errors import complaint


class Margin(nn.Module):
    """The margin of one class over the others, as a model with one output.

    A probability is flat where the model is sure, and its gradient vanishes there; the margin is not, and it is the
    same for logits and for their log-softmax. For two classes it is the difference of their logits, which is the
    log-odds; a model with one output gives the log-odds already and is passed through.

    Parameters
    ----------
    model : Module or callable
        Maps `(batch, channel, *space)` to logits `(batch, class)`.
    label : int
        The class, from 0; for a model with one output 1, or 0 for the log-odds of the other label.
    """

    def __init__(self, model: Callable[[Tensor], Tensor], *, label: int):
        super().__init__()
        self.model = model
        self.label = label

    def forward(self, x: Tensor) -> Tensor:
        """Turn inputs `(batch, channel, *space)` into margins `(batch, 1)`."""
        return margin(self.model(x), label=self.label)


def margin(logits: Tensor, *, label: int) -> Tensor:
    """Return the logit of a class minus the mean of the others.

    Parameters
    ----------
    logits : Tensor (batch, class)
        Of a softmax; or `(batch, 1)`, log-odds of label 1.
    label : int
        The class.

    Returns
    -------
    Tensor (batch, 1)

    Raises
    ------
    InputError
        When logits have another shape, or there is no such class.
    """
    if logits.ndim != 2 or not logits.shape[1]:
        raise complaint(
            "model does not give logits", got=f"shape {tuple(logits.shape)}", allowed="(batch, class)",
            do="wrap the model so that it gives one number per class",
        )  # fmt: skip
    classes = logits.shape[1]
    if not 0 <= label < max(classes, 2):
        raise complaint("model has no such class", got=label, allowed=f"0 to {max(classes, 2) - 1}")
    if classes == 1:
        return logits if label else -logits
    own = logits[:, label : label + 1]
    return own - (logits.sum(1, keepdim=True) - own) / (classes - 1)
