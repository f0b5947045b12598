"""The wheel: everything in it, nothing else, and both apps load from it."""

from __future__ import annotations

import configparser
import email
import json
import sys
import zipfile
from pathlib import Path

import pytest

from .conftest import must, run

pytestmark = pytest.mark.own_database

STANDIN = Path(__file__).resolve().parents[1] / "saleor_plugin" / "standin"

#: Saleor's own shape: our entry point's name in INSTALLED_APPS, no contrib.auth.
LIKE_SALEOR = """
from django.conf import settings
settings.configure(
    SECRET_KEY="packaging",
    INSTALLED_APPS=["django.contrib.contenttypes", "saleor_automation.saleor_plugin"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    USE_TZ=True,
)
import django
django.setup()
"""


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_every_file_of_the_package(wheel, source):
    package = source / "saleor_automation"
    there = {
        str(path.relative_to(source))
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert there - names(wheel) == set()


@pytest.mark.parametrize(
    "part",
    [
        "saleor_automation/py.typed",
        "saleor_automation/migrations/0001_initial.py",
        "saleor_automation/templates/saleor_automation/",
        "saleor_automation/locale/ms/LC_MESSAGES/django.mo",
        "saleor_automation/saleor_plugin/plugin.py",
    ],
)
def test_wheel_holds(wheel, part):
    assert any(name.startswith(part) for name in names(wheel)), sorted(names(wheel))


def test_wheel_holds_nothing_else(wheel):
    tops = {name.split("/")[0] for name in names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"saleor_automation"}


def test_entry_points(unpacked):
    [file] = unpacked.glob("*.dist-info/entry_points.txt")
    points = configparser.ConfigParser(delimiters=("=",))
    points.optionxform = str
    points.read(file)
    # Saleor appends the name to INSTALLED_APPS, so it must be the small app's.
    assert dict(points["saleor.plugins"]) == {
        "saleor_automation.saleor_plugin": "saleor_automation.saleor_plugin.plugin:AutomationPlugin"
    }
    assert dict(points["console_scripts"]) == {"saleor-automation": "saleor_automation.cli:main"}


def test_base_install_asks_for_django_only(unpacked):
    [file] = unpacked.glob("*.dist-info/METADATA")
    metadata = email.message_from_string(file.read_text())
    base = [r for r in metadata.get_all("Requires-Dist") if "extra ==" not in r]
    assert [requirement.split("<")[0].split(">")[0] for requirement in base] == ["Django"]
    assert metadata["License-Expression"] == "BSD-3-Clause"


def test_importing_the_package_imports_nothing(lean_python):
    script = (
        "import sys; before = set(sys.modules); import saleor_automation, json; "
        "import_json = {'json'} | {m for m in sys.modules if m.startswith('json.')}; "
        "print(json.dumps(sorted(m for m in set(sys.modules) - before - import_json "
        "if m.split('.')[0] in {'saleor_automation', 'django', 'wagtail'})))"
    )
    assert json.loads(must(run(lean_python, "-c", script, cwd="/"))) == ["saleor_automation"]


def test_plugin_app_loads_beside_django_alone(lean_python):
    script = LIKE_SALEOR + (
        "import sys\n"
        "from django.apps import apps\n"
        "from django.core.management import call_command\n"
        "config = apps.get_app_config('saleor_automation_plugin')\n"
        "call_command('check')\n"
        "call_command('migrate', verbosity=0)\n"
        "print(config.name, config.default_auto_field,\n"
        "      sorted({m.split('.')[0] for m in sys.modules} & {'wagtail', 'django_q', 'anymail'}))"
    )
    printed = must(run(lean_python, "-c", script, cwd="/")).splitlines()[-1]
    assert printed == "saleor_automation.saleor_plugin django.db.models.BigAutoField []"


def test_plugin_class_loads_through_its_entry_point(lean_python):
    script = LIKE_SALEOR + (
        "from importlib.metadata import entry_points\n"
        "[point] = entry_points(group='saleor.plugins')\n"
        "print(point.name, point.load().PLUGIN_ID)"
    )
    printed = must(run(lean_python, "-c", script, cwd="/", environ={"PYTHONPATH": str(STANDIN)}))
    assert printed.split() == ["saleor_automation.saleor_plugin", "saleor.automation"]


def test_plugin_outside_saleor_says_where_it_belongs(lean_python):
    script = LIKE_SALEOR + "import saleor_automation.saleor_plugin.plugin"
    result = run(lean_python, "-c", script, cwd="/")
    assert result.returncode != 0
    assert "loaded by Saleor itself" in result.stderr


def test_plugin_in_a_broken_saleor_shows_saleors_own_error(lean_python, tmp_path):
    (tmp_path / "saleor").mkdir()
    (tmp_path / "saleor" / "__init__.py").write_text("import graphene_that_is_missing")
    script = LIKE_SALEOR + "import saleor_automation.saleor_plugin.plugin"
    result = run(lean_python, "-c", script, cwd="/", environ={"PYTHONPATH": str(tmp_path)})
    assert result.stderr.rstrip().endswith("No module named 'graphene_that_is_missing'")


def test_plugins_models_and_migrations_agree(lean_python):
    script = LIKE_SALEOR + (
        "from django.core.management import call_command\n"
        "call_command('makemigrations', 'saleor_automation_plugin', check=True, dry_run=True)"
    )
    assert "No changes detected" in must(run(lean_python, "-c", script, cwd="/"))


def test_studio_models_refuse_to_load_inside_saleor(lean_python):
    result = run(lean_python, "-c", LIKE_SALEOR + "import saleor_automation.models", cwd="/")
    assert result.returncode != 0
    assert "app_label" in result.stderr


def test_command_without_the_studio_says_what_to_install(lean_python):
    result = run(lean_python.with_name("saleor-automation"), "check", cwd="/")
    assert result.returncode == 2
    assert "saleor-automation[studio]" in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


def test_studio_app_loads_from_the_wheel(unpacked, tmp_path):
    script = (
        "import django, saleor_automation; django.setup()\n"
        "from django.apps import apps\n"
        "print(saleor_automation.__file__, apps.get_app_config('saleor_automation').label)"
    )
    printed = must(
        run(
            *(sys.executable, "-c", script),
            cwd=tmp_path,
            environ={
                "PYTHONPATH": str(unpacked),
                "DJANGO_SETTINGS_MODULE": "saleor_automation.project.settings",
                "SALEOR_AUTOMATION_STATE_DIR": str(tmp_path / "state"),
            },
        )
    )
    assert printed.split() == [
        str(unpacked / "saleor_automation" / "__init__.py"),
        "saleor_automation",
    ]


def test_models_and_migrations_agree(tmp_path):
    must(
        run(
            *(sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run"),
            "saleor_automation",
            cwd=Path(__file__).resolve().parents[2],
            environ={
                "DJANGO_SETTINGS_MODULE": "saleor_automation.project.settings",
                "SALEOR_AUTOMATION_STATE_DIR": str(tmp_path),
                "DATABASE_URL": "",
            },
        )
    )
