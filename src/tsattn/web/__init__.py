"""The web page: plan on a timeline, generate, compare, understand.

    prompt ──▶ editor ──▶ plan ──▶ workshop ──▶ run in the library ──▶ result
               (page sends edits,   (one run at a time,   (per browser,
                gets a view back)    progress, cancel)     also from an mp4)

page    what stands where, and what happens on which event      server   HTTP: who may ask, files, limits
Needs the extra `[ui]`. Nothing here imports torch, diffusers or gradio before it is needed.
"""
