"""What the layer costs, measured as whole processes and told as ratios within one run."""
