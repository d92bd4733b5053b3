"""The JSON Schema (2020-12) of a configuration file, so that editors complete and check it.

It says what a file can be told to be wrong by itself: names, types, choices and limits. What depends on other items, on
what is stored or on the environment, only an import sees.
"""

from functools import singledispatch
from typing import Any

from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator
from django.db.models import NOT_PROVIDED, Model
from django.utils.translation import override

from apps.applications.models import MAX_LIVE_SECRETS, Api, validate_apis
from apps.common.names import credential_validator, name_validator
from apps.configuration.credentials import HASH, ClientSecret, ClientSecretHash, ServiceAccount, SigningSecrets
from apps.configuration.localized_texts import TextByLanguage
from apps.configuration.members import Boolean, Choice, Integer, Member, Reference, Text, Texts
from apps.configuration.schema import SECTIONS, Group, Section
from apps.system.models import validate_countries
from apps.transactions.request.parameters import LANGUAGE

Form = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FROM_ENVIRONMENT = {"$ref": "#/$defs/environment"}
ENVIRONMENT: Form = {
    "title": "environment variable",
    "description": "Stands for the value of this environment variable.",
    "type": "object",
    "properties": {"env": {"type": "string", "pattern": "^[^=\\u0000]+$"}},
    "required": ["env"],
    "additionalProperties": False,
}
# In the syntax that JSON Schema shares with Python: without \A and \Z.
CREDENTIAL = "^[ -~]+$"
PATTERNS = [(name_validator, "^[A-Za-z0-9_.-]+$"), (credential_validator, CREDENTIAL)]
LANGUAGE_CODE = f"^{LANGUAGE.pattern}$"
# What every database can store.
LARGEST_INTEGER = 2**31 - 1
ENTRIES: dict[Any, Form] = {
    validate_apis: {"enum": list(Api.values)},
    validate_countries: {"pattern": "^[A-Z]{2}$", "type": "string"},
}


def json_schema() -> Form:
    """Return the schema, its texts in English whatever the language of the process is."""
    with override("en"):
        return {
            "$schema": DIALECT,
            "title": "Configuration of Countersign",
            **_mapping({section.name: _section(section) for section in SECTIONS}),
            "$defs": {"environment": ENVIRONMENT},
        }


def _mapping(members: dict[str, Form], required: tuple[str, ...] = ()) -> Form:
    form = {"type": "object", "properties": members, "additionalProperties": False}
    return {**form, "required": list(required)} if required else form


def _or_environment(form: Form) -> Form:
    return {"anyOf": [form, FROM_ENVIRONMENT]}


def _section(section: Section | Group) -> Form:
    if isinstance(section, Group):
        return _or_environment(_mapping({inner.name: _section(inner) for inner in section.sections}))
    title = {"title": str(section.model._meta.verbose_name_plural if section.key else section.model._meta.verbose_name)}
    if section.whole:
        return {**title, **_or_environment(form(section.whole, section.model))}
    item = _or_environment(_item(section))
    return {**title, **(_or_environment({"type": "array", "items": item}) if section.key else item)}


def _item(section: Section) -> Form:
    """Say what an item may hold. Only its key is needed: the rest may be stored already."""
    members = {member.name: _member(member, section.model) for member in section.members}
    return _mapping(members | {child.name: _section(child) for child in section.children}, section.key)


def _member(member: Member, model: type[Model]) -> Form:
    field = member.model_field(model)
    texts = {"title": str(field.verbose_name), "description": str(field.help_text)}
    return {name: text for name, text in texts.items() if text} | _default(member, field) | _value(member, model)


def _value(member: Member, model: type[Model]) -> Form:
    return _or_environment(form(member, model))


def _default(member: Member, field: Any) -> Form:
    if member.secret or field.default is NOT_PROVIDED or not isinstance(member, Boolean | Integer | Choice):
        return {}
    # An empty choice is none that a file can make.
    return {"default": getattr(field.default, "value", field.default)} if field.default != "" else {}


@singledispatch
def form(member: Member, model: type[Model]) -> Form:
    """Return what a member's value may be, before `{env: NAME}` in its place."""
    raise NotImplementedError(f"{type(member).__name__} has no form in the JSON Schema")


@form.register
def _boolean(_member: Boolean, _model: type[Model]) -> Form:
    return {"type": "boolean"}


@form.register
def _integer(member: Integer, model: type[Model]) -> Form:
    least, most = [0], [LARGEST_INTEGER]
    # As declared: `validators` also holds the range of the database in use.
    for validator in member.model_field(model).deconstruct()[3].get("validators", []):
        if isinstance(validator, MinValueValidator):
            least.append(validator.limit_value)
        elif isinstance(validator, MaxValueValidator):
            most.append(validator.limit_value)
    return {"type": "integer", "minimum": max(least), "maximum": min(most)}


@form.register
def _text(member: Text, model: type[Model]) -> Form:
    validators = member.model_field(model).validators
    limits = [one.limit_value for one in validators if isinstance(one, MaxLengthValidator)]
    form: Form = {"type": "string", **({"maxLength": min(limits)} if limits else {})}
    patterns = [pattern for validator, pattern in PATTERNS if validator in validators]
    return form | ({"pattern": patterns[0]} if patterns else {})


@form.register
def _choice(member: Choice, model: type[Model]) -> Form:
    return {"enum": [str(value) for value, _label in member.model_field(model).flatchoices]}


@form.register
def _texts(member: Texts, model: type[Model]) -> Form:
    field = member.model_field(model)
    known = [ENTRIES[validator] for validator in field.validators if validator in ENTRIES]
    entry = known[0] if known else {"type": "string"}
    return {"type": "array", "items": _or_environment(entry), **({} if field.blank else {"minItems": 1})}


@form.register
def _reference(_member: Reference, _model: type[Model]) -> Form:
    return {"type": ["string", "null"]}


@form.register
def _text_by_language(_member: TextByLanguage, _model: type[Model]) -> Form:
    texts = {LANGUAGE_CODE: _or_environment({"type": "string"})}
    return {"type": "object", "patternProperties": texts, "additionalProperties": False}


@form.register
def _service_account(_member: ServiceAccount, _model: type[Model]) -> Form:
    return {"type": ["object", "string"]}


def _one_or_two(entry: Form, **limits: int) -> Form:
    entries = {"type": "array", "items": _or_environment(entry), **limits, "maxItems": MAX_LIVE_SECRETS}
    return {"anyOf": [entry, entries]}


@form.register
def _client_secret(_member: ClientSecret, _model: type[Model]) -> Form:
    return _one_or_two({"type": "string", "pattern": CREDENTIAL}, minItems=1)


@form.register
def _client_secret_hash(_member: ClientSecretHash, _model: type[Model]) -> Form:
    return _one_or_two({"type": "string", "pattern": f"^{HASH.pattern}$"}, minItems=1)


@form.register
def _signing_secrets(_member: SigningSecrets, _model: type[Model]) -> Form:
    return _one_or_two({"type": "string"})
