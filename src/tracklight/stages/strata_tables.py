"""The tables of the stage `strata`: estimates, parts and subjects."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.settings import Strata
from tracklight.stages.units import Units
from tracklight.stats import INTERVAL
from tracklight.stats import permutation as tests
from tracklight.stats import strata as engine
from tracklight.stats import subjects as over
from tracklight.stats.decomposition import Parts, confound_share, decompose, decompose_by_stage
from tracklight.stats.exchange import Draws, draws

Floats = NDArray[np.float64]
SUM, SCORE = "(sum of features)", "(score)"
UNDIVIDED = "the attribution does not sum to the networks' output: their evidence is not divided among features"


def labellings(units: Units, settings: Strata) -> Draws:
    """Return the labels as they could have been."""
    return draws(
        units.design, count=settings.permutations, seed=settings.seed, exchange=settings.exchange, order=units.order
    )


def effect_table(units: Units, settings: Strata) -> pd.DataFrame:
    """Return the estimates of `strata.tsv`, one row per feature."""
    design, generator = units.design, np.random.default_rng(settings.seed)
    effects = engine.subject_effects(design, units.values)
    mean = over.mean_over_subjects(
        effects, samples=settings.bootstrap, bca_from=settings.bca_from_subjects, generator=generator
    )
    new = over.next_subject(effects)
    statistic = tests.main_statistic(design, units.values, drawn=labellings(units, settings))
    table = {
        "feature": units.features, "theta": mean.mean, "low": mean.low, "high": mean.high,
        "new_low": new[0], "new_high": new[1], "g_z": over.effect_size(effects),
        "subjects": len(over.present(effects)), "same_sign": over.same_sign(effects),
        "theta_inverse_variance": engine.inverse_variance(design, units.values),
        "z": statistic(design.label[None])[0],
    }  # fmt: skip
    if units.score is not None:
        table["pattern"] = engine.within_pattern(design, units.values, score=units.score)
    by_stage = zip(design.stages, engine.stage_effects(design, units.values), strict=True)
    return pd.DataFrame(table | {f"theta.{stage}": row for stage, row in by_stage})


def _with_totals(units: Units, *, divided: bool = True) -> tuple[list[str], Floats]:
    """Features, their sum, and the score: what is split into parts; the last alone where features may not be."""
    columns, names = [units.values, units.values.sum(1, keepdims=True)], [*units.features, SUM]
    if units.score is not None:
        columns, names = [*columns, units.score[:, None]], [*names, SCORE]
    return (names, np.concatenate(columns, axis=1)) if divided else (names[-1:], columns[-1])


def subject_table(units: Units, *, divided: bool) -> pd.DataFrame:
    """Return `strata_subjects.tsv`: every subject's effect and its parts, one row per subject and feature.

    Parameters
    ----------
    units : Units
        Rows, labels and strata.
    divided : bool
        Whether features are split; otherwise the score alone is.
    """
    design, (names, values) = units.design, _with_totals(units, divided=divided)
    effects, parts = engine.subject_effects(design, values), decompose(design, values)
    rows = np.bincount(design.subject[design.member])
    informative = np.bincount(design.subject[design.member], design.informative[design.member]).astype(int)
    shape = {"subject": np.repeat(design.subjects, len(names)), "feature": np.tile(names, len(design.subjects))}
    counts = {"units": np.repeat(rows, len(names)), "informative": np.repeat(informative, len(names))}
    numbers = {"effect": effects.ravel()} | {name: getattr(parts, name).ravel() for name in Parts._fields}
    return pd.DataFrame(shape | counts | numbers)


def split_table(units: Units, settings: Strata, *, divided: bool) -> pd.DataFrame:
    """Return `strata_decomposition.tsv`: means over subjects of the parts, with intervals, one row per feature.

    Parameters
    ----------
    units : Units
        Rows, labels and strata.
    settings : Strata
        Bootstrap and seed.
    divided : bool
        Whether features are split; otherwise the score alone is.
    """
    design, (names, values) = units.design, _with_totals(units, divided=divided)
    parts, table = decompose(design, values), dict[str, Any](feature=names)
    options = {"samples": settings.bootstrap, "bca_from": settings.bca_from_subjects}
    for name, part in zip(Parts._fields, parts, strict=True):
        mean = over.mean_over_subjects(part, **options, generator=np.random.default_rng(settings.seed))
        table |= {name: mean.mean, f"{name}_low": mean.low, f"{name}_high": mean.high}
    within, between = over.present(parts.within), over.present(parts.between)
    table["confound_share"] = confound_share(within.mean(0), between.mean(0))
    generator, ends = np.random.default_rng(settings.seed), np.full((2, len(names)), np.nan)
    if len(within) >= settings.bca_from_subjects:
        weights = over.subject_weights(len(within), samples=settings.bootstrap, generator=generator)
        ends = np.quantile(confound_share(weights @ within, weights @ between), INTERVAL, axis=0)
    return pd.DataFrame(table | {"confound_share_low": ends[0], "confound_share_high": ends[1]})


def stage_counts(design: engine.Design) -> pd.DataFrame:
    """Return per stage how many rows there are, how many have the label, and how many are in strata with both."""
    stage = design.stage[design.member]
    kinds = {"units": stage >= 0, "with_label": design.label, "informative": design.informative[design.member]}
    counts = {name: np.bincount(stage[rows], minlength=len(design.stages)) for name, rows in kinds.items()}
    return pd.DataFrame({"stage": design.stages} | counts)


def stage_table(units: Units) -> pd.DataFrame:
    """Return `strata_stages.tsv`: counts, and what each stage adds to the parts of the score, as means over subjects.

    Over the stages each part sums to the one in the last row of `strata_decomposition.tsv`.
    """
    design, (_, values) = units.design, _with_totals(units, divided=False)
    parts = decompose_by_stage(design, values)
    means = {name: np.nanmean(part[..., 0], axis=1) for name, part in zip(Parts._fields, parts, strict=True)}
    return stage_counts(design).assign(**means)


def headline(split: pd.DataFrame) -> dict[str, float | None]:
    """Return the confound share of the score, or of the sum of features where there is none, with its interval."""
    row = split.iloc[-1]
    names = {"of": "feature", "value": "confound_share", "low": "confound_share_low", "high": "confound_share_high"}
    return {name: finite(row[column]) for name, column in names.items()}


def finite(value: Any) -> Any:
    """Return the value, None in the place of NaN: JSON has no NaN."""
    return None if isinstance(value, float) and not np.isfinite(value) else value
