"""AUC Improvement Score: what an aligned encoder brings of the bound that the LIS gives."""
