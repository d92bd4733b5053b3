# syntax=docker/dockerfile:1
FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS packages
COPY requirements/production.txt requirements/build.txt /requirements/
# Only http-ece has no wheel. It is built by the locked setuptools, without a download during the build.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --only-binary :all: --require-hashes -r /requirements/build.txt \
    && /venv/bin/pip install --no-cache-dir --only-binary :all: --no-binary http-ece --no-build-isolation \
        --require-hashes -r /requirements/production.txt \
    && /venv/bin/pip uninstall --yes setuptools pip

# The web phone, built with the locked Node and npm packages.
FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS phone
WORKDIR /build
COPY requirements/uv.txt requirements/
COPY requirements/node.txt requirements/
COPY scripts scripts
COPY clients/typescript clients/typescript
COPY clients/web-phone clients/web-phone
RUN ./scripts/build-phone.sh

FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
RUN useradd --system --uid 10001 --create-home countersign && install --directory --mode 700 --owner countersign /data
COPY --from=packages /venv /venv
WORKDIR /app
COPY manage.py ./
COPY config config
COPY apps apps
COPY templates templates
COPY locale locale
COPY docs docs
# The menu of the pages.
COPY mkdocs.yml ./
COPY --from=phone /build/clients/web-phone/dist clients/web-phone/dist
# Without compiled files, each start compiles the code: 0.1 s of a command, 0.3 s of a server.
# The files must be readable independent of the umask of the build machine.
RUN python -m compileall -q . && chmod -R a+rX /app
ENV DJANGO_SETTINGS_MODULE=config.settings.production VAR_DIR=/data PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER countersign
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python", "-c", \
    "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8000') + '/healthz')"]
CMD ["python", "manage.py", "serve"]
