"""What the layer and the sandbox cost: whole processes, compared within one run."""
