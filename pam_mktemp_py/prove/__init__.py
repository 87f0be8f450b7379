"""From a remedy to its proof: traced runs of a program without it and with it."""
