"""How fast a genome is attributed: one pass over segments beside window by window, ours and captum's.

All ways run interleaved in one process on one thread; ratios are taken round by round, and the median is printed.
Run by `make bench`.
"""

import time
from collections.abc import Callable
from statistics import median

import captum.attr
import numpy as np
import torch

from tracklight.core.tape import Tape
from tracklight.genome.decode import one_hot
from tracklight.genome.ensemble import Ensemble
from tracklight.genome.saliency import Scan, attribute_stretch
from tracklight.models.spec import ModelSpec, build
from tracklight.settings import Architecture, Attribute

CPU = torch.device("cpu")
GENOME_BP, WINDOW_BP, BATCH, ROUNDS = 40_000, 150, 256, 3
SHAPE = Architecture().model_dump(include={"filters", "kernels", "pools", "hidden", "dropout", "batch_norm"})
SPEC = ModelSpec("valid_conv", 4, WINDOW_BP, ("value",), SHAPE)


class Hidden(torch.nn.Module):
    """The same network without its `scan`, so that every window is run alone."""

    def __init__(self, network: torch.nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x)


def ours(network: torch.nn.Module, tape: Tape, stride: int) -> np.ndarray:
    scan = Scan(Ensemble((network,), (0,), SPEC), Attribute(stride_bp=stride), "gradient_x_input", stranded=True)
    return attribute_stretch(tape, (0, len(tape)), scan, device=CPU).mean


def captums(network: torch.nn.Module, tape: Tape, stride: int) -> np.ndarray:
    method = captum.attr.InputXGradient(network)
    starts = np.arange(0, len(tape) - WINDOW_BP + 1, stride)
    total, seen = np.zeros((2, len(tape)), np.float32), np.zeros(len(tape))
    for batch in np.array_split(starts, max(1, len(starts) // BATCH)):
        codes = torch.from_numpy(np.asarray(tape.data)[batch[:, None] + np.arange(WINDOW_BP)])
        for strand, flag in enumerate((False, True)):
            x = one_hot(codes, reverse=torch.full((len(batch),), flag)).requires_grad_()
            found = method.attribute(x, target=0).sum(1).detach().numpy()
            for start, row in zip(batch, found[:, ::-1] if flag else found, strict=True):
                total[strand, start : start + WINDOW_BP] += row
                seen[start : start + WINDOW_BP] += 0.5
    return total / np.maximum(seen, 1)


def main() -> None:
    torch.set_num_threads(1)
    codes = np.random.default_rng(0).integers(0, 4, GENOME_BP).astype(np.uint8)
    tape = Tape(codes, ("contig",), np.array([0, GENOME_BP]))
    network = build(SPEC, seed=0).eval().requires_grad_(requires_grad=False)
    for stride in (8, WINDOW_BP // 2 // 8 * 8):
        ways: dict[str, Callable[[], np.ndarray]] = {
            "one pass over segments": lambda s=stride: ours(network, tape, s),
            "window by window": lambda s=stride: ours(Hidden(network), tape, s),
            "captum InputXGradient": lambda s=stride: captums(network, tape, s),
        }
        report(stride, ways)


def report(stride: int, ways: dict[str, Callable[[], np.ndarray]]) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            started = time.process_time()
            way()
            seconds[name].append(time.process_time() - started)
    base = seconds["captum InputXGradient"]
    print(f"\n{GENOME_BP} bp, both strands, windows of {WINDOW_BP} bp every {stride} bp, one network, one thread")
    for name, taken in seconds.items():
        ratio = median(b / t for b, t in zip(base, taken, strict=True))
        print(f"  {name:<24}{GENOME_BP / 1e6 / median(taken):8.3f} Mb per CPU second  x{ratio:.1f} over captum")


if __name__ == "__main__":
    main()
