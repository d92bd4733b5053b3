"""Keys and certificates of the fake APNs: an authority, server certificates and push certificates.

Each fake generates its own; they are valid nowhere else.
"""

import datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DEVELOPMENT, PRODUCTION = "development", "production"
# Extensions by which Apple marks the environment of a certificate; their value is an ASN.1 NULL.
ENVIRONMENT_OIDS = {
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
    """Generate a key for provider tokens (P-256)."""
    return ec.generate_private_key(ec.SECP256R1())


def key_usage(*, of_authority):
    names = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    unused = dict.fromkeys((*names, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(
        digital_signature=not of_authority, key_cert_sign=of_authority, crl_sign=of_authority, **unused
    )


class Authority:
    """Certificate authority; `certificate` is its root certificate (PEM)."""

    def __init__(self):
        self.key = signing_key()
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Push Test Authority")])
        builder = self._builder(self.name, self.key, days=3650)
        builder = builder.add_extension(key_usage(of_authority=True), critical=True)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.certificate = self._sign(builder)
        # All client certificates share one RSA key because generating one is slow.
        self.client_key = rsa.generate_private_key(65537, 2048)

    def server(self, *, days=3650, host="localhost"):
        """Return a server certificate for a host with its key (PEM); with days < 0, it has expired."""
        key = signing_key()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        builder = self._leaf_builder(name, key, ExtendedKeyUsageOID.SERVER_AUTH, days=days)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        return self._sign(builder) + pem(key)

    def client(self, topic, team_id, environments, *, days=365):
        """Return a push certificate for a bundle identifier with its key (PEM); with days < 0, it has expired."""
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.USER_ID, topic),
                x509.NameAttribute(NameOID.COMMON_NAME, f"Apple Push Services: {topic}"),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, team_id),
            ]
        )
        builder = self._leaf_builder(name, self.client_key, ExtendedKeyUsageOID.CLIENT_AUTH, days=days)
        for environment in environments:
            builder = builder.add_extension(
                x509.UnrecognizedExtension(ENVIRONMENT_OIDS[environment], NULL), critical=False
            )
        return self._sign(builder) + pem(self.client_key)

    def _leaf_builder(self, name, key, purpose, *, days):
        builder = self._builder(name, key, days=days)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(key_usage(of_authority=False), critical=True)
        return builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)

    def _builder(self, name, key, *, days):
        """Return the builder of a certificate that expires in some days."""
        now = datetime.datetime.now(datetime.UTC)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return (
            x509.CertificateBuilder(self.name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now + min(days, 0) * DAY - 30 * DAY)
            .not_valid_after(now + days * DAY)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(identifier, critical=False)
        )

    def _sign(self, builder):
        certificate = builder.sign(self.key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM).decode()


@cache
def topic_and_environments(der):
    """Return the bundle identifier and the set of environments of a push certificate."""
    certificate = x509.load_der_x509_certificate(der)
    oids = {extension.oid for extension in certificate.extensions}
    [topic] = certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
    return topic.value, {environment for environment, oid in ENVIRONMENT_OIDS.items() if oid in oids}
