"""What all Spark jobs use: the session, parsing of values, and writing of Parquet files."""
