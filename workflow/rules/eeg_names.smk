# Which files a run on sleep EEG has: by study, network, half of the subjects, and map. No rules here.
from tracklight.eeg.bids import find_recordings
from tracklight.eeg.recordings import read_recordings
from tracklight.eeg.reports import ORDER, check_stratifiers, covariate_columns
from tracklight.eeg.simulate import REPORT_COLUMNS


def files_of(study, path):
    """All files of a study that is given as a table of recordings or as a BIDS folder."""
    path, settings = Path(path), CONFIG.prepared(study)
    try:
        if path.is_dir():
            found, more = find_recordings(path), path.glob("sub-*/**/*_channels.tsv")
        else:
            found = read_recordings(path, split_column=settings.split.column)
            more = [path]
        # A wrong name would else be told after hours of training.
        for recording in found:
            check_stratifiers(
                list(CONFIG.second_stratifiers), recording, settings=settings
            )
    except InputError as error:
        raise WorkflowError(str(error)) from None
    files = {file for recording in found for file in recording.files.values()}
    return sorted(map(str, files | set(more)))


def check_simulated(study):
    """Simulated reports have the columns that second stratifiers name."""
    names = [*covariate_columns(REPORT_COLUMNS, CONFIG.prepared(study)), ORDER]
    try:
        for name in CONFIG.second_stratifiers:
            one_of(
                name,
                names,
                what="covariate of simulated reports (second_stratifiers)",
                where=f"config.studies.{study}.covariates",
            )
    except InputError as error:
        raise WorkflowError(str(error)) from None


for STUDY, GIVEN in CONFIG.inputs.recordings.items():
    check_input(f"recordings.{STUDY}", GIVEN, folder=Path(GIVEN).is_dir())
if CONFIG.simulate_eeg:
    check_input("hypnograms", CONFIG.inputs.hypnograms, folder=True)

GIVEN_FILES = {
    study: files_of(study, given) for study, given in CONFIG.inputs.recordings.items()
}
for STUDY in CONFIG.simulate_eeg:
    check_simulated(STUDY)
HALVES = ["A", "B"]
NETWORKS = list(CONFIG.train_eeg)
FIRST = NETWORKS[0]  # claims rest on it, the others stand beside it
PARTS = range(CONFIG.strata.parts) if CONFIG.strata.parts > 1 else []
BINNED = [
    f"{table}.{column}"
    for column in CONFIG.second_stratifiers
    for table in ("attribution", "power")
]
# Within strata of subject and stage, and of a further column as well.
MAPS = ["attribution", "power", "attribution_time", "power_time"]
UNITS = [f"{table}.tsv.gz" for table in [*MAPS, "epochs"]]
UNITS += ["axes.tsv", "axes_time.tsv", "neighbours.tsv", "counts.tsv", "units.json"]
STRATA = ["strata.tsv", "strata_subjects.tsv", "strata_decomposition.tsv"]
STRATA += ["strata_stages.tsv", "strata_clusters.tsv", "strata.json"]
RESULTS = ["results/{run}/report.html", "results/{run}/provenance.json"]


def recordings(wildcards):
    """The table or folder of a study's recordings."""
    simulated = f"results/{wildcards.run}/{wildcards.study}/recordings/recordings.tsv"
    return CONFIG.inputs.recordings.get(wildcards.study, simulated)


def truth(wildcards):
    """The planted signal of a simulated study."""
    folder = f"results/{wildcards.run}/{wildcards.study}/recordings"
    return f"{folder}/truth_maps.npz" if wildcards.study in CONFIG.simulate_eeg else []


def contrasted(wildcards):
    """What `strata` reads for a map: a table of units, the places of its features, and which are neighbours."""
    table = wildcards.map.partition(".")[0]
    axes = "axes_time" if table.endswith("_time") else "axes"
    names = {"table": f"{table}.tsv.gz", "axes": f"{axes}.tsv"}
    folder = f"results/{wildcards.run}/{wildcards.study}/units/{wildcards.network}"
    return {
        kind: f"{folder}/{name}"
        for kind, name in {**names, "neighbours": "neighbours.tsv"}.items()
    }


def summed(wildcards):
    """Whether the attribution sums to the output, for the maps that are attribution."""
    if not wildcards.map.startswith("attribution"):
        return []
    folder = f"results/{wildcards.run}/{wildcards.study}/units/{wildcards.network}"
    return f"{folder}/units.json"


def maps(network):
    """The maps of a network: those within bins of a second stratifier are of the first one."""
    return MAPS + (BINNED if network == FIRST else [])


def of_every(patterns, studies=CONFIG.study_names):
    """Patterns for these studies, and all networks with their halves, seeds and maps."""
    paths = [
        path
        for network in NETWORKS
        for path in expand(
            patterns,
            study=studies,
            network=network,
            half=HALVES,
            seed=CONFIG.train_eeg[network].seeds,
            map=maps(network),
            allow_missing=True,
        )
    ]
    return list(dict.fromkeys(paths))


def folders(files):
    """The folders of files, each once."""
    return list(dict.fromkeys(str(Path(file).parent) for file in files))


def by_name(files):
    """The folders of files as `name=folder`."""
    return named({Path(folder).name: folder for folder in folders(files)})


def strata_settings(name):
    """Settings of the map of this name: within bins of a second stratifier when it ends in one."""
    column = name.partition(".")[2]
    bins = CONFIG.second_stratifiers.get(column)
    return section(
        CONFIG.strata, **({"bin_column": column, "bins": bins} if column else {})
    )


wildcard_constraints:
    study="|".join(map(re.escape, CONFIG.study_names)),
    network="|".join(map(re.escape, NETWORKS)),
    half="A|B",
    map="|".join(map(re.escape, MAPS + BINNED)),
    part="[0-9]+",
