# Which files a correction by marks has. No rules here.
FEEDBACK_ARMS = ["marks", "random", "none"]


def feedback_models(arm):
    """Networks of one arm."""
    return expand(
        "results/{{run}}/feedback/{arm}/seed{seed}/model.pt",
        arm=arm,
        seed=CONFIG.train.seeds,
    )


def corrected(wildcards):
    """What the target `feedback` leaves; without marks there is nothing to correct by."""
    if not CONFIG.inputs.marks:
        raise WorkflowError("config.inputs.marks: file is missing; give the marks")
    return in_run("results/{run}/feedback/feedback.html")
