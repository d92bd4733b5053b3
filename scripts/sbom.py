"""Write the software bill of materials (CycloneDX 1.6, JSON) of the server and the web phone to standard output.

Python packages are those of requirements/production.txt, with the licences and dependencies of the installed packages.
npm packages are those in the files of the web phone, and esbuild, which builds them. With --check, it validates only.
"""

import json
import re
import sys
from base64 import b64decode
from importlib import metadata
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from apps import VERSION

ROOT = Path(__file__).resolve().parent.parent
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)
# npm packages that only build the files of the web phone.
BUILD_TOOLS = {"esbuild"}
# Locked, but not installed by newer versions of Python or on Linux, so that their licence cannot be read here.
OF_OTHER_PLATFORMS = {"async-timeout", "tzdata"}
licenses = LicenseFactory()


def main() -> int:
    bom = Bom()
    bom.metadata.component = root = Component(
        name="countersign",
        version=VERSION,
        type=ComponentType.APPLICATION,
        bom_ref="countersign",
        purl=PackageURL("generic", None, "countersign", VERSION),
    )
    python = python_components()
    npm = npm_components()
    for component in [*python.values(), *npm]:
        bom.components.add(component)
    bom.register_dependency(root, [*python.values(), *npm])
    for name, component in python.items():
        bom.register_dependency(component, [python[other] for other in required_by(name) if other in python])
    text = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)
    if sys.argv[1:] == ["--check"]:
        return report(text, [component for component in [*python.values(), *npm] if not component.licenses])
    print(text)
    return 0


def report(text: str, unlicensed: list[Component]) -> int:
    """Print what is wrong with the document, and the components without a licence. Return the exit code."""
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    names = {component.name for component in unlicensed} - OF_OTHER_PLATFORMS
    print(error or "The document is valid.", f"Without a licence: {', '.join(sorted(names)) or 'none'}.")
    return 1 if error or names else 0


def python_components() -> dict[str, Component]:
    """Return the components of the locked packages that this platform installs, by canonical name."""
    locked = PINNED.findall((ROOT / "requirements" / "production.txt").read_text())
    return {canonicalize_name(name): python_component(canonicalize_name(name), version) for name, version in locked}


def python_component(name: str, version: str) -> Component:
    component = Component(
        name=name, version=version, bom_ref=f"pypi:{name}", purl=PackageURL("pypi", None, name, version)
    )
    if text := license_of(name):
        component.licenses.add(licenses.make_from_string(text))
    return component


def license_of(name: str) -> str:
    """Return the licence of an installed package: an SPDX expression, or the name of its classifier."""
    try:
        fields = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        # Locked for another platform or version of Python.
        return ""
    if expression := fields.get("License-Expression"):
        return expression
    short = (fields.get("License") or "").strip()
    if short and len(short) < 60 and short != "UNKNOWN":
        return short
    classifiers = [entry for entry in fields.get_all("Classifier") or [] if entry.startswith("License :: ")]
    return classifiers[0].rpartition(" :: ")[2] if classifiers else ""


def required_by(name: str) -> set[str]:
    """Return the canonical names of the packages that an installed package requires, without its extras."""
    try:
        requirements = [Requirement(text) for text in metadata.requires(name) or []]
    except metadata.PackageNotFoundError:
        return set()
    return {canonicalize_name(entry.name) for entry in requirements if "extra" not in str(entry.marker or "")}


def npm_components() -> list[Component]:
    packages = json.loads((ROOT / "clients" / "web-phone" / "package-lock.json").read_text())["packages"]
    return [
        npm_component(path.rpartition("node_modules/")[2], package)
        for path, package in packages.items()
        if "integrity" in package and not package.get("dev") and not package.get("optional")
    ]


def npm_component(name: str, package: dict[str, str]) -> Component:
    group, _, short = name.rpartition("/")
    component = Component(
        name=short,
        group=group or None,
        version=package["version"],
        bom_ref=f"npm:{name}",
        purl=PackageURL("npm", group or None, short, package["version"]),
        scope=ComponentScope.EXCLUDED if name in BUILD_TOOLS else ComponentScope.REQUIRED,
        hashes=[HashType(alg=HashAlgorithm.SHA_512, content=b64decode(package["integrity"][7:]).hex())],
    )
    if text := package.get("license"):
        component.licenses.add(licenses.make_from_string(text))
    return component


if __name__ == "__main__":
    sys.exit(main())
