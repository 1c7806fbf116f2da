# Content or company: contrasts within strata, the gate, the controls, and what may be claimed.


rule strata_null:
    input:
        unpack(contrasted),
    output:
        part="results/{run}/{study}/strata/{network}/{map}/null/part{part}.npz",
        provenance="results/{run}/{study}/provenance/strata_null_{network}_{map}_part{part}.json",
    log:
        "results/{run}/{study}/logs/strata_null_{network}_{map}_part{part}.log",
    benchmark:
        "results/{run}/{study}/benchmarks/strata_null_{network}_{map}_part{part}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        settings=lambda wildcards: strata_settings(wildcards.map),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "strata-null --table {input.table:q} --axes {input.axes:q}"
            " --neighbours {input.neighbours:q} --part {wildcards.part}"
            " --out {output.part:q}"
        )


rule strata_eeg:
    input:
        unpack(contrasted),
        null=expand(rules.strata_null.output.part, part=PARTS, allow_missing=True),
        facts=summed,
    output:
        tables=expand(
            "results/{{run}}/{{study}}/strata/{{network}}/{{map}}/{file}", file=STRATA
        ),
        provenance="results/{run}/{study}/provenance/strata_{network}_{map}.json",
    log:
        "results/{run}/{study}/logs/strata_{network}_{map}.log",
    benchmark:
        "results/{run}/{study}/benchmarks/strata_{network}_{map}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        null=lambda wildcards, input: option("--null", input.null),
        facts=lambda wildcards, input: option("--units-facts", input.facts),
        out=lambda wildcards, output: folders(output.tables),
        settings=lambda wildcards: strata_settings(wildcards.map),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "strata --table {input.table:q} --axes {input.axes:q}"
            " --neighbours {input.neighbours:q} {params.null} {params.facts}"
            " --out {params.out:q}"
        )


rule gate_eeg:
    input:
        epochs=rules.whiten_eeg.input,
        units=expand(rules.units_eeg.output.files, network=FIRST, allow_missing=True),
        others=expand(
            rules.units_eeg.output.files, network=NETWORKS[1:], allow_missing=True
        ),
    output:
        table=report(
            "results/{run}/{study}/gate/gate.tsv",
            caption="../report/gate_eeg.rst",
            category="Evidence",
            labels={"table": "gate: decoders within strata", "study": "{study}"},
        ),
        checks="results/{run}/{study}/gate/gate_checks.tsv",
        provenance="results/{run}/{study}/provenance/gate_eeg.json",
    log:
        "results/{run}/{study}/logs/gate_eeg.log",
    benchmark:
        "results/{run}/{study}/benchmarks/gate_eeg.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        epochs=lambda wildcards, input: folders(input.epochs),
        units=lambda wildcards, input: folders(input.units),
        others=lambda wildcards, input: option("--others", by_name(input.others)),
        out=subpath(output.table, parent=True),
        strata=lambda wildcards: section(CONFIG.strata),
        settings=lambda wildcards: section(CONFIG.gate_eeg),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "gate-eeg --epochs {params.epochs:q} --units {params.units:q}"
            " {params.others} --strata-settings {params.strata:q} --out {params.out:q}"
        )


rule controls_eeg:
    input:
        epochs=rules.whiten_eeg.input,
        whitened=rules.train_eeg.input,
        gains=rules.whiten_eeg.output.gains,
        units=expand(rules.units_eeg.output.files, network=FIRST, allow_missing=True),
        # all of half A, then all of half B
        models=expand(
            rules.train_eeg.output.model,
            network=FIRST,
            half=HALVES,
            seed=CONFIG.train_eeg[FIRST].seeds,
            allow_missing=True,
        ),
    output:
        table=report(
            "results/{run}/{study}/controls/controls.tsv",
            caption="../report/controls_eeg.rst",
            category="Evidence",
            labels={"table": "controls", "study": "{study}"},
        ),
        checks="results/{run}/{study}/controls/controls_checks.tsv",
        provenance="results/{run}/{study}/provenance/controls_eeg.json",
    log:
        "results/{run}/{study}/logs/controls_eeg.log",
    benchmark:
        "results/{run}/{study}/benchmarks/controls_eeg.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=480,
        gpu=gpus(CONFIG.controls_eeg),
    params:
        epochs=lambda wildcards, input: folders(input.epochs),
        whitened=subpath(input.gains, parent=True),
        units=lambda wildcards, input: folders(input.units),
        out=subpath(output.table, parent=True),
        strata=lambda wildcards: section(CONFIG.strata),
        settings=lambda wildcards: section(CONFIG.controls_eeg),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "controls-eeg --epochs {params.epochs:q} --whitened {params.whitened:q}"
            " --units {params.units:q} --models {input.models:q}"
            " --strata-settings {params.strata:q} --out {params.out:q}"
        )


rule claims_eeg:
    input:
        units=expand(rules.units_eeg.output.files, network=FIRST, allow_missing=True),
        maps=expand(
            rules.attribute_eeg.output.maps,
            network=FIRST,
            half=HALVES,
            allow_missing=True,
        ),
        strata=expand(
            rules.strata_eeg.output.tables,
            network=FIRST,
            map=maps(FIRST),
            allow_missing=True,
        ),
        checks=[
            rules.gate_eeg.output.checks,
            rules.controls_eeg.output.checks,
            *expand(
                rules.attribute_eeg.output.checks,
                network=FIRST,
                half=HALVES,
                allow_missing=True,
            ),
        ],
        truth=truth,
    output:
        claims=report(
            "results/{run}/{study}/claims/claims.tsv",
            caption="../report/claims_eeg.rst",
            category="Evidence",
            labels={"table": "what may be claimed", "study": "{study}"},
        ),
        in_time="results/{run}/{study}/claims/claims_time.tsv",
        naive="results/{run}/{study}/claims/naive.tsv",
        naive_features="results/{run}/{study}/claims/naive_features.tsv",
        trust=report(
            "results/{run}/{study}/claims/trust.tsv",
            caption="../report/trust_eeg.rst",
            category="Trust",
            labels={"table": "all checks", "study": "{study}"},
        ),
        summary="results/{run}/{study}/claims/claims.json",
        provenance="results/{run}/{study}/provenance/claims_eeg.json",
    log:
        "results/{run}/{study}/logs/claims_eeg.log",
    benchmark:
        "results/{run}/{study}/benchmarks/claims_eeg.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        units=lambda wildcards, input: folders(input.units),
        maps=lambda wildcards, input: folders(input.maps),
        tables=lambda wildcards, input: by_name(input.strata),
        truth=lambda wildcards, input: option("--truth", input.truth),
        out=subpath(output.claims, parent=True),
        strata=lambda wildcards: section(CONFIG.strata),
        settings=lambda wildcards: section(CONFIG.claims_eeg),
        fingerprint=FINGERPRINT,
    shell:
        stage(
            "claims-eeg --units {params.units:q} --maps {params.maps:q}"
            " --strata {params.tables:q} --checks {input.checks:q} {params.truth}"
            " --strata-settings {params.strata:q} --out {params.out:q}"
        )
