# Recordings, simulated or given, become epochs in volts, and epochs whose frequencies weigh the same.


rule simulate_eeg:
    input:
        # the nights whose sleep stages drive the simulation
        hypnograms=sorted(map(str, Path(CONFIG.inputs.hypnograms or "").glob("*.edf"))),
    output:
        # Signals, hypnogram and reports of each subject come beside these; the table lists them.
        table="results/{run}/{study}/recordings/recordings.tsv",
        truth="results/{run}/{study}/recordings/truth.json",
        reports="results/{run}/{study}/recordings/truth_reports.tsv",
        maps="results/{run}/{study}/recordings/truth_maps.npz",
        provenance="results/{run}/{study}/provenance/simulate_eeg.json",
    log:
        "results/{run}/{study}/logs/simulate_eeg.log",
    benchmark:
        "results/{run}/{study}/benchmarks/simulate_eeg.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        hypnograms=lambda wildcards: CONFIG.inputs.hypnograms,
        out=subpath(output.table, parent=True),
        settings=lambda wildcards: section(CONFIG.simulate_eeg[wildcards.study]),
        fingerprint=FINGERPRINT,
    shell:
        stage("simulate-eeg --hypnograms {params.hypnograms:q} --out {params.out:q}")


rule prepare_eeg:
    input:
        files=lambda wildcards: GIVEN_FILES.get(wildcards.study, recordings(wildcards)),
    output:
        codes="results/{run}/{study}/epochs/codes.npy",
        contigs="results/{run}/{study}/epochs/contigs.json",
        index="results/{run}/{study}/epochs/epochs.tsv.gz",
        description="results/{run}/{study}/epochs/epochs.json",
        dropped="results/{run}/{study}/epochs/dropped.tsv",
        provenance="results/{run}/{study}/provenance/prepare_eeg.json",
    log:
        "results/{run}/{study}/logs/prepare_eeg.log",
    benchmark:
        "results/{run}/{study}/benchmarks/prepare_eeg.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=240,
    params:
        recordings=recordings,
        out=subpath(output.codes, parent=True),
        settings=lambda wildcards: section(CONFIG.prepared(wildcards.study)),
        fingerprint=FINGERPRINT,
    shell:
        stage("prepare-eeg --recordings {params.recordings:q} --out {params.out:q}")


rule whiten_eeg:
    input:
        codes=rules.prepare_eeg.output.codes,
        contigs=rules.prepare_eeg.output.contigs,
        index=rules.prepare_eeg.output.index,
        description=rules.prepare_eeg.output.description,
    output:
        codes="results/{run}/{study}/whitened/codes.npy",
        contigs="results/{run}/{study}/whitened/contigs.json",
        index="results/{run}/{study}/whitened/epochs.tsv.gz",
        description="results/{run}/{study}/whitened/epochs.json",
        gains="results/{run}/{study}/whitened/gains.npz",
        provenance="results/{run}/{study}/provenance/whiten_eeg.json",
    log:
        "results/{run}/{study}/logs/whiten_eeg.log",
    benchmark:
        "results/{run}/{study}/benchmarks/whiten_eeg.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        epochs=subpath(input.codes, parent=True),
        out=subpath(output.codes, parent=True),
        settings=lambda wildcards: section(CONFIG.whiten_eeg),
        fingerprint=FINGERPRINT,
    shell:
        stage("whiten-eeg --epochs {params.epochs:q} --out {params.out:q}")
