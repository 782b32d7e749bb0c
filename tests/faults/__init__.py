"""Tests of the faults."""
