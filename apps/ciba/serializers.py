"""Serializers of CIBA for the API description. The parameters are validated in `apps.ciba.parameters`."""

from typing import Any

from rest_framework import serializers

from apps.api.fields import JsonObjectField
from apps.ciba.parameters import MAX_BEARER_CHARACTERS


class BackchannelAuthenticationSerializer(serializers.Serializer[Any]):
    """Parameters of an authentication request. With `request`, all others are claims of that JWT."""

    scope = serializers.CharField(required=False, help_text="Must contain `openid`. Other values are ignored.")
    login_hint = serializers.CharField(
        required=False,
        help_text='The user id, or JSON: `{"format": "iss_sub", "iss": ISSUER, "sub": USER_ID}`. Exactly one of the '
        "three hints is required.",
    )
    id_token_hint = serializers.CharField(required=False, help_text="An ID token that this client got for the user.")
    login_hint_token = serializers.CharField(
        required=False, help_text="A JWT with the claim `sub` or `sub_id` that the client signed."
    )
    acr_values = serializers.CharField(
        required=False,
        help_text="Names of mobile authentication types, separated by spaces. The first that the user can do is used. "
        "Default: the default type of the client.",
    )
    binding_message = serializers.CharField(
        required=False, help_text="Confidential text that the device shows. Without it, the message of the type."
    )
    requested_expiry = serializers.IntegerField(
        required=False, min_value=1, help_text="Lifetime in seconds, at most that of the type."
    )
    client_notification_token = serializers.CharField(
        required=False,
        max_length=MAX_BEARER_CHARACTERS,
        help_text="Bearer token for notifications. Required in the delivery modes ping and push.",
    )
    authorization_details = serializers.CharField(
        required=False, help_text="What the user approves, as a JSON array (RFC 9396)."
    )
    request = serializers.CharField(required=False, help_text="A JWT with all parameters that the client signed.")


class AcceptedRequestSerializer(serializers.Serializer[Any]):
    """Authentication request that was started."""

    auth_req_id = serializers.CharField(help_text="Id of the request, for token requests. It is a secret.")
    expires_in = serializers.IntegerField(help_text="Seconds until the request expires.")
    interval = serializers.IntegerField(
        required=False, help_text="Seconds between two token requests. Absent in the delivery mode push."
    )
    verification_number = serializers.CharField(
        required=False, help_text="Number matching only: the client displays it, and the user enters it on the device."
    )


class TokenSerializer(serializers.Serializer[Any]):
    grant_type = serializers.CharField(help_text="`urn:openid:params:grant-type:ciba`.")
    auth_req_id = serializers.CharField(help_text="Id of the authentication request.")


class IssuedTokensSerializer(serializers.Serializer[Any]):
    """Tokens of an approved request."""

    access_token = serializers.CharField(help_text="JWT (RFC 9068) for the userinfo endpoint.")
    token_type = serializers.CharField(help_text="`Bearer`.")
    expires_in = serializers.IntegerField(help_text="Lifetime of the tokens in seconds.")
    id_token = serializers.CharField(help_text="JWT with the user and how the user authenticated.")
    scope = serializers.CharField(help_text="`openid`.")
    authorization_details = serializers.ListField(
        child=JsonObjectField(), required=False, help_text="Details that the user approved, if the request had any."
    )
