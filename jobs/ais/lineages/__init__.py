"""The ranker itself, trained from day to day with the vectors of aligned encoders as an input."""
