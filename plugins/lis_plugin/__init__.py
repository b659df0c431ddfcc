"""Operators, dates and links of the LIS DAGs."""
