"""Tests of the guarantees, on histories built by hand."""
