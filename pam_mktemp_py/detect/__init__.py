"""What the events of a trace mean: pure rules, from what a program did to a verdict and what to do about it."""
