# A small network that answers as the ensemble does. Beside `all`: snakemake distill

STUDENTS = expand(
    "results/{{run}}/distill/seed{seed}/model.pt", seed=CONFIG.distill.seeds
)
# Several networks that predict measurements differ by some spread, and a student learns it too.
SPREAD = len(CONFIG.train.seeds) > 1 and not CONFIG.distill.loss.startswith("soft")


rule distill_student:
    input:
        codes=rules.prepare_genome.output.codes,
        contigs=rules.prepare_genome.output.contigs,
        windows=rules.prepare_windows.output.windows,
        description=rules.prepare_windows.output.description,
        models=MODELS,
    output:
        model="results/{run}/distill/seed{seed}/model.pt",
        spread=["results/{run}/distill/seed{seed}/spread.pt"] if SPREAD else [],
        comparison="results/{run}/distill/seed{seed}/distill.tsv",
        cost="results/{run}/distill/seed{seed}/distill_cost.tsv",
        metrics="results/{run}/distill/seed{seed}/metrics.tsv",
        curve="results/{run}/distill/seed{seed}/training.png",
        provenance="results/{run}/provenance/distill_seed{seed}.json",
    log:
        "results/{run}/logs/distill_seed{seed}.log",
    benchmark:
        "results/{run}/benchmarks/distill_seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        mem_mb=8000,
        runtime=480,
        gpu=gpus(CONFIG.distill),
    params:
        genome=subpath(input.codes, parent=True),
        windows=subpath(input.windows, parent=True),
        out=subpath(output.model, parent=True),
        settings=lambda wildcards: section(CONFIG.distill, seeds=[int(wildcards.seed)]),
        attribute=lambda wildcards: section(CONFIG.attribute),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "distill --genome {params.genome:q} --windows {params.windows:q}"
            " --models {input.models:q} --seed {wildcards.seed} --out {params.out:q}"
            " --attribute-settings {params.attribute:q}"
        )
