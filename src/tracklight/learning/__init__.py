"""Examples in, checkpoint out.

What lives here: windows gathered on the device, one training loop, losses, metrics, baselines. May import: models,
stats and below. To add: a loss is one function and its row in `LOSSES`; a baseline is one function that `evaluate`
calls.
"""
