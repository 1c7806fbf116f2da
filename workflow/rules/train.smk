# One network per seed, and what the ensemble is worth on windows it never saw.


rule train:
    input:
        codes=rules.prepare_genome.output.codes,
        contigs=rules.prepare_genome.output.contigs,
        windows=rules.prepare_windows.output.windows,
        description=rules.prepare_windows.output.description,
    output:
        # The state of an interrupted training, resume.pt, is left out on purpose: Snakemake would delete it with the failed job.
        model="results/{run}/model/seed{seed}/model.pt",
        metrics="results/{run}/model/seed{seed}/metrics.tsv",
        curve=report(
            "results/{run}/model/seed{seed}/training.png",
            caption="../report/training.rst",
            category="Accuracy",
            labels={"figure": "training curve", "seed": "{seed}"},
        ),
        provenance="results/{run}/provenance/train_seed{seed}.json",
    log:
        "results/{run}/logs/train_seed{seed}.log",
    benchmark:
        "results/{run}/benchmarks/train_seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        mem_mb=8000,
        runtime=480,
        gpu=gpus(CONFIG.train),
    params:
        genome=subpath(input.codes, parent=True),
        windows=subpath(input.windows, parent=True),
        out=subpath(output.model, parent=True),
        # Only its own seed, so that adding one trains one.
        settings=lambda wildcards: section(CONFIG.train, seeds=[int(wildcards.seed)]),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "train --genome {params.genome:q} --windows {params.windows:q}"
            " --seed {wildcards.seed} --out {params.out:q}"
        )


rule evaluate:
    input:
        codes=rules.prepare_genome.output.codes,
        contigs=rules.prepare_genome.output.contigs,
        windows=rules.prepare_windows.output.windows,
        description=rules.prepare_windows.output.description,
        models=MODELS,
    output:
        evaluation=report(
            "results/{run}/evaluation.tsv",
            caption="../report/evaluation.rst",
            category="Accuracy",
            labels={"table": "held-out accuracy"},
        ),
        predictions="results/{run}/predictions.tsv.gz",
        provenance="results/{run}/provenance/evaluate.json",
    log:
        "results/{run}/logs/evaluate.log",
    benchmark:
        "results/{run}/benchmarks/evaluate.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        genome=subpath(input.codes, parent=True),
        windows=subpath(input.windows, parent=True),
        out=subpath(output.evaluation, parent=True),
        settings=lambda wildcards: section(CONFIG.evaluate),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "evaluate --genome {params.genome:q} --windows {params.windows:q}"
            " --models {input.models:q} --out {params.out:q}"
        )
