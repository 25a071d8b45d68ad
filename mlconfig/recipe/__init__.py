"""What the user declared: the root model, rules across sections, where each value came from; `load` alone knows Hydra."""
