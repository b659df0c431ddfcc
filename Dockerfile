# One image for every Airflow service, the jobs and MLflow.
FROM python:3.11.11-slim-bookworm
LABEL org.opencontainers.image.title="leakage-impact-score" \
      org.opencontainers.image.version="0.2.0"

# procps: Spark's start scripts call ps. tini: reaps what a killed task leaves for process 1.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-17-jre-headless procps tini \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/lis
COPY requirements.txt requirements-s3.txt requirements-server.txt constraints.txt ./
RUN pip install --no-cache-dir -c constraints.txt \
    -r requirements.txt -r requirements-s3.txt -r requirements-server.txt

COPY pyproject.toml requirements-*.txt README.md LICENSE ./
COPY jobs jobs
COPY plugins plugins
COPY dags dags
COPY scripts scripts
# Editable: Airflow's tasks and the command lis run the same files.
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable .

# A new volume of Docker takes the owner of the folder that it is mounted on.
RUN useradd --uid 1000 --create-home lis \
    && mkdir /data /raw /scenarios \
    && chown lis /data /raw /scenarios
USER lis
ENTRYPOINT ["tini", "--"]
