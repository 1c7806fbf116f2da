"""What the page needs of every file it reads: columns, keys and arrays; a file without them is damaged or foreign."""

from tracklight.report.run_folder import Needs

NUMBER = (int, float)
PARTS = ("total", "within", "between", "rest")
ENDS = ("", "_low", "_high")


def _columns(texts: str, numbers: str = "") -> dict[str, type | tuple[str, ...]]:
    return {**dict.fromkeys(texts.split(), str), **dict.fromkeys(numbers.split(), float)}


SPLIT = " ".join(f"{part}{end}" for part in (*PARTS, "confound_share") for end in ENDS)
VERDICTS = {"verdict": ("pass", "warn", "fail", "info")}
DIRECTION = {"fold": str, **dict.fromkeys(("units", "subjects", "overlap", "labellings"), NUMBER), "exact": bool,
             **dict.fromkeys(("log10_distinct_labellings", "smallest_p"), NUMBER)}  # fmt: skip
OF_EFFECTS = "theta low high new_low new_high g_z subjects same_sign z"
OF_CLAIMS = "hz theta_attribution low high g_z z_attribution p_attribution pattern theta_power z_power p_power p_both"
OF_NAIVE = "hz pooled_difference pooled_q unstratified_theta unstratified_p"

NEEDS = {
    "epochs/epochs.json": Needs(keys={"rate_hz": NUMBER, "length": NUMBER, "channels": [str]}),
    "epochs/epochs.tsv.gz": Needs(_columns("contig group split report stage", "label"), fewest=1),
    "epochs/dropped.tsv": Needs(_columns("reason")),
    "model/*/*/*/metrics.tsv": Needs(_columns("", "epoch validation_loss validation_pearson best seconds"), fewest=1),
    "attribution/*/*/examples.npz": Needs(arrays=("rows", "signal", "attribution", "margin")),
    "units/*/units.json": Needs(keys={"seed_agreement": dict}),
    "units/*/axes_time.tsv": Needs(_columns("feature channel band", "time_s"), fewest=1),
    "units/*/counts.tsv": Needs(_columns("half_of_subjects stage", "subjects reports with_label epochs")),
    "strata/*/*/strata.json": Needs(
        keys={"directions": [DIRECTION], "alpha": NUMBER, "overlap": NUMBER, "refusals": [str], "warnings": [str]}
    ),
    "strata/*/*/strata.tsv": Needs(_columns("feature", OF_EFFECTS), fewest=1),
    "strata/*/*/strata_decomposition.tsv": Needs(_columns("feature", SPLIT), fewest=1),
    "strata/*/*/strata_subjects.tsv": Needs(_columns("subject feature", " ".join(PARTS)), fewest=1),
    "strata/*/*/strata_stages.tsv": Needs(
        _columns("stage", f"units with_label informative {' '.join(PARTS)}"), fewest=1
    ),
    "strata/*/*/strata_clusters.tsv": Needs(_columns("fold cluster features peak", "mass p")),
    "gate/gate.tsv": Needs(_columns("decoder direction", "auc low high p unstratified reports subjects"), fewest=1),
    "gate/gate_checks.tsv": Needs(_columns("check", "value low high control") | VERDICTS, fewest=1),
    "controls/controls.tsv": Needs(_columns("control direction note", "value low high p")),
    "claims/claims.json": Needs(keys={"withheld": (str, type(None)), "truth": (dict, type(None))}),
    "claims/claims.tsv": Needs(_columns("feature channel claim", OF_CLAIMS), fewest=1),
    "claims/naive.tsv": Needs(_columns("analysis maps unit", "features significant")),
    "claims/naive_features.tsv": Needs(_columns("feature channel", OF_NAIVE)),
    "claims/trust.tsv": Needs(_columns("check", "value low high control") | VERDICTS),
}
