"""What streamgauge costs and how quick it is, each figure a ratio in one run: see docs/benchmarks.md.

`make bench` runs all of them and writes `benchmarks/RESULTS.md`. Nothing in the product imports this package.
"""
