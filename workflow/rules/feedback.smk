# From marks to a page: networks corrected by marks and by two controls, what that changed, and tracks before and after.
# Planned only when the target `feedback` is asked for.


rule feedback_check:
    input:
        codes=rules.prepare_genome.output.codes,
        contigs=rules.prepare_genome.output.contigs,
        windows=rules.prepare_windows.output.windows,
        description=rules.prepare_windows.output.description,
        marks=CONFIG.inputs.marks or [],
    output:
        marks="results/{run}/feedback/marks.tsv",
        tables=expand(
            "results/{{run}}/feedback/marks_{table}.tsv",
            table=["agreement", "checks", "summary"],
        ),
        provenance="results/{run}/provenance/feedback_check.json",
    log:
        "results/{run}/logs/feedback_check.log",
    benchmark:
        "results/{run}/benchmarks/feedback_check.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        genome=subpath(input.codes, parent=True),
        windows=subpath(input.windows, parent=True),
        out=subpath(output.marks, parent=True),
        contig_names=lambda wildcards: json.dumps(CONFIG.prepare_windows.contig_names),
        settings=lambda wildcards: "{}",
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "feedback-check --genome {params.genome:q} --windows {params.windows:q}"
            " --marks {input.marks:q} --contig-names {params.contig_names:q}"
            " --out {params.out:q}"
        )


rule feedback_train:
    input:
        codes=rules.prepare_genome.output.codes,
        contigs=rules.prepare_genome.output.contigs,
        windows=rules.prepare_windows.output.windows,
        description=rules.prepare_windows.output.description,
        model=rules.train.output.model,
        marks=rules.feedback_check.output.marks,
    output:
        model="results/{run}/feedback/{arm}/seed{seed}/model.pt",
        metrics="results/{run}/feedback/{arm}/seed{seed}/metrics.tsv",
        curve="results/{run}/feedback/{arm}/seed{seed}/training.png",
        provenance="results/{run}/provenance/feedback_{arm}_seed{seed}.json",
    log:
        "results/{run}/logs/feedback_{arm}_seed{seed}.log",
    benchmark:
        "results/{run}/benchmarks/feedback_{arm}_seed{seed}.tsv"
    wildcard_constraints:
        arm="|".join(FEEDBACK_ARMS),
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        mem_mb=8000,
        runtime=240,
        gpu=gpus(CONFIG.feedback),
    params:
        genome=subpath(input.codes, parent=True),
        windows=subpath(input.windows, parent=True),
        out=subpath(output.model, parent=True),
        attribute=lambda wildcards: section(CONFIG.attribute),
        settings=lambda wildcards: section(CONFIG.feedback),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "feedback --genome {params.genome:q} --windows {params.windows:q}"
            " --model {input.model:q} --marks {input.marks:q} --arm {wildcards.arm}"
            " --attribute-settings {params.attribute:q} --out {params.out:q}"
        )


rule feedback_effects:
    input:
        codes=rules.prepare_genome.output.codes,
        contigs=rules.prepare_genome.output.contigs,
        windows=rules.prepare_windows.output.windows,
        description=rules.prepare_windows.output.description,
        marks=rules.feedback_check.output.marks,
        before=MODELS,
        after=[feedback_models(arm) for arm in FEEDBACK_ARMS],
    output:
        table="results/{run}/feedback/feedback.tsv",
        groups="results/{run}/feedback/feedback_groups.tsv",
        profile="results/{run}/feedback/feedback_profile.tsv",
        provenance="results/{run}/provenance/feedback_effects.json",
    log:
        "results/{run}/logs/feedback_effects.log",
    benchmark:
        "results/{run}/benchmarks/feedback_effects.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
        gpu=gpus(CONFIG.feedback),
    params:
        genome=subpath(input.codes, parent=True),
        windows=subpath(input.windows, parent=True),
        out=subpath(output.table, parent=True),
        networks=lambda wildcards, input: option(
            "--networks",
            [f"before={path}" for path in input.before]
            + [f"{Path(path).parts[-3]}={path}" for path in input.after],
        ),
        attribute=lambda wildcards: section(CONFIG.attribute),
        settings=lambda wildcards: section(CONFIG.feedback),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "feedback-effects --genome {params.genome:q} --windows {params.windows:q}"
            " --marks {input.marks:q} {params.networks}"
            " --attribute-settings {params.attribute:q} --out {params.out:q}"
        )


rule feedback_attribute:
    input:
        codes=rules.prepare_genome.output.codes,
        contigs=rules.prepare_genome.output.contigs,
        windows=rules.prepare_windows.output.windows,
        description=rules.prepare_windows.output.description,
        models=feedback_models("marks"),
    output:
        shard="results/{run}/feedback/attribution/shard{shard}.npz",
        provenance="results/{run}/provenance/feedback_attribute_{shard}.json",
    log:
        "results/{run}/logs/feedback_attribute_{shard}.log",
    benchmark:
        "results/{run}/benchmarks/feedback_attribute_{shard}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=240,
        gpu=gpus(CONFIG.attribute),
    params:
        genome=subpath(input.codes, parent=True),
        windows=subpath(input.windows, parent=True),
        settings=lambda wildcards: section(CONFIG.attribute),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "attribute --genome {params.genome:q} --windows {params.windows:q}"
            " --models {input.models:q} --method gradient_x_input"
            " --shard {wildcards.shard} --out {output.shard:q}"
        )


rule feedback_tracks:
    input:
        codes=rules.prepare_genome.output.codes,
        contigs=rules.prepare_genome.output.contigs,
        before=SALIENCY,
        after=expand(
            "results/{{run}}/feedback/attribution/shard{shard}.npz", shard=SHARDS
        ),
    output:
        tracks=expand(
            "results/{{run}}/feedback/tracks/saliency_{kind}{strand}.bw",
            kind=["before", "after", "difference"],
            strand=STRANDS,
        ),
        provenance="results/{run}/provenance/feedback_tracks.json",
    log:
        "results/{run}/logs/feedback_tracks.log",
    benchmark:
        "results/{run}/benchmarks/feedback_tracks.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        genome=subpath(input.codes, parent=True),
        out=lambda wildcards, output: Path(output.tracks[0]).parent,
        settings=lambda wildcards: "{}",
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "feedback-tracks --genome {params.genome:q} --before {input.before:q}"
            " --after {input.after:q} --out {params.out:q}"
        )


rule feedback_report:
    input:
        tables=rules.feedback_check.output.tables,
        table=rules.feedback_effects.output.table,
        groups=rules.feedback_effects.output.groups,
        profile=rules.feedback_effects.output.profile,
        tracks=rules.feedback_tracks.output.tracks,
        records=[
            rules.feedback_check.output.provenance,
            rules.feedback_effects.output.provenance,
            rules.feedback_tracks.output.provenance,
            expand(
                "results/{{run}}/provenance/feedback_{arm}_seed{seed}.json",
                arm=FEEDBACK_ARMS,
                seed=CONFIG.train.seeds,
            ),
        ],
    output:
        page="results/{run}/feedback/feedback.html",
        provenance="results/{run}/provenance/feedback_report.json",
    log:
        "results/{run}/logs/feedback_report.log",
    benchmark:
        "results/{run}/benchmarks/feedback_report.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        run=subpath(output.page, ancestor=2),
        out=subpath(output.page, parent=True),
        settings=lambda wildcards: section(CONFIG.report),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "feedback-report --run {params.run:q} --files {input:q} --out {params.out:q}"
        )
