"""The Leakage Impact Score: score a day with and without leaked preference data, in three modes."""
