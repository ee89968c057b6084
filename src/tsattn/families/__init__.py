"""Model families: one file of facts each. `control.registry` says which file knows which pipeline."""
