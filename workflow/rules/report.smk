# Tracks against known elements (when some are given), and the page.


rule evaluate_elements:
    input:
        codes=rules.prepare_genome.output.codes,
        contigs=rules.prepare_genome.output.contigs,
        windows=rules.prepare_windows.output.windows,
        description=rules.prepare_windows.output.description,
        models=MODELS,
        tracks=rules.bigwig.output.tracks,
        peaks=rules.peaks.output.narrow_peak,
        elements=CONFIG.inputs.elements or [],
    output:
        table=report(
            "results/{run}/elements.tsv",
            caption="../report/elements.rst",
            category="Accuracy",
            labels={"table": "tracks against known elements"},
        ),
        provenance="results/{run}/provenance/evaluate_elements.json",
    log:
        "results/{run}/logs/evaluate_elements.log",
    benchmark:
        "results/{run}/benchmarks/evaluate_elements.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        genome=subpath(input.codes, parent=True),
        windows=subpath(input.windows, parent=True),
        tracks=lambda wildcards, input: option(
            "--tracks",
            named_tracks(input.tracks, ["saliency", "integrated_gradients"]),
        )
        + option(" --predictions", named_tracks(input.tracks, ["prediction"])),
        contig_names=lambda wildcards: json.dumps(CONFIG.prepare_windows.contig_names),
        attribute=lambda wildcards: section(CONFIG.attribute),
        settings=lambda wildcards: section(CONFIG.evaluate_elements),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "evaluate-elements --genome {params.genome:q} --windows {params.windows:q}"
            " --models {input.models:q} --attribute-settings {params.attribute:q}"
            " {params.tracks} --lists peaks={input.peaks:q}"
            " --elements {input.elements:q} --contig-names {params.contig_names:q}"
            " --out {output.table:q}"
        )


rule report:
    input:
        contigs=rules.prepare_genome.output.contigs,
        windows=rules.prepare_windows.output.windows,
        description=rules.prepare_windows.output.description,
        dropped=rules.prepare_windows.output.dropped,
        curves=expand(
            "results/{{run}}/model/seed{seed}/training.png", seed=CONFIG.train.seeds
        ),
        metrics=expand(
            "results/{{run}}/model/seed{seed}/metrics.tsv", seed=CONFIG.train.seeds
        ),
        evaluation=rules.evaluate.output.evaluation,
        predictions=rules.evaluate.output.predictions,
        tracks=rules.bigwig.output.tracks,
        peaks=rules.peaks.output.peaks,
        null=rules.peaks.output.null,
        calibration=rules.peaks.output.calibration,
        summary=rules.peaks.output.summary,
        candidates=rules.candidates.output.table,
        logos=rules.logos.output.index,
        maxima=rules.logos.output.maxima,
        bed=rules.candidates.output.bed,
        fasta=rules.candidates.output.fasta,
        narrow_peak=rules.peaks.output.narrow_peak,
        elements=rules.evaluate_elements.output.table if CONFIG.inputs.elements else [],
        trust=rules.trust.output.table,
        checks=rules.trust.input.checks,
        microscope=[
            rules.receptive_field.output.tables,
            rules.deletion.output.tables,
            rules.methods.output.tables,
            rules.sanity.output.tables,
            rules.shortcuts.output.tables,
        ],
        records=RECORDS,
    output:
        page=report(
            "results/{run}/report.html",
            caption="../report/report.rst",
            category="Report",
            labels={"page": "the whole run"},
        ),
        joined="results/{run}/provenance.json",
        provenance="results/{run}/provenance/report.json",
    log:
        "results/{run}/logs/report.log",
    benchmark:
        "results/{run}/benchmarks/report.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        run=subpath(output.page, parent=True),
        settings=lambda wildcards: section(CONFIG.report),
        fingerprint=FINGERPRINT,
    shell:
        # The folder may hold more, left by an earlier configuration: the stage reads what is listed here.
        stage("report --run {params.run:q} --files {input:q} --out {output.page:q}")
