"""How Spark reaches an object store: by a connector for ``s3a://``, or through Arrow in its tasks.

A connector is a package for Spark's JVM. A cluster brings it, or ``LIS_SPARK_PACKAGES`` names it.
"""

from __future__ import annotations

import os
from typing import Any

from pyspark import SparkConf
from pyspark.sql import SparkSession

from jobs.lake.object_store.settings import S3Settings
from jobs.lake.storage import Storage

PACKAGES = "LIS_SPARK_PACKAGES"
_KEYS = {
    "fs.s3a.access.key": "AWS_ACCESS_KEY_ID",
    "fs.s3a.secret.key": "AWS_SECRET_ACCESS_KEY",
    "fs.s3a.session.token": "AWS_SESSION_TOKEN",
}


def add_packages(conf: SparkConf) -> None:
    """Have Spark fetch the packages that ``LIS_SPARK_PACKAGES`` names, before it starts."""
    if packages := os.environ.get(PACKAGES):
        conf.set("spark.jars.packages", packages)


def pass_settings(session: SparkSession) -> None:
    """Give tasks what this process has been given for object storage."""
    given = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    session.sparkContext.environment.update(given)
    if given and has_connector(session):
        for key, value in connector_settings().items():
            session.conf.set(key, value)


def connector_settings() -> dict[str, str]:
    """Settings of the connector that say the same as the environment."""
    settings = S3Settings.of("", "")
    found = {key: value for key, name in _KEYS.items() if (value := os.environ.get(name))}
    if settings.region:
        found["fs.s3a.endpoint.region"] = settings.region
    if settings.endpoint:
        found["fs.s3a.endpoint"] = settings.endpoint
        found["fs.s3a.path.style.access"] = "true"
        if settings.endpoint.startswith("http://"):
            found["fs.s3a.connection.ssl.enabled"] = "false"
    return found


def has_connector(session: SparkSession) -> bool:
    """Whether the JVM of a session has the connector."""
    jvm: Any = session.sparkContext._jvm
    # py4j takes the name of a class that is not there for that of a package.
    return type(jvm.org.apache.hadoop.fs.s3a.S3AFileSystem).__name__ == "JavaClass"


def reads_by_arrow(session: SparkSession, storage: Storage) -> bool:
    """Whether tasks read the files of a storage through Arrow, as Spark itself cannot."""
    return not storage.is_local and not has_connector(session)
