"""Tests of the pipelines, one file per module, on small frames and on the real sample."""
