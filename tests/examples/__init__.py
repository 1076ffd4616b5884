"""Tests of the example fleet."""
