# Elements at base resolution from networks that learned window labels. Beside `all`: snakemake segment


rule segment_windows:
    input:
        codes=rules.prepare_genome.output.codes,
        contigs=rules.prepare_genome.output.contigs,
        windows=rules.prepare_windows.output.windows,
        description=rules.prepare_windows.output.description,
        models=MODELS,
        elements=CONFIG.inputs.elements or [],
    output:
        elements="results/{run}/segment/elements.bed",
        table="results/{run}/segment/segmentation.tsv",
        provenance="results/{run}/provenance/segment.json",
    log:
        "results/{run}/logs/segment.log",
    benchmark:
        "results/{run}/benchmarks/segment.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
        gpu=gpus(CONFIG.segment),
    params:
        genome=subpath(input.codes, parent=True),
        windows=subpath(input.windows, parent=True),
        out=subpath(output.table, parent=True),
        elements=lambda wildcards, input: option("--elements", input.elements),
        contig_names=lambda wildcards: json.dumps(CONFIG.prepare_windows.contig_names),
        attribute=lambda wildcards: section(CONFIG.attribute),
        settings=lambda wildcards: section(CONFIG.segment),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "segment --genome {params.genome:q} --windows {params.windows:q}"
            " --models {input.models:q} --attribute-settings {params.attribute:q}"
            " {params.elements} --contig-names {params.contig_names:q}"
            " --out {params.out:q}"
        )
