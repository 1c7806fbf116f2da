# Whether the light can be trusted: five stages on held-out windows, and their checks in one table.


# The other stages of this kind inherit from the first: they read the same files and are called alike.
rule receptive_field:
    input:
        codes=rules.prepare_genome.output.codes,
        contigs=rules.prepare_genome.output.contigs,
        windows=rules.prepare_windows.output.windows,
        description=rules.prepare_windows.output.description,
        models=MODELS,
    output:
        tables=trust_tables("receptive_field", "receptive_field_profile"),
        checks="results/{run}/trust/receptive_field_checks.tsv",
        provenance="results/{run}/provenance/receptive_field.json",
    log:
        "results/{run}/logs/receptive_field.log",
    benchmark:
        "results/{run}/benchmarks/receptive_field.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
        gpu=gpus(CONFIG.receptive_field),
    params:
        stage="receptive-field",
        genome=subpath(input.codes, parent=True),
        windows=subpath(input.windows, parent=True),
        out=subpath(output.checks, parent=True),
        more="",
        attribute=lambda wildcards: section(CONFIG.attribute),
        settings=lambda wildcards: section(CONFIG.receptive_field),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "{params.stage} --genome {params.genome:q} --windows {params.windows:q}"
            " --models {input.models:q} --attribute-settings {params.attribute:q}"
            " {params.more} --out {params.out:q}"
        )


use rule receptive_field as deletion with:
    output:
        tables=trust_tables("deletion", "deletion_areas", "faithfulness"),
        checks="results/{run}/trust/deletion_checks.tsv",
        provenance="results/{run}/provenance/deletion.json",
    log:
        "results/{run}/logs/deletion.log",
    benchmark:
        "results/{run}/benchmarks/deletion.tsv"
    resources:
        mem_mb=8000,
        runtime=120,
        gpu=gpus(CONFIG.deletion),
    params:
        stage="deletion",
        genome=subpath(input.codes, parent=True),
        windows=subpath(input.windows, parent=True),
        out=subpath(output.checks, parent=True),
        more="",
        attribute=lambda wildcards: section(CONFIG.attribute),
        settings=lambda wildcards: section(CONFIG.deletion),
        fingerprint=FINGERPRINT,


use rule receptive_field as methods with:
    output:
        tables=trust_tables("methods", "methods_cost"),
        checks="results/{run}/trust/methods_checks.tsv",
        provenance="results/{run}/provenance/methods.json",
    log:
        "results/{run}/logs/methods.log",
    benchmark:
        "results/{run}/benchmarks/methods.tsv"
    resources:
        mem_mb=8000,
        runtime=120,
        gpu=gpus(CONFIG.methods),
    params:
        stage="methods",
        genome=subpath(input.codes, parent=True),
        windows=subpath(input.windows, parent=True),
        out=subpath(output.checks, parent=True),
        more="",
        attribute=lambda wildcards: section(CONFIG.attribute),
        settings=lambda wildcards: section(CONFIG.methods),
        fingerprint=FINGERPRINT,


use rule receptive_field as sanity with:
    output:
        tables=trust_tables("sanity"),
        checks="results/{run}/trust/sanity_checks.tsv",
        provenance="results/{run}/provenance/sanity.json",
    log:
        "results/{run}/logs/sanity.log",
    benchmark:
        "results/{run}/benchmarks/sanity.tsv"
    resources:
        mem_mb=8000,
        runtime=240,
        gpu=gpus(CONFIG.sanity),
    params:
        stage="sanity",
        genome=subpath(input.codes, parent=True),
        windows=subpath(input.windows, parent=True),
        out=subpath(output.checks, parent=True),
        more="",
        attribute=lambda wildcards: section(CONFIG.attribute),
        settings=lambda wildcards: section(CONFIG.sanity),
        fingerprint=FINGERPRINT,


use rule receptive_field as shortcuts with:
    input:
        codes=rules.prepare_genome.output.codes,
        contigs=rules.prepare_genome.output.contigs,
        windows=rules.prepare_windows.output.windows,
        description=rules.prepare_windows.output.description,
        models=MODELS,
        nuisance=list(CONFIG.inputs.nuisance.values()),
    output:
        tables=trust_tables("shortcuts", "shortcuts_groups"),
        checks="results/{run}/trust/shortcuts_checks.tsv",
        provenance="results/{run}/provenance/shortcuts.json",
    log:
        "results/{run}/logs/shortcuts.log",
    benchmark:
        "results/{run}/benchmarks/shortcuts.tsv"
    resources:
        mem_mb=8000,
        runtime=120,
        gpu=gpus(CONFIG.shortcuts),
    params:
        stage="shortcuts",
        genome=subpath(input.codes, parent=True),
        windows=subpath(input.windows, parent=True),
        out=subpath(output.checks, parent=True),
        more=lambda wildcards: option("--nuisance", named(CONFIG.inputs.nuisance))
        + option(
            " --contig-names",
            json.dumps(CONFIG.prepare_windows.contig_names),
        ),
        attribute=lambda wildcards: section(CONFIG.attribute),
        settings=lambda wildcards: section(CONFIG.shortcuts),
        fingerprint=FINGERPRINT,


rule trust:
    input:
        checks=[
            rules.receptive_field.output.checks,
            rules.deletion.output.checks,
            rules.methods.output.checks,
            rules.sanity.output.checks,
            rules.shortcuts.output.checks,
        ],
    output:
        table=report(
            "results/{run}/trust.tsv",
            caption="../report/trust.rst",
            category="Trust",
            labels={"table": "checks of the model and its map"},
        ),
        provenance="results/{run}/provenance/trust.json",
    log:
        "results/{run}/logs/trust.log",
    benchmark:
        "results/{run}/benchmarks/trust.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=lambda wildcards: "{}",
        fingerprint=FINGERPRINT,
    shell:
        stage("trust --checks {input.checks:q} --out {output.table:q}")
