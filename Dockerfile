FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    GRIDCALL_DATA_DIR=/data \
    GRIDCALL_HTTP_HOST=0.0.0.0

RUN useradd --uid 10001 --no-log-init --home-dir /data --create-home gridcall

# The packages change seldom and the code often: a layer each.
WORKDIR /srv/gridcall
COPY requirements.lock ./
RUN pip install --quiet --require-hashes -r requirements.lock
COPY . .
RUN python bootstrap.py link

USER gridcall
VOLUME /data
EXPOSE 8080

HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen('http://127.0.0.1:' + os.environ.get('GRIDCALL_HTTP_PORT', '8080') + '/healthz', timeout=2)"]

CMD ["gridcall", "serve"]
