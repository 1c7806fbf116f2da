# Which files a run on DNA has. No rules here.


def listed(given):
    """The paths of an input: one, a list, named ones, or none."""
    if isinstance(given, dict):
        return list(given.values())
    return given if isinstance(given, list) else [given] if given else []


for KEY, GIVEN in CONFIG.inputs:
    for FILE in listed(GIVEN):
        check_input(KEY, FILE)

SHARDS = range(CONFIG.attribute.shards)
MODELS = expand("results/{{run}}/model/seed{seed}/model.pt", seed=CONFIG.train.seeds)
SALIENCY = expand(
    "results/{{run}}/attribution/gradient_x_input/shard{shard}.npz", shard=SHARDS
)
GRADIENTS = expand(
    "results/{{run}}/attribution/integrated_gradients/shard{shard}.npz", shard=SHARDS
)
STAGES = ["prepare_genome", "prepare_windows", "evaluate", "bigwig", "peaks"]
STAGES += ["candidates", "logos"]
STAGES += ["receptive_field", "deletion", "methods", "sanity", "shortcuts", "trust"]
STAGES += ["evaluate_elements"] if CONFIG.inputs.elements else []
STAGES += [f"train_seed{seed}" for seed in CONFIG.train.seeds]
STAGES += [
    f"attribute_{method}_{shard}"
    for method in ("gradient_x_input", "integrated_gradients")
    for shard in SHARDS
]
RECORDS = expand("results/{{run}}/provenance/{stage}.json", stage=STAGES)
SIGNED = ["saliency", "integrated_gradients", "prediction"]
STRANDS = [".plus", ".minus"] if CONFIG.prepare_windows.stranded else [""]
SUMMARIES = [f"saliency{strand}.sd" for strand in STRANDS] + ["saliency.abs"]
TRACKS = [f"{track}{strand}" for track in SIGNED for strand in STRANDS] + SUMMARIES
RESULTS = [
    "results/{run}/report.html",
    "results/{run}/provenance.json",
    "results/{run}/candidates.tsv",
    "results/{run}/candidates.bed",
    "results/{run}/candidates.fa",
    "results/{run}/peaks/peaks.narrowPeak",
    "results/{run}/trust.tsv",
    *expand("results/{{run}}/tracks/{track}.bw", track=TRACKS),
]


def trust_tables(*names):
    """Tables that a stage of trust.smk writes."""
    return [f"results/{{run}}/trust/{name}.tsv" for name in names]


def named_tracks(paths, names):
    """Tracks as `name=file` or, for a stranded assay, `name=plus,minus`."""
    files = {Path(path).name: path for path in paths}
    return [
        f"{track}={','.join(files[f'{track}{strand}.bw'] for strand in STRANDS)}"
        for track in names
    ]


wildcard_constraints:
    method="gradient_x_input|integrated_gradients",
    shard="[0-9]+",
