"""The seven services of orderflow, one package each."""
