# The local cloud: AWS's APIs and the warehouse in one container. docs/docker.md says how it is used.
# The base is pinned by its tag; who wants the same bytes each time adds the tag's digest to both FROM lines.

FROM python:3.11.14-slim-bookworm AS libraries
WORKDIR /build
COPY requirements-local.lock ./
COPY packages/localcloud/localcloud/runtimes/ runtimes/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes -r requirements-local.lock \
    && for lock in runtimes/*.lock; do \
        /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps \
            --only-binary :all: --target "/opt/venv/runtimes/$(basename "$lock" .lock)" -r "$lock" || exit 1; done \
    # What is run from the sources is imported from them, as in a checkout.
    && printf "%s\n" /opt/sluice /opt/sluice/packages/localcloud > /opt/venv/lib/python3.11/site-packages/sluice.pth

FROM python:3.11.14-slim-bookworm
# Java is for Spark. The local cloud asks ps about processes that a crash has left behind.
# Debian keeps the newest version of a package only, so that none is named.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends openjdk-17-jre-headless procps \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 sluice \
    && useradd --uid 10001 --gid sluice --create-home sluice \
    # A volume that is new takes its owner from the folder that it is mounted on.
    && install -d -o sluice -g sluice /opt/sluice/.sluice /run/sluice
COPY --from=libraries /opt/venv /opt/venv
WORKDIR /opt/sluice
COPY LICENSE pyproject.toml ./
COPY terraform/stack.json terraform/policies.json terraform/
COPY terraform/state_machines/ terraform/state_machines/
COPY contracts/ contracts/
COPY sluice/ sluice/
COPY glue_jobs/ glue_jobs/
COPY crawlers/ crawlers/
COPY lambda_trigger/ lambda_trigger/
COPY deploy/ deploy/
COPY sluice_laptop/ sluice_laptop/
COPY packages/localcloud/ packages/localcloud/
COPY --chmod=755 docker/sluice docker/make-secrets docker/with-secrets /usr/local/bin/
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 4566 5439
# Healthy is: deployed to, so that a manifest starts the path, and the warehouse lets its clients in.
HEALTHCHECK --interval=10s --timeout=10s --start-period=120s --retries=6 CMD ["python", "-m", "sluice_laptop.healthy"]
ENTRYPOINT ["sluice"]
CMD ["up", "--bind-address", "0.0.0.0", "--host-name", "cloud"]
