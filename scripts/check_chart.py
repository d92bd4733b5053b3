"""Lint and render the Helm chart in deploy/helm, and validate the result against the schemas of Kubernetes.

Exits with 77 if the packages of requirements/deployment.txt are not installed.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

try:
    import helm_python as helm
    import kubernetes_validate
except ImportError as error:
    print(f"{error.name} is not installed (requirements/deployment.txt)")
    sys.exit(77)

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "deploy/helm/countersign"
# The oldest version that the chart accepts, and the newest one with a schema in the locked package.
VERSIONS = ("1.27", "1.36")
REQUIRED = {"image": {"repository": "registry.example.com/countersign"}, "publicUrl": "https://countersign.example.com"}
EVERYTHING = {
    **REQUIRED,
    "image": {"repository": "registry.example.com/countersign", "digest": "sha256:" + "0" * 64},
    "imagePullSecrets": [{"name": "registry"}],
    "brokerUrlInSecret": True,
    "environment": {"LOG_LEVEL": "WARNING"},
    "secretFiles": {"TOKEN_SERVER_ENGINE_SMS_GATEWAY_TWILIO_AUTH_TOKEN": "twilio"},
    "web": {"autoscaling": {"enabled": False}, "service": {"annotations": {"a": "b"}}},
    "workers": {"autoscaling": {"enabled": True}},
    "ingress": {"enabled": True, "className": "nginx", "host": "a.example.com", "tlsSecret": "tls"},
    "networkPolicy": {
        "webFrom": [{"namespaceSelector": {}}],
        "databaseTo": [{"ipBlock": {"cidr": "10.0.0.5/32"}}],
        "brokerTo": [{"podSelector": {}}],
    },
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "podAnnotations": {"a": "b"},
    "nodeSelector": {"a": "b"},
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
}  # fmt: skip
NOT_IN_KUBERNETES = {"ServiceMonitor"}


def main() -> None:
    problems = [*lint(REQUIRED), *lint(EVERYTHING), *incomplete_values()]
    for values in (REQUIRED, EVERYTHING):
        objects = list(render(values))
        problems += [problem for entry in objects for problem in invalid(entry)]
        problems += unknown_variables(objects)
    for problem in problems:
        print(problem)
    sys.exit(bool(problems))


def lint(values: dict[str, Any]) -> Iterator[str]:
    report = helm.lint(str(CHART), values, strict=True)
    yield from report["errors"]
    # 1: information, for example a missing icon.
    yield from (f"{entry['path']}: {entry['error']}" for entry in report["messages"] if entry["severity"] != 1)


def incomplete_values() -> Iterator[str]:
    """Check that values without an image or with a wrong URL are rejected."""
    for values in ({"publicUrl": "https://countersign.example.com"}, {**REQUIRED, "publicUrl": "countersign"}):
        try:
            helm.Chart.load(str(CHART)).validate_schema(values)
        except helm.HelmValuesError:
            continue
        yield f"values.schema.json accepts {values}"


def render(values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    rendered = helm.Chart.load(str(CHART)).render(values, name="login", namespace="countersign")
    for name, text in rendered.items():
        if name.endswith(".yaml"):
            yield from filter(None, yaml.safe_load_all(text))


def invalid(entry: dict[str, Any]) -> Iterator[str]:
    if entry["kind"] in NOT_IN_KUBERNETES:
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(entry, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            reason = str(error).splitlines()[0]
            yield f"{entry['kind']} {entry['metadata']['name']} is invalid in Kubernetes {version}: {reason}"


def unknown_variables(objects: list[dict[str, Any]]) -> Iterator[str]:
    documented = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", (ROOT / "docs/configuration.md").read_text()))
    for name in sorted({name for entry in objects for name in variables(entry)}):
        if name not in documented and name.removesuffix("_FILE") not in documented:
            yield f"the chart sets the variable {name}, which docs/configuration.md does not contain"


def variables(value: Any) -> Iterator[str]:
    """Yield the names of the environment variables of all containers."""
    if isinstance(value, dict):
        yield from (entry["name"] for entry in value.get("env", []))
        for nested in value.values():
            yield from variables(nested)
    elif isinstance(value, list):
        for nested in value:
            yield from variables(nested)


if __name__ == "__main__":
    main()
