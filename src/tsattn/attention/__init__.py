"""The mathematics of TS-Attn: tensors in, tensors out.

One glossary of axes for the whole package:

    b  samples of a batch        q  video tokens, frame by frame, row by row      h  attention heads
    k  text columns              f, y, x  latent frames, token rows and columns   d  head dimension
    r  some of the video tokens (rows of the attention map)         s  subjects

Functions take one sample, (q, h, d) and (k, h, d), as diffusers' attention dispatch lays it out. Logits are `q kᵀ · scale`,
after the model's own norms and rotary embedding. Source of all formulas: arXiv 2604.19473, section 3.

    region      where the subject moves: its map, the threshold, the erosion          (paper: motion region extraction)
    modulation  what is added to the logits there: rearrangement and reinforcement    (paper: EAR, AAR)
    split       both applied to a model's cross-attention, touching only the region's rows
    reference   the same, dense and in float64, as the paper writes it; the tests hold the fast path against it

Other methods put other marks into the same place, and options answer what the paper leaves open:

    prompt_relay, hard_mask     what is added depends on the time alone
    segment_wise                how far logits move, told by a whole segment
    reference_methods           all of these but segment_wise, dense and in float64
"""
