"""What training costs with a lever: CutOut, or a loss on maps, beside plain steps.

All ways train interleaved in one process on one thread; ratios are taken round by round, and the median is printed.
Labels are balanced, and a loss on maps is of the positive windows; with amounts it is of every window. Run by
`make bench`.
"""

import logging
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from tracklight.core.tape import Tape
from tracklight.genome.decode import one_hot
from tracklight.learning.examples import Examples, Windows, make_examples
from tracklight.learning.fit import fit
from tracklight.learning.levers import Variation
from tracklight.models.spec import ModelSpec, build
from tracklight.settings import Architecture, Train
from tracklight.stages.levers import levers_of

CPU = torch.device("cpu")
COUNT, WINDOW_BP, HELD_OUT, ROUNDS = 2048, 150, 64, 5
SHAPE = Architecture().model_dump(include={"filters", "kernels", "pools", "hidden", "dropout", "batch_norm"})
SPEC = ModelSpec("valid_conv", 4, WINDOW_BP, ("value",), SHAPE)
LIMIT = 3.5  # what a loss on one map per window may cost
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "guided CutOut, half of the windows": {"augment": {"cutout": "guided", "warm_up": 0.0, "insist": True}},
    "loss on maps (fourier)": {"consistency": {"fourier_weight": 1.0, "start": 0.0, "guard": None}},
    "loss on pairs of maps (consistency)": {"consistency": {"weight": 1.0, "start": 0.0, "guard": None}},
}


def windows(loss: str) -> Examples:
    rng = np.random.default_rng(0)
    tape = Tape(rng.integers(0, 4, COUNT * WINDOW_BP).astype(np.uint8), ("contig",), np.array([0, COUNT * WINDOW_BP]))
    start, contig = np.arange(COUNT) * WINDOW_BP, np.full(COUNT, "contig", object)
    targets = (np.arange(COUNT) % 2 if loss == "bce" else rng.normal(size=COUNT)).astype(np.float32)[:, None]
    index = Windows(contig, start, np.zeros(COUNT, bool), targets)
    return make_examples(tape, index, length=WINDOW_BP, decode=one_hot, device=CPU)


def seconds(examples: Examples, loss: str, way: dict[str, Any], folder: Path) -> float:
    settings = Train.model_validate({"device": "cpu", "loss": loss, "epochs": 1} | way)
    levers = levers_of(settings, SPEC, vary=Variation(), stranded=True, seed=0, device=CPU)
    rows = {"train": torch.arange(COUNT - HELD_OUT), "validation": torch.arange(COUNT - HELD_OUT, COUNT)}
    model, resume = build(SPEC, seed=0), folder / "resume.pt"
    started = time.process_time()
    fit(model, examples, rows, settings, seed=0, levers=levers, resume=resume)
    taken = time.process_time() - started
    resume.unlink()
    return taken


def main() -> None:
    torch.set_num_threads(1)
    logging.disable(logging.INFO)
    for loss, what in (("bce", "labels, balanced"), ("mse", "amounts")):
        examples, taken = windows(loss), {name: list[float]() for name in WAYS}
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(ROUNDS):
                for name, way in WAYS.items():
                    taken[name].append(seconds(examples, loss, way, Path(folder)))
        print(f"\n{what}: {COUNT - HELD_OUT} windows of {WINDOW_BP} bp, one epoch, one thread")
        for name, own in taken.items():
            ratio = median(t / p for t, p in zip(own, taken["plain"], strict=True))
            verdict = ("within" if ratio <= LIMIT else "over") + f" {LIMIT}" if name.startswith("loss") else ""
            print(f"  {name:<36}{median(own):6.2f} s  x{ratio:.2f} of plain  {verdict}")


if __name__ == "__main__":
    main()
