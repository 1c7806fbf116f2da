# Peaks with their nulls and confidence, the ranked list, and its logos.


rule peaks:
    input:
        codes=rules.prepare_genome.output.codes,
        contigs=rules.prepare_genome.output.contigs,
        windows=rules.prepare_windows.output.windows,
        description=rules.prepare_windows.output.description,
        models=MODELS,
        gradients=GRADIENTS,
    output:
        peaks="results/{run}/peaks/peaks.tsv",
        narrow_peak="results/{run}/peaks/peaks.narrowPeak",
        null=report(
            "results/{run}/peaks/null.tsv",
            caption="../report/null.rst",
            category="Peaks",
            labels={"table": "peaks against their nulls"},
        ),
        calibration=report(
            "results/{run}/peaks/calibration.tsv",
            caption="../report/calibration.rst",
            category="Peaks",
            labels={"table": "reliability of the confidence"},
        ),
        summary="results/{run}/peaks/calibration.json",
        provenance="results/{run}/provenance/peaks.json",
    log:
        "results/{run}/logs/peaks.log",
    benchmark:
        "results/{run}/benchmarks/peaks.tsv"
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        mem_mb=8000,
        runtime=240,
        gpu=gpus(CONFIG.peaks),
    params:
        genome=subpath(input.codes, parent=True),
        windows=subpath(input.windows, parent=True),
        out=subpath(output.peaks, parent=True),
        attribute=lambda wildcards: section(CONFIG.attribute),
        settings=lambda wildcards: section(CONFIG.peaks),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "peaks --genome {params.genome:q} --windows {params.windows:q}"
            " --models {input.models:q} --integrated-gradients {input.gradients:q}"
            " --attribute-settings {params.attribute:q} --out {params.out:q}"
        )


rule candidates:
    input:
        codes=rules.prepare_genome.output.codes,
        contigs=rules.prepare_genome.output.contigs,
        fasta=rules.prepare_genome.output.fasta,
        index=rules.prepare_genome.output.index,
        softmask=rules.prepare_genome.output.softmask,
        windows=rules.prepare_windows.output.windows,
        description=rules.prepare_windows.output.description,
        peaks=rules.peaks.output.peaks,
        genes=CONFIG.inputs.genes or [],
        exclude=CONFIG.inputs.exclude,
    output:
        table=report(
            "results/{run}/candidates.tsv",
            caption="../report/candidates.rst",
            category="Candidates",
            labels={"table": "ranked candidates"},
        ),
        bed="results/{run}/candidates.bed",
        fasta="results/{run}/candidates.fa",
        provenance="results/{run}/provenance/candidates.json",
    log:
        "results/{run}/logs/candidates.log",
    benchmark:
        "results/{run}/benchmarks/candidates.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        genome=subpath(input.codes, parent=True),
        windows=subpath(input.windows, parent=True),
        peaks=subpath(input.peaks, parent=True),
        out=subpath(output.table, parent=True),
        genes=lambda wildcards, input: option("--genes", input.genes),
        exclude=lambda wildcards, input: option("--exclude", input.exclude),
        contig_names=lambda wildcards: json.dumps(CONFIG.prepare_windows.contig_names),
        attribute=lambda wildcards: section(CONFIG.attribute),
        settings=lambda wildcards: section(CONFIG.candidates),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "candidates --genome {params.genome:q} --windows {params.windows:q}"
            " --attribute-settings {params.attribute:q}"
            " --peaks {params.peaks:q} {params.genes} {params.exclude}"
            " --contig-names {params.contig_names:q} --out {params.out:q}"
        )


rule logos:
    input:
        codes=rules.prepare_genome.output.codes,
        contigs=rules.prepare_genome.output.contigs,
        windows=rules.prepare_windows.output.windows,
        description=rules.prepare_windows.output.description,
        models=MODELS,
        saliency=SALIENCY,
        gradients=GRADIENTS,
        candidates=rules.candidates.output.table,
    output:
        # One picture per candidate comes beside these; logos.json lists them.
        index="results/{run}/logos/logos.json",
        aggregate=report(
            "results/{run}/logos/aggregate.png",
            caption="../report/logos.rst",
            category="Logos",
            labels={"figure": "aggregated logo"},
        ),
        maxima_figure=report(
            "results/{run}/logos/maxima.png",
            caption="../report/maxima.rst",
            category="Logos",
            labels={"figure": "where the light falls"},
        ),
        maxima="results/{run}/logos/maxima.tsv",
        provenance="results/{run}/provenance/logos.json",
    log:
        "results/{run}/logs/logos.log",
    benchmark:
        "results/{run}/benchmarks/logos.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        genome=subpath(input.codes, parent=True),
        windows=subpath(input.windows, parent=True),
        out=subpath(output.index, parent=True),
        attribute=lambda wildcards: section(CONFIG.attribute),
        settings=lambda wildcards: section(CONFIG.logos),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "logos --genome {params.genome:q} --windows {params.windows:q}"
            " --attribute-settings {params.attribute:q}"
            " --models {input.models:q} --gradient-x-input {input.saliency:q}"
            " --integrated-gradients {input.gradients:q}"
            " --candidates {input.candidates:q} --out {params.out:q}"
        )
