"""What other packages offer: found by name, imported when it is asked for."""

import sys

import pytest

from pgvq.plugins import ALGORITHM_PLUGINS, ENVIRONMENT_PLUGINS, plugins
from pgvq.types import InputError


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Lays a distribution with entry points and one module into a folder."""
    modules = []

    def lay(distribution, entries, module="", source=""):
        info = tmp_path / f"{distribution}-1.2.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n"
        (info / "METADATA").write_text(metadata)
        (info / "entry_points.txt").write_text(entries)
        if module:
            (tmp_path / f"{module}.py").write_text(source)
            modules.append(module)

    monkeypatch.syspath_prepend(tmp_path)
    yield lay
    for module in modules:
        sys.modules.pop(module, None)


def test_a_plugin_is_found_by_name_and_imported_only_when_asked(install):
    install(
        "offering",
        "[pgvq.algorithms]\nanswer = offered_things:ANSWER\n"
        "[pgvq.environments]\nPlace-v0 = offered_things:Place\n",
        "offered_things",
        "ANSWER = 42\nclass Place: pass\n",
    )
    algorithms = plugins(ALGORITHM_PLUGINS)
    assert "answer" in algorithms
    assert "Place-v0" not in algorithms
    assert "offered_things" not in sys.modules
    assert algorithms["answer"]() == 42
    assert plugins(ENVIRONMENT_PLUGINS)["Place-v0"]().__name__ == "Place"


def test_names_come_in_order(install):
    install("offering", "[pgvq.algorithms]\nb = m:b\nc = m:c\na = m:a\n")
    names = list(plugins(ALGORITHM_PLUGINS))
    assert names == sorted(names)
    assert {"a", "b", "c"} <= set(names)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("no_such_module_at_all:Thing", "ModuleNotFoundError"),
        ("broken_thing:Thing", "RuntimeError: out of order"),
        ("sys:Thing", "AttributeError"),
    ],
)
def test_a_broken_plugin_names_its_package_when_it_is_asked_for(install, value, says):
    install(
        "offering",
        f"[pgvq.algorithms]\nbroken = {value}\nwhole = math:pi\n",
        "broken_thing",
        "raise RuntimeError('out of order')",
    )
    found = plugins(ALGORITHM_PLUGINS)
    assert found["whole"]() > 3
    with pytest.raises(InputError, match=r"'broken' of the package offering 1\.2") as e:
        found["broken"]()
    assert says in str(e.value)
    assert "uninstall" in str(e.value)


def test_a_name_that_two_packages_offer_is_refused_with_both(install):
    install("one", "[pgvq.algorithms]\ntwice = math:pi\n")
    install("other", "[pgvq.algorithms]\ntwice = math:e\n")
    with pytest.raises(InputError, match=r"one 1\.2 and other 1\.2"):
        plugins(ALGORITHM_PLUGINS)["twice"]()
