# syntax=docker/dockerfile:1
FROM python:3.13-slim AS packages
COPY requirements/production.txt /requirements.txt
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r /requirements.txt

FROM python:3.13-slim
RUN useradd --system --create-home countersign && mkdir /data && chown countersign /data
COPY --from=packages /venv /venv
WORKDIR /app
COPY manage.py ./
COPY config config
COPY apps apps
COPY clients clients
COPY templates templates
COPY locale locale
ENV DJANGO_SETTINGS_MODULE=config.settings.production VAR_DIR=/data PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
USER countersign
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s CMD ["python", "-c", \
    "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8000') + '/healthz')"]
CMD ["python", "manage.py", "serve"]
