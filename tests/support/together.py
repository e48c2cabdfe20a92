"""Suites that are compiled as one file, in a quarter of the time: all of them ask the compiler to make the same templates.

    together.py ROOT OUT SOURCE...

The names of a suite are its own: it stands in a namespace. Its headers do not, so they come first, and what the
suite includes is there already. Those of the tests come last, for they define macros (caf/test/dsl.hpp).
"""
import os
import re
import sys

root, out, *sources = sys.argv[1:]
headers = {"tests": {}, "product": {}}
suites = []


def gather(path):
    """All that a file includes, and what headers of the tests include in turn."""
    with open(path, encoding="utf-8") as file:
        found = re.findall(r'^#include ([<"]([^>"]+)[>"])', file.read(), re.M)
    for header, name in found:
        kind = "tests" if name.startswith(("tests/", "caf/test/")) else "product"
        if header in headers[kind]:
            continue
        headers[kind][header] = True
        if name.startswith("tests/"):
            gather(os.path.join(root, name))


for number, source in enumerate(sources):
    gather(source)
    suites.append(f'#undef CAF_SUITE\nnamespace suite_{number} {{\n#include "{os.path.relpath(source, root)}"\n}}\n')
with open(out, "w", encoding="utf-8") as file:
    for header in (*headers["product"], *headers["tests"]):
        file.write(f"#include {header}\n")
    file.writelines(suites)
