"""StoryEval (arXiv 2412.16211): a judge looks at each video and says which events of its prompt are done.

    items → protocol → frames → judges ─┐
                          store → rounds ┴→ judging → layout → score → compare → runs → report, plots
    items → i2v: the first frames of its image-to-video variant

The prompts and videos are the user's. How it is judged is the benchmark's protocol; the words in which the judge is asked
are our own, so scores come close to those of the paper, but are not the same measurement.
"""
