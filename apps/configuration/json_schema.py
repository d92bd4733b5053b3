"""JSON Schema (2020-12) of a configuration file, for completion and validation in editors.

The schema describes names, types, choices and limits. Rules that depend on other items, on stored data or on the
environment are checked by the import only.
"""

from functools import singledispatch
from typing import Any

from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator
from django.db.models import NOT_PROVIDED, Model
from django.utils.translation import override

from apps.applications.models import MAX_ACTIVE_SECRETS, Api, validate_apis
from apps.ciba.models import AuthenticationMethod, validate_methods
from apps.common.names import credential_validator, name_validator
from apps.configuration.ciba_members import KeySet, ReferenceList
from apps.configuration.credentials import HASH, ClientSecret, ClientSecretHash, ServiceAccount, SigningSecrets
from apps.configuration.localized_texts import LocalizedText
from apps.configuration.members import Boolean, Choice, Integer, Member, Reference, Text, TextList
from apps.configuration.schema import SECTIONS, Group, Section
from apps.push.models import Platform
from apps.system.models import validate_countries
from apps.transactions.request.parameters import LANGUAGE
from apps.transactions.types import validate_platforms

JsonSchema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FROM_ENVIRONMENT = {"$ref": "#/$defs/environment"}
ENVIRONMENT: JsonSchema = {
    "title": "environment variable",
    "description": "Replaced by the value of this environment variable.",
    "type": "object",
    "properties": {"env": {"type": "string", "pattern": "^[^=\\u0000]+$"}},
    "required": ["env"],
    "additionalProperties": False,
}
# In the syntax that JSON Schema shares with Python: without \A and \Z.
CREDENTIAL = "^[ -~]+$"
PATTERNS = [(name_validator, "^[A-Za-z0-9_.-]+$"), (credential_validator, CREDENTIAL)]
LANGUAGE_CODE = f"^{LANGUAGE.pattern}$"
# The largest integer that every supported database can store.
LARGEST_INTEGER = 2**31 - 1
ENTRY_SCHEMAS: dict[Any, JsonSchema] = {
    validate_apis: {"enum": list(Api.values)},
    validate_methods: {"enum": list(AuthenticationMethod.values)},
    validate_platforms: {"enum": list(Platform.values)},
    validate_countries: {"pattern": "^[A-Z]{2}$", "type": "string"},
}


def json_schema() -> JsonSchema:
    """Return the schema with English texts, independent of the active language."""
    with override("en"):
        return {
            "$schema": DIALECT,
            "title": "Configuration of Countersign",
            **_mapping({section.name: _section(section) for section in SECTIONS}),
            "$defs": {"environment": ENVIRONMENT},
        }


def _mapping(members: dict[str, JsonSchema], required: tuple[str, ...] = ()) -> JsonSchema:
    schema = {"type": "object", "properties": members, "additionalProperties": False}
    return {**schema, "required": list(required)} if required else schema


def _or_environment(schema: JsonSchema) -> JsonSchema:
    return {"anyOf": [schema, FROM_ENVIRONMENT]}


def _section(section: Section | Group) -> JsonSchema:
    if isinstance(section, Group):
        return _or_environment(_mapping({inner.name: _section(inner) for inner in section.sections}))
    title = {"title": str(section.model._meta.verbose_name_plural if section.key else section.model._meta.verbose_name)}
    if section.value_member:
        return {**title, **_or_environment(value_schema(section.value_member, section.model))}
    item = _or_environment(_item(section))
    return {**title, **(_or_environment({"type": "array", "items": item}) if section.key else item)}


def _item(section: Section) -> JsonSchema:
    """Return the schema of an item. Only its key is required: other members can be stored already."""
    members = {member.name: _member(member, section.model) for member in section.members}
    return _mapping(members | {child.name: _section(child) for child in section.children}, section.key)


def _member(member: Member, model: type[Model]) -> JsonSchema:
    field = member.model_field(model)
    descriptions = {"title": str(field.verbose_name), "description": str(field.help_text)}
    return {name: text for name, text in descriptions.items() if text} | _default(member, field) | _value(member, model)


def _value(member: Member, model: type[Model]) -> JsonSchema:
    return _or_environment(value_schema(member, model))


def _default(member: Member, field: Any) -> JsonSchema:
    if member.secret or field.default is NOT_PROVIDED or not isinstance(member, Boolean | Integer | Choice):
        return {}
    # A file cannot choose an empty value.
    return {"default": getattr(field.default, "value", field.default)} if field.default != "" else {}


@singledispatch
def value_schema(member: Member, model: type[Model]) -> JsonSchema:
    """Return the schema of the value of a member, without the alternative `{env: NAME}`."""
    raise NotImplementedError(f"{type(member).__name__} has no JSON Schema")


@value_schema.register
def _boolean(_member: Boolean, _model: type[Model]) -> JsonSchema:
    return {"type": "boolean"}


@value_schema.register
def _integer(member: Integer, model: type[Model]) -> JsonSchema:
    minimums, maximums = [0], [LARGEST_INTEGER]
    # The declared validators only: `validators` also contains the range of the database in use.
    for validator in member.model_field(model).deconstruct()[3].get("validators", []):
        if isinstance(validator, MinValueValidator):
            minimums.append(validator.limit_value)
        elif isinstance(validator, MaxValueValidator):
            maximums.append(validator.limit_value)
    return {"type": "integer", "minimum": max(minimums), "maximum": min(maximums)}


@value_schema.register
def _text(member: Text, model: type[Model]) -> JsonSchema:
    validators = member.model_field(model).validators
    limits = [validator.limit_value for validator in validators if isinstance(validator, MaxLengthValidator)]
    schema: JsonSchema = {"type": "string", **({"maxLength": min(limits)} if limits else {})}
    patterns = [pattern for validator, pattern in PATTERNS if validator in validators]
    return schema | ({"pattern": patterns[0]} if patterns else {})


@value_schema.register
def _choice(member: Choice, model: type[Model]) -> JsonSchema:
    return {"enum": [str(value) for value, _label in member.model_field(model).flatchoices]}


@value_schema.register
def _texts(member: TextList, model: type[Model]) -> JsonSchema:
    field = member.model_field(model)
    known = [ENTRY_SCHEMAS[validator] for validator in field.validators if validator in ENTRY_SCHEMAS]
    entry = known[0] if known else {"type": "string"}
    return {"type": "array", "items": _or_environment(entry), **({} if field.blank else {"minItems": 1})}


@value_schema.register
def _reference(_member: Reference, _model: type[Model]) -> JsonSchema:
    return {"type": ["string", "null"]}


@value_schema.register
def _references(_member: ReferenceList, _model: type[Model]) -> JsonSchema:
    return {"type": "array", "items": _or_environment({"type": "string"})}


@value_schema.register
def _key_set(_member: KeySet, _model: type[Model]) -> JsonSchema:
    return {"type": ["object", "string"]}


@value_schema.register
def _localized_text(_member: LocalizedText, _model: type[Model]) -> JsonSchema:
    texts = {LANGUAGE_CODE: _or_environment({"type": "string"})}
    return {"type": "object", "patternProperties": texts, "additionalProperties": False}


@value_schema.register
def _service_account(_member: ServiceAccount, _model: type[Model]) -> JsonSchema:
    return {"type": ["object", "string"]}


def _secret_or_list(entry: JsonSchema, **limits: int) -> JsonSchema:
    entries = {"type": "array", "items": _or_environment(entry), **limits, "maxItems": MAX_ACTIVE_SECRETS}
    return {"anyOf": [entry, entries]}


@value_schema.register
def _client_secret(_member: ClientSecret, _model: type[Model]) -> JsonSchema:
    return _secret_or_list({"type": "string", "pattern": CREDENTIAL}, minItems=1)


@value_schema.register
def _client_secret_hash(_member: ClientSecretHash, _model: type[Model]) -> JsonSchema:
    return _secret_or_list({"type": "string", "pattern": f"^{HASH.pattern}$"}, minItems=1)


@value_schema.register
def _signing_secrets(_member: SigningSecrets, _model: type[Model]) -> JsonSchema:
    return _secret_or_list({"type": "string"})
