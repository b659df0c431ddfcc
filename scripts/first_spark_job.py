"""Touches what every Spark job of the project needs, for the archive of classes of setup.sh."""

import tempfile

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

spark = SparkSession.builder.config("spark.ui.enabled", "false").getOrCreate()
with tempfile.TemporaryDirectory() as folder:
    rows = spark.range(1000).withColumn("key", F.col("id") % 7)
    rows.write.parquet(f"{folder}/rows")
    rows = spark.read.parquet(f"{folder}/rows")
    place = F.row_number().over(Window.partitionBy("key").orderBy("id"))
    placed = rows.withColumn("place", place).join(F.broadcast(rows.limit(5)), "key")
    placed.groupBy("key").agg(F.collect_list("place")).collect()
spark.stop()
