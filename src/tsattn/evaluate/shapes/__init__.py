"""What the embedded model does, measured by the exact verifier on prompts and start noises that training never draws.

    cases ──trials──▶ videos ──measures──▶ records ──figures──▶ table, charts, sheets
                                                          └───▶ gates ◀── attention

cases      held-out prompts, and ways to cut their clips     records    what was measured, on disk
trials     one method on one case, and its key               matrix     what is missing, made and measured
measures   what one video shows                              figures    means, intervals and gains
table      Markdown, CSV, JSON
sweeps     what the paper leaves open, as variants           charts     pictures of figures
attention  where the model looks on noised true clips        sheets     pictures of videos
gates      whether the premises of the method hold
"""
