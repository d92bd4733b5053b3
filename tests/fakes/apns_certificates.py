"""The keys and certificates of the stand-in for Apple: an authority, the servers', and what Apple gives out.

All are made anew for each stand-in; nothing here is worth anything elsewhere.
"""

import datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DEVELOPMENT, PRODUCTION = "development", "production"
# The marks by which Apple says which environment a certificate is for; they hold an ASN.1 NULL.
MARKS = {
    DEVELOPMENT: x509.ObjectIdentifier("1.2.840.113635.100.6.3.1"),
    PRODUCTION: x509.ObjectIdentifier("1.2.840.113635.100.6.3.2"),
}
NULL = b"\x05\x00"
DAY = datetime.timedelta(days=1)


def pem(key):
    """Return a private key as PKCS#8, as in a .p8 file."""
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def signing_key():
    """Make a key for provider tokens (P-256)."""
    return ec.generate_private_key(ec.SECP256R1())


def key_usage(*, of_authority):
    names = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    unused = dict.fromkeys((*names, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(
        digital_signature=not of_authority, key_cert_sign=of_authority, crl_sign=of_authority, **unused
    )


class Authority:
    """A certificate authority; `certificate` is its own, as PEM."""

    def __init__(self):
        self.key = signing_key()
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Push Test Authority")])
        builder = self._builder(self.name, self.key, days=3650)
        builder = builder.add_extension(key_usage(of_authority=True), critical=True)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.certificate = self._signed(builder)
        # Making an RSA key takes long, and all client certificates may have the same.
        self.client_key = rsa.generate_private_key(65537, 2048)

    def server(self):
        """Return the certificate of the servers, with its key, as PEM."""
        key = signing_key()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        builder = self._leaf(name, key, ExtendedKeyUsageOID.SERVER_AUTH, days=3650)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        return self._signed(builder) + pem(key)

    def client(self, topic, team_id, environments, *, days=365):
        """Return a push certificate for a bundle identifier, with its key, as PEM; it expired with days < 0."""
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.USER_ID, topic),
                x509.NameAttribute(NameOID.COMMON_NAME, f"Apple Push Services: {topic}"),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, team_id),
            ]
        )
        builder = self._leaf(name, self.client_key, ExtendedKeyUsageOID.CLIENT_AUTH, days=days)
        for environment in environments:
            builder = builder.add_extension(x509.UnrecognizedExtension(MARKS[environment], NULL), critical=False)
        return self._signed(builder) + pem(self.client_key)

    def _leaf(self, name, key, purpose, *, days):
        builder = self._builder(name, key, days=days)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(key_usage(of_authority=False), critical=True)
        return builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)

    def _builder(self, name, key, *, days):
        """Begin a certificate that ends in so many days."""
        now = datetime.datetime.now(datetime.UTC)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return (
            x509.CertificateBuilder(self.name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now + min(days, 0) * DAY - 30 * DAY)
            .not_valid_after(now + days * DAY)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(identifier, critical=False)
        )

    def _signed(self, builder):
        certificate = builder.sign(self.key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM).decode()


@cache
def topic_and_environments(der):
    """Read a push certificate: the bundle identifier, and the set of environments that it is for."""
    certificate = x509.load_der_x509_certificate(der)
    marked = {extension.oid for extension in certificate.extensions}
    [topic] = certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
    return topic.value, {environment for environment, mark in MARKS.items() if mark in marked}
