"""The eight sections, one module each: context in, data of `tools/report/model.py` out."""
