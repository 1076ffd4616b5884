"""Parcel labels and carrier tariffs."""
