"""Check that the project's English keeps to its vocabulary.

Usage: `check_words.py [PATH ...]`. Without a path, all tracked files are checked. Exits with 1 if a line was printed.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXT_SUFFIXES = {".py", ".md", ".html", ".js", ".css", ".sh", ".toml", ".yml", ".yaml", ".json", ".in", ".txt", ""}
# Translations are other languages; the English texts in them are those of the code.
SKIPPED = ("locale/", "tests/data/", "scripts/check_words.py")
MAX_TEST_NAME = 80

BANNED = """
    anew | any more | bells? | by itself | everybody | for good | goes on | hear | heard | hears | in words |
    judg(?:e|es|ed|ing|ement) | lanes? | mend(?:s|ed|ing)? | nobody | nudg(?:e|es|ed|ing) | so many | somebody |
    stand ?ins? | told | verdicts? | whoever | wish(?:es|ed|ing)? | who may
"""
# The words of a phrase may stand on two lines, the second of which can begin with the sign of a comment.
PATTERN = re.compile(
    r"\b(?:" + "|".join(r"[\s#]+".join(word.split()) for word in BANNED.split("|")) + r")\b", re.IGNORECASE
)
NO_VERB = re.compile(r"(?:Say|Tell|Let|Have|Be)\b")


def as_words(text: str) -> str:
    """Separate the words of identifiers; the number of lines stays."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).replace("_", " ").replace("-", " ")


def banned_words(text: str) -> Iterator[tuple[int, str]]:
    words = as_words(text)
    for match in PATTERN.finditer(words):
        yield words.count("\n", 0, match.start()) + 1, f"banned word: {' '.join(match.group().split())}"


def grammar(source: str) -> Iterator[tuple[int, str]]:
    """Check the form of docstrings and the length of test names."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            continue
        line = getattr(node, "lineno", 1)
        docstring = ast.get_docstring(node) or ""
        if NO_VERB.match(docstring):
            yield line, f"docstring begins with {docstring.split()[0]!r}"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            is_predicate = isinstance(node.returns, ast.Name) and node.returns.id == "bool"
            if docstring and is_predicate and not re.search(r"\bReturns? (?:True|False) if\b", docstring):
                yield line, "docstring of a boolean function lacks 'Return True if'"
            if node.name.startswith("test_") and len(node.name) > MAX_TEST_NAME:
                yield line, f"test name has {len(node.name)} characters, at most {MAX_TEST_NAME}"


def findings(path: Path) -> Iterator[str]:
    name = path.relative_to(ROOT).as_posix()
    for _line, problem in banned_words(name):
        yield f"{name}: file name: {problem}"
    if path.suffix not in TEXT_SUFFIXES:
        return
    text = path.read_text(encoding="utf-8")
    found = list(banned_words(text))
    if path.suffix == ".py":
        found += grammar(text)
    for line, problem in sorted(found):
        yield f"{name}:{line}: {problem}"


def main(arguments: list[str]) -> int:
    """Print one line for each finding; return the exit code."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = [name for name in tracked.stdout.split("\0") if name and not name.startswith(SKIPPED)]
    lines = [line for name in names if (ROOT / name).is_file() for line in findings(ROOT / name)]
    print("\n".join(lines) or "No banned words.")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
