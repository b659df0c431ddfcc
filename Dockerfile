# One image for every Airflow service, the jobs and MLflow.
FROM python:3.11.11-slim-bookworm

# procps: Spark's start scripts call ps. tini: reaps what a killed task leaves for process 1.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-17-jre-headless procps tini \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/lis
COPY requirements.txt constraints.txt ./
RUN pip install --no-cache-dir -r requirements.txt -c constraints.txt \
    psycopg2-binary==2.9.10 asyncpg==0.30.0

COPY pyproject.toml requirements-*.txt README.md LICENSE ./
COPY jobs jobs
COPY plugins plugins
COPY dags dags
COPY scripts scripts
# Editable: Airflow's tasks and the command lis run the same files.
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable .

RUN useradd --create-home lis && mkdir /data && chown lis /data
USER lis
ENTRYPOINT ["tini", "--"]
