"""Random crops need nothing of their own: an epoch is a contig, and its window stands in the middle."""

import numpy as np
import torch

from tracklight.core.tape import Tape
from tracklight.learning.examples import Windows, make_examples
from tracklight.learning.fit import Augmentation
from tracklight.learning.levers import Variation

LENGTH, CROP = 1000, 800


def as_it_is(raw, *, reverse):
    return raw


def test_shifted_windows_are_crops_of_their_own_epoch_and_every_crop_is_equally_likely():
    count = 5
    names = [f"epoch {number}" for number in range(count)]
    tape = Tape(np.arange(count * LENGTH), tuple(names), np.arange(count + 1) * LENGTH)
    middle = np.full(count, (LENGTH - CROP) // 2)
    windows = Windows(np.array(names, object), middle, np.zeros(count, bool), np.zeros((count, 1), np.float32))
    examples = make_examples(tape, windows, length=CROP, decode=as_it_is, device=torch.device("cpu"))
    draw = Augmentation(torch.Generator().manual_seed(0), Variation((LENGTH - CROP) // 2))
    rows = torch.arange(count).repeat_interleave(8000)
    first = examples.x(rows, **draw(len(rows), rows.device))[:, 0] - rows * LENGTH
    assert (first.min().item(), first.max().item()) == (0, LENGTH - CROP)
    times = torch.bincount(first).double()  # 40,000 crops over 201 places: 199 each, SD 14
    assert (times - len(rows) / 201).abs().max() < 5 * 14.1
