"""The section of methods: what was done, in sentences for a paper, with the numbers this run used."""

from collections.abc import Sequence

from tracklight.report.blocks import Items, Section, Text
from tracklight.report.eeg.study import Study
from tracklight.settings.eeg_learning import AttributeEeg, TrainEeg
from tracklight.settings.strata import StrataEeg

ANCHOR, TITLE = "methods", "Methods"
REFERENCES = [
    "Split of a difference: Kitagawa 1955, J Am Stat Assoc 50:1168; Oaxaca 1973, Int Econ Rev 14:693; Blinder 1973, "
    "J Hum Resour 8:436",
    "Weights of strata: Mantel and Haenszel 1959, J Natl Cancer Inst 22:719",
    "Family-wise p from the largest statistic: Westfall and Young 1993, Resampling-based multiple testing; clusters: "
    "Maris and Oostenveld 2007, J Neurosci Methods 164:177; what their p does not say: Sassenhagen and Draschkow 2019, "
    "Psychophysiology 56:e13335",
    "Conjunction: Nichols et al. 2005, NeuroImage 25:653",
    "Patterns, not filters: Haufe et al. 2014, NeuroImage 87:96",
    "Integrated gradients: Sundararajan et al. 2017, ICML; randomised weights: Adebayo et al. 2018, NeurIPS",
]


def methods_section(studies: Sequence[Study]) -> Section:
    """Say what was done, from the records of the stages."""
    return Section(ANCHOR, TITLE, [Text(" ".join(sentences(studies[0]))), Items(REFERENCES)])


def sentences(study: Study) -> list[str]:
    """Return the methods of a study as sentences."""
    strata = study.settings("strata", StrataEeg())
    train = study.settings("train-eeg", TrainEeg())
    attribute = study.settings("attribute-eeg", AttributeEeg())
    return [
        "Subjects were drawn into two halves without looking at labels; networks of each half explained and judged all "
        "subjects of the other, so that nobody was in training and test.",
        "Spectra were whitened per subject and channel without labels.",
        f"One network per seed and half ({study.network}; {train['steps']:,} steps of AdamW, one-cycle schedule, "
        "state of the lowest loss on validation subjects) was trained on random crops.",
        f"Attribution is of the log-odds of {study.label()}: gradient × input where its sum meets the output within "
        f"{attribute['completeness_sd']:g} SD, otherwise integrated gradients in {attribute['integrated_steps']} "
        "steps, in volts, off-signal directions projected out, by frequency and by time.",
        "Epochs were averaged to reports, divided by the subject's SD of the evidence, and labels were compared within "
        f"strata of subject and {' and '.join(strata['strata']) or 'nothing else'}, with Mantel-Haenszel weights and "
        "equal weight of subjects.",
        f"Under the null, labels are exchanged within strata ({strata['permutations']:,} labellings, or all there "
        "are); p-values are family-wise over the features of a map, and of both directions min(1, 2 min p).",
        "Intervals are bootstrapped over subjects.",
        f"A feature is claimed as content when the networks decode within strata in both directions and both its "
        f"attribution and its power, which knows no network, are significant at {strata['alpha']:g}, within "
        "the bins of every second stratifier too, unless a model of the stage from eyes and muscles, which know no "
        "content, follows the label within strata.",
        "Maps were declared in order, frequency first and time second: of the second something is claimed only where "
        "the first has content, which keeps the family-wise error over both.",
        "Patterns are of the log power within strata: its covariance with the evidence over the variance of that.",
    ]
