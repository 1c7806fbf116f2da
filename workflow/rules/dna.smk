# The genome and the measured regions become a tape of codes and windows on it.


rule prepare_genome:
    input:
        fasta=CONFIG.inputs.fasta,
    output:
        codes="results/{run}/genome/codes.npy",
        contigs="results/{run}/genome/contigs.json",
        fasta="results/{run}/genome/genome.fa",
        index="results/{run}/genome/genome.fa.fai",
        softmask="results/{run}/genome/softmask.bed",
        provenance="results/{run}/provenance/prepare_genome.json",
    log:
        "results/{run}/logs/prepare_genome.log",
    benchmark:
        "results/{run}/benchmarks/prepare_genome.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        out=subpath(output.codes, parent=True),
        settings=lambda wildcards: section(CONFIG.prepare_genome),
        fingerprint=FINGERPRINT,
    shell:
        stage("prepare-genome --fasta {input.fasta:q} --out {params.out:q}")


rule prepare_windows:
    input:
        codes=rules.prepare_genome.output.codes,
        contigs=rules.prepare_genome.output.contigs,
        regions=CONFIG.inputs.regions,
    output:
        windows="results/{run}/windows/windows.tsv.gz",
        description="results/{run}/windows/windows.json",
        dropped="results/{run}/windows/dropped.tsv",
        provenance="results/{run}/provenance/prepare_windows.json",
    log:
        "results/{run}/logs/prepare_windows.log",
    benchmark:
        "results/{run}/benchmarks/prepare_windows.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        genome=subpath(input.codes, parent=True),
        out=subpath(output.windows, parent=True),
        settings=lambda wildcards: section(CONFIG.prepare_windows),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "prepare-windows --genome {params.genome:q} --regions {input.regions:q}"
            " --out {params.out:q}"
        )
