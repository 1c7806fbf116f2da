# Attribution along the genome in independent shards, then tracks that genome browsers open.


rule attribute:
    input:
        codes=rules.prepare_genome.output.codes,
        contigs=rules.prepare_genome.output.contigs,
        windows=rules.prepare_windows.output.windows,
        description=rules.prepare_windows.output.description,
        models=MODELS,
    output:
        shard="results/{run}/attribution/{method}/shard{shard}.npz",
        provenance="results/{run}/provenance/attribute_{method}_{shard}.json",
    log:
        "results/{run}/logs/attribute_{method}_{shard}.log",
    benchmark:
        "results/{run}/benchmarks/attribute_{method}_{shard}.tsv"
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
            " --models {input.models:q} --method {wildcards.method}"
            " --shard {wildcards.shard} --out {output.shard:q}"
        )


rule bigwig:
    input:
        codes=rules.prepare_genome.output.codes,
        contigs=rules.prepare_genome.output.contigs,
        saliency=SALIENCY,
        gradients=GRADIENTS,
    output:
        tracks=expand("results/{{run}}/tracks/{track}.bw", track=TRACKS),
        provenance="results/{run}/provenance/bigwig.json",
    log:
        "results/{run}/logs/bigwig.log",
    benchmark:
        "results/{run}/benchmarks/bigwig.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        genome=subpath(input.codes, parent=True),
        out=lambda wildcards, output: Path(output.tracks[0]).parent,
        settings=lambda wildcards: "{}",
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "bigwig --genome {params.genome:q} --gradient-x-input {input.saliency:q}"
            " --integrated-gradients {input.gradients:q} --out {params.out:q}"
        )
