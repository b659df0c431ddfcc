"""The Leakage Impact Score: its evaluation, statistics, verdict and report."""
