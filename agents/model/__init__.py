"""What the language model's part is made of, without the model's SDK: settings, prices, budget, wire, record."""
