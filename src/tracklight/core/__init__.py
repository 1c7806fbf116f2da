"""Mathematics on tensors, blind to where they come from: any `torch.nn.Module`, any `(batch, channel, position)`.

What lives here: the tape, windows on it, attribution and the scan. May import: files, progress, settings, errors.
To add: an attribution method is a function `f(model, x, *, target) -> like x` and its row in `METHODS`.
"""
