# Lets `snakemake` start in the top folder; the workflow itself is workflow/Snakefile.
# An included default rule is not taken over (a bare include runs nothing), so it is named again here.
include: "workflow/Snakefile"


rule default:
    default_target: True
    input:
        rules.all.input,
