# The page: all studies of the run side by side.


rule report_eeg:
    input:
        truth=of_every(
            [
                rules.simulate_eeg.output.truth,
                rules.simulate_eeg.output.reports,
                rules.simulate_eeg.output.maps,
                rules.simulate_eeg.output.provenance,
            ],
            studies=list(CONFIG.simulate_eeg),
        ),
        epochs=of_every(
            [
                rules.prepare_eeg.output.contigs,
                rules.prepare_eeg.output.index,
                rules.prepare_eeg.output.description,
                rules.prepare_eeg.output.dropped,
                rules.prepare_eeg.output.provenance,
                rules.whiten_eeg.output.provenance,
            ]
        ),
        networks=of_every(
            [
                rules.train_eeg.output.metrics,
                rules.train_eeg.output.curve,
                rules.train_eeg.output.provenance,
            ]
        ),
        attribution=of_every(
            [
                rules.attribute_eeg.output.maps,
                rules.attribute_eeg.output.completeness,
                rules.attribute_eeg.output.examples,
                rules.attribute_eeg.output.checks,
                rules.attribute_eeg.output.provenance,
            ]
        ),
        units=of_every(rules.units_eeg.output),
        strata=of_every(rules.strata_eeg.output),
        evidence=of_every(
            rules.gate_eeg.output + rules.controls_eeg.output + rules.claims_eeg.output
        ),
    output:
        page=report(
            "results/{run}/report.html",
            caption="../report/report.rst",
            category="Report",
            labels={"page": "the whole run"},
        ),
        joined="results/{run}/provenance.json",
        provenance="results/{run}/provenance/report_eeg.json",
    log:
        "results/{run}/logs/report_eeg.log",
    benchmark:
        "results/{run}/benchmarks/report_eeg.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        run=subpath(output.page, parent=True),
        settings=lambda wildcards: section(CONFIG.report_eeg),
        fingerprint=FINGERPRINT,
    shell:
        # The folder may hold more, left by an earlier configuration: the stage reads what is listed here.
        stage("report-eeg --run {params.run:q} --files {input:q} --out {output.page:q}")
