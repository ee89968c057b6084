"""Time and memory beside the model without control, measured in one run."""
