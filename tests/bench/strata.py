"""How long 5,000 permutations of 2,000 features over 24 subjects take, and how much memory.

Run by `python tests/bench/strata.py`, on one thread.
"""

import resource
import time

import numpy as np

from tracklight.stats import permutation as tests
from tracklight.stats.clusters import chain, neighbour_pairs
from tracklight.stats.exchange import draws
from tracklight.stats.strata import departures, stratify

SUBJECTS, REPORTS, STAGES, PERMUTATIONS, AXES = 24, 20, 3, 5_000, (8, 50, 5)


def main() -> None:
    rng, rows = np.random.default_rng(0), SUBJECTS * REPORTS
    subject, stage = np.repeat(np.arange(SUBJECTS), REPORTS), rng.integers(STAGES, size=rows)
    values = rng.normal(size=(rows, int(np.prod(AXES))))
    design = stratify(subject, stage, label=rng.random(rows) < 0.45)
    drawn = draws(design, count=PERMUTATIONS, seed=0, exchange="permute")
    levels = np.stack([axis.ravel() for axis in np.meshgrid(*map(np.arange, AXES), indexing="ij")], axis=1)
    shape = tests.Shape(2.0, neighbour_pairs(levels, [chain(size) for size in AXES]))
    print(f"{PERMUTATIONS} permutations of {values.shape[1]} features over {SUBJECTS} subjects x {REPORTS} rows")
    main_test = tests.main_statistic(design, values, drawn=drawn)
    stages = tests.Statistic(design, values, weights=departures(design), variance=drawn.variance(values))
    for name, statistic, clusters in (
        ("max-T", main_test, None),
        ("max-T and clusters", main_test, shape),
        (f"difference of {STAGES} stages", stages, None),
    ):
        started, before = time.process_time(), peak_mib()
        observed = statistic(design.label[None])[0]
        for span in tests.spans(drawn, statistic):
            tests.null_part(statistic, drawn, span=span, observed=observed, shape=clusters)
        seconds = time.process_time() - started
        print(f"  {name:<28}{seconds:6.2f} CPU s, peak {before:.0f} -> {peak_mib():.0f} MiB")


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
