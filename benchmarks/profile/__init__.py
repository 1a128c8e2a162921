"""Where a model spends its time, operator by operator, as its engine tells."""
