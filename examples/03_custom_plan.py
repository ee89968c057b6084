"""A plan by hand: which words are which event, and when each is due."""

import tsattn

plan = tsattn.Plan.model_validate(
    {
        "prompt": "A red circle moves right, then moves up, and then grows",
        "subjects": [
            {
                "text": "red circle",
                "events": [
                    {"text": "moves right", "segment": {"start": 0.0, "end": 0.5}},
                    {"text": "moves up", "segment": {"start": 0.5, "end": 0.7}},
                    {"text": "grows", "segment": {"start": 0.7, "end": 1.0}},
                ],
            }
        ],
    }
)
for event in plan.subjects[0].events:
    print(f"{event.segment!s:>10}  {event.text}  (characters {event.span})")
