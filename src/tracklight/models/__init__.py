"""Architectures, and how a network is built, kept and read back.

What lives here: networks on `(batch, channel, position)`, `spec.py` with `ARCHITECTURES`, checkpoints. May import: core
and below; torch, no tables and no file formats but the checkpoint. To add: a subclass of `Network` in a file of its own
and its row in `ARCHITECTURES`; the options of its constructor become settings of `train.architecture`.
"""
