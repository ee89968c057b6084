"""A batch on the embedded model: two prompts, with and without the gentle setting, from the same noise.

Run it again, and it has nothing to do: the videos are there.
"""

from tsattn.batch import Spec, finished, run

spec = Spec.model_validate(
    {
        "prompts": ["A blue square moves left, then grows", "A red circle moves up, then shrinks"],
        # "ts-attn", the paper's setting, loses this small model's subject (docs/effect.md)
        "methods": ["vanilla", "gentle"],
        "settings": {"steps": 4},
    }
)
run(spec, "batch")
for one in finished("batch"):
    print(f"{one.method:<8} {one.prompt}: in its segment {one.verdict.in_segment}, {one.seconds:.1f} s, {one.video}")
