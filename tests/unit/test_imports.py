"""What a program reaches by its imports."""

from pathlib import Path

from deploy.imports import reached


def test_imports_are_followed_wherever_they_stand(tmp_path: Path) -> None:
    package = tmp_path / "lib"
    for name, text in {
        "__init__": "",
        "a": "def f():\n    from lib.sub import b\n",
        "sub/__init__": "",
        "sub/b": "import lib.c, json\n",
        "c": "if TYPE_CHECKING:\n    from lib import typed\nelse:\n    import lib.sub.d\n",
        "sub/d": "try:\n    import lib.e as other\nexcept ImportError:\n    raise\n",
        "e": "from lib.a import f\n",
        "typed": "",
        "unused": "import lib.sub.alone\n",
        "sub/alone": "",
    }.items():
        path = package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    program = tmp_path / "program.py"
    program.write_text("from lib.a import f\nimport library.unused\n")
    names = {path.relative_to(package).as_posix() for path in reached([program], package)}
    assert names == {"__init__.py", "a.py", "sub/__init__.py", "sub/b.py", "c.py", "sub/d.py", "e.py"}


def test_a_program_without_imports_of_the_package_reaches_nothing(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "__init__.py").write_text("")
    (tmp_path / "program.py").write_text("import json\nfrom . import lib\n")
    assert reached([tmp_path / "program.py"], tmp_path / "lib") == frozenset()
