"""A fault and a guarantee of another package: `fault` and `guarantee`."""
