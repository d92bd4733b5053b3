"""The OpenAPI description is complete, valid, has examples and needs no external resources."""

import inspect
import json
import re
from io import StringIO

import jsonschema
import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils.translation import get_language
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator

from apps.api import description

SCHEMA = SchemaGenerator().get_schema(request=None, public=True)
OPERATIONS = [
    (path, method, operation)
    for path, methods in SCHEMA["paths"].items()
    for method, operation in methods.items()
    if path.startswith(("/oauth/", "/device/", "/.well-known/"))
]
PORTAL = {
    "/user": "post",
    "/user/{user_id}/enabled": "get",
    "/user/{user_id}/sms": "post",
    "/user/{user_id}/sms/resend": "post",
    "/transaction/{transaction_id}": "get",
    "/transaction/{transaction_id}/resend": "post",
}
# Two responses of the user API have other bodies.
OWN_BODIES = ({"error"}, {"code", "message", "details"})
every_operation = pytest.mark.parametrize(
    ("path", "method", "operation"), OPERATIONS, ids=[f"{method} {path}" for path, method, _operation in OPERATIONS]
)


def responses(operation):
    """Return the responses by status, with resolved references."""
    return {
        status: SCHEMA["components"]["responses"][response["$ref"].rpartition("/")[2]]
        if "$ref" in response
        else response
        for status, response in operation["responses"].items()
    }


def described(content):
    """Return the examples of a request or response body."""
    return [example["value"] for media in content.values() for example in media.get("examples", {}).values()]


def validator(schema):
    """Return a validator of a schema with the definitions of the description."""
    resolved = json.loads(json.dumps(schema).replace("#/components/schemas/", "#/$defs/"))
    definitions = json.loads(json.dumps(SCHEMA["components"]["schemas"]).replace("#/components/schemas/", "#/$defs/"))
    return jsonschema.Draft4Validator({**resolved, "$defs": definitions})


def test_description_is_valid_and_generated_without_warnings(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yaml"), stderr=StringIO())


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("path", PORTAL)
def test_every_version_of_the_portal_api_is_described(version, path):
    methods = SCHEMA["paths"][f"/oauth/api/v{version}/authenticate{path}"]
    assert PORTAL[path] in methods
    assert ("delete" in methods) == (path == "/transaction/{transaction_id}")


def test_operation_ids_are_unique():
    names = [operation["operationId"] for _path, _method, operation in OPERATIONS]
    assert len(names) == len(set(names))


@every_operation
def test_operation_has_summary_tags_and_security(path, method, operation):
    assert operation["summary"]
    assert operation["tags"]
    assert operation["security"]


def base_docstrings():
    """Return the docstrings of the views and of their base classes, as the framework would publish them."""
    views = {view.cls for _path, _regex, _method, view in EndpointEnumerator().get_api_endpoints()}
    bases = {base for view in views for base in view.__mro__ if base is not object}
    return {inspect.getdoc(base) for base in bases if base.__doc__}


def test_operations_describe_themselves_to_their_callers():
    docstrings = base_docstrings()
    assert docstrings
    descriptions = {
        f"{method} {path}": operation.get("description", "").strip()
        for path, methods in SCHEMA["paths"].items()
        for method, operation in methods.items()
    }
    assert [name for name, text in descriptions.items() if not text] == []
    assert [name for name, text in descriptions.items() if text in docstrings] == []


@every_operation
def test_body_examples_match_their_schema(path, method, operation):
    bodies = [operation["requestBody"]["content"]] if "requestBody" in operation else []
    bodies += [response["content"] for response in responses(operation).values() if "content" in response]
    for content in bodies:
        assert described(content)
        for media in content.values():
            for example in described({"": media}):
                validator(media["schema"]).validate(example)


@every_operation
def test_error_responses_have_bodies(path, method, operation):
    errors = {status: response for status, response in responses(operation).items() if int(status) >= 400}
    assert "401" in errors or "enrollments" in path or operation["security"] == [{}]
    for response in errors.values():
        assert response["description"]
        for example in described(response["content"]):
            if "/users/" in path and set(example) in OWN_BODIES:
                continue
            assert example["error"]
            assert example["error_description"]


@pytest.mark.parametrize("path", ["/oauth/api/schema/", "/oauth/api/docs/"])
def test_description_is_available_without_credentials(client, db, path):
    assert client.get(path).status_code == 200


@pytest.fixture
def generated(monkeypatch):
    """Return the languages of generated descriptions, starting with an empty cache."""
    languages, generate = [], SchemaGenerator.get_schema

    def record_language(*args, **kwargs):
        languages.append(get_language())
        return generate(*args, **kwargs)

    monkeypatch.setattr(SchemaGenerator, "get_schema", record_language)
    description._generate.cache_clear()
    return languages


def test_description_is_generated_once_for_each_language(client, db, generated):
    for language in ("en", "nl", "en", "nl-BE", "xx", ""):
        assert client.get("/oauth/api/schema/", headers={"Accept-Language": language}).status_code == 200
    for language in ("nl", "de", "xx", "../../etc", "x" * 9_000, "de-AT"):
        assert client.get("/oauth/api/schema/", {"lang": language}).status_code == 200
    assert generated == ["en", "nl", "de"]


def test_page_loads_only_local_resources(client, db):
    page = client.get("/oauth/api/docs/").content.decode()
    urls = re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)["']""", page)
    assert urls
    for url in urls:
        assert url.startswith("/"), url
        assert not url.startswith("//"), url
        response = client.get(url)
        assert response.status_code == 200, url
        assert b"".join(response) if response.streaming else response.content
    external_urls = [url for url in re.findall(r"https?://[^\s\"'<>]+", page) if "127.0.0.1" not in url]
    assert not external_urls


def test_page_loads_the_local_description(client, db):
    page = client.get("/oauth/api/docs/").content.decode()
    assert '<script src="/oauth/api/docs/?script="></script>' in page
    script = client.get("/oauth/api/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert "/oauth/api/schema/" in script.content.decode()


@pytest.mark.parametrize("is_on", [True, False])
def test_page_sends_requests_only_if_switched_on(client, db, settings, is_on):
    settings.API_TRY_IT_OUT = is_on
    script = client.get("/oauth/api/docs/?script=").content.decode()
    assert ('"supportedSubmitMethods": []' in script) is not is_on
    assert ("authorizeBtn: () => () => null, authorizeOperationBtn: () => () => null" in script) is not is_on


def test_static_files_are_served_without_debug():
    assert settings.DEBUG is False
    assert "whitenoise.middleware.WhiteNoiseMiddleware" in settings.MIDDLEWARE
