"""Structured logs on standard error. Values that can be secret are redacted."""

import logging
import re
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

SECRET_NAMES = re.compile(
    r"secret|password|token|credential|authorization|cookie|api_key|private|signing_key|service_account|certificate"
    r"|code$|otp|nonce$|phone|signing_data|secure_message|user_agent|email",
    re.IGNORECASE,
)
REDACTED = "[redacted]"


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact values with the name of a secret, as the last line of defence: secrets should not be logged at all."""
    for name, value in event.items():
        event[name] = _redact_value(name, value)
    return event


def _redact_value(name: object, value: object) -> object:
    if SECRET_NAMES.search(str(name)):
        return REDACTED
    if isinstance(value, Mapping):
        return {inner: _redact_value(inner, nested) for inner, nested in value.items()}
    if isinstance(value, list | tuple):
        return [_redact_value("", entry) for entry in value]
    return value


SHARED_PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    redact,
]


def logging_settings(level: str, log_format: str) -> dict[str, Any]:
    """Return a `logging.config.dictConfig` for JSON lines or text, and configure structlog for this process."""
    # Warnings of libraries, too.
    logging.captureWarnings(capture=True)
    is_text = log_format == "text"
    renderer = structlog.dev.ConsoleRenderer(colors=False) if is_text else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED_PROCESSORS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED_PROCESSORS,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    renderer,
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django.request": {"level": "ERROR"},
            # Any client can send an invalid Host header. The response is 400; a log line would be noise.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            # Sign-ins are recorded as audit events.
            "axes": {"level": "ERROR"},
            "celery": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            "amqp": {"level": "WARNING"},
            # The pool logs every failed attempt. The threads that need a connection log the failure once.
            "psycopg.pool": {"level": "ERROR"},
        },
    }
