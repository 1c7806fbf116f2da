# Networks of one half of the subjects, why they decide as they do on the other, and one row per report.


rule train_eeg:
    input:
        codes=rules.whiten_eeg.output.codes,
        contigs=rules.whiten_eeg.output.contigs,
        index=rules.whiten_eeg.output.index,
        description=rules.whiten_eeg.output.description,
    output:
        # The state of an interrupted training, resume.pt, is left out on purpose: Snakemake would delete it with the failed job.
        model="results/{run}/{study}/model/{network}/{half}/seed{seed}/model.pt",
        metrics="results/{run}/{study}/model/{network}/{half}/seed{seed}/metrics.tsv",
        curve=report(
            "results/{run}/{study}/model/{network}/{half}/seed{seed}/training.png",
            caption="../report/training_eeg.rst",
            category="Networks",
            labels={
                "figure": "training curve",
                "study": "{study}",
                "network": "{network}",
                "half": "{half}",
                "seed": "{seed}",
            },
        ),
        provenance="results/{run}/{study}/provenance/train_eeg_{network}_{half}_seed{seed}.json",
    log:
        "results/{run}/{study}/logs/train_eeg_{network}_{half}_seed{seed}.log",
    benchmark:
        "results/{run}/{study}/benchmarks/train_eeg_{network}_{half}_seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        mem_mb=8000,
        runtime=480,
        gpu=lambda wildcards: gpus(CONFIG.train_eeg[wildcards.network]),
    params:
        whitened=subpath(input.codes, parent=True),
        out=subpath(output.model, parent=True),
        # Only its own seed, so that adding one trains one per study and half.
        settings=lambda wildcards: section(
            CONFIG.train_eeg[wildcards.network], seeds=[int(wildcards.seed)]
        ),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "train-eeg --whitened {params.whitened:q} --half {wildcards.half}"
            " --seed {wildcards.seed} --out {params.out:q}"
        )


rule attribute_eeg:
    input:
        epochs=rules.whiten_eeg.input,
        whitened=rules.train_eeg.input,
        gains=rules.whiten_eeg.output.gains,
        models=lambda wildcards: expand(
            "results/{run}/{study}/model/{network}/{half}/seed{seed}/model.pt",
            seed=CONFIG.train_eeg[wildcards.network].seeds,
            **wildcards,
        ),
    output:
        maps="results/{run}/{study}/attribution/{network}/{half}/maps.npz",
        completeness="results/{run}/{study}/attribution/{network}/{half}/completeness.tsv",
        examples="results/{run}/{study}/attribution/{network}/{half}/examples.npz",
        checks="results/{run}/{study}/attribution/{network}/{half}/attribute_checks.tsv",
        # One EDF+ file per recording; none is left of recordings that are no longer there.
        tracks=directory("results/{run}/{study}/attribution/{network}/{half}/tracks"),
        provenance="results/{run}/{study}/provenance/attribute_eeg_{network}_{half}.json",
    log:
        "results/{run}/{study}/logs/attribute_eeg_{network}_{half}.log",
    benchmark:
        "results/{run}/{study}/benchmarks/attribute_eeg_{network}_{half}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=240,
        gpu=gpus(CONFIG.attribute_eeg),
    params:
        epochs=lambda wildcards, input: folders(input.epochs),
        whitened=subpath(input.gains, parent=True),
        out=subpath(output.maps, parent=True),
        settings=lambda wildcards: section(CONFIG.attribute_eeg),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "attribute-eeg --epochs {params.epochs:q} --whitened {params.whitened:q}"
            " --half {wildcards.half} --models {input.models:q} --out {params.out:q}"
        )


rule units_eeg:
    input:
        epochs=rules.whiten_eeg.input,
        maps=expand(
            "results/{{run}}/{{study}}/attribution/{{network}}/{half}/{name}",
            half=HALVES,
            name=["maps.npz", "completeness.tsv"],
        ),
    output:
        files=expand("results/{{run}}/{{study}}/units/{{network}}/{name}", name=UNITS),
        provenance="results/{run}/{study}/provenance/units_eeg_{network}.json",
    log:
        "results/{run}/{study}/logs/units_eeg_{network}.log",
    benchmark:
        "results/{run}/{study}/benchmarks/units_eeg_{network}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        epochs=lambda wildcards, input: folders(input.epochs),
        attribution=lambda wildcards, input: folders(input.maps),
        out=lambda wildcards, output: folders(output.files),
        settings=lambda wildcards: section(CONFIG.units_eeg),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "units-eeg --epochs {params.epochs:q} --attribution {params.attribution:q}"
            " --out {params.out:q}"
        )
