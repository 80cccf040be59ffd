FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    GRIDCALL_DATA_DIR=/data \
    GRIDCALL_HTTP_HOST=0.0.0.0 \
    GRIDCALL_HTTP_PORT=8080

RUN useradd --uid 10001 --no-log-init --home-dir /data --create-home gridcall

# The packages change seldom and the code often: a layer each. The root may be read-only, so modules are compiled here.
WORKDIR /srv/gridcall
COPY requirements.lock ./
RUN pip install --quiet --require-hashes -r requirements.lock
COPY . .
RUN python bootstrap.py link && python -m compileall -q .

USER gridcall
VOLUME /data
EXPOSE 8080

# Alive, not ready: while the database is away a process must go on, not be started again.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen('http://127.0.0.1:' + os.environ['GRIDCALL_HTTP_PORT'] + '/healthz', timeout=2)"]

CMD ["gridcall", "serve"]
