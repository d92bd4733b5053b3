"""The npm package of the portal library in TypeScript."""

from scripts import node

PACKAGE = node.Package("portal-typescript", node.of_the_package())


def build():
    """Install the npm packages and compile the library."""
    PACKAGE.install()
    PACKAGE.build([path for path in node.sources_of(PACKAGE.path) if "src" in path.parts or path.suffix == ".json"])


def link(directory):
    """Make the library, Express and types available to modules in a directory."""
    modules = directory / "node_modules"
    (modules / "@countersign").mkdir(parents=True)
    (modules / "@countersign" / "portal").symlink_to(PACKAGE.path)
    for name in ("express", "@types"):
        (modules / name).symlink_to(PACKAGE.path / "node_modules" / name)
