"""How the embedded model is made, from nothing: `python -m training`."""
