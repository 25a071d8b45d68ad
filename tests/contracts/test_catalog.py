"""Discovery: entry points, project files, and what is refused."""

import pytest

from mlconfig.contracts import Context, Source
from mlconfig.contracts.catalog import CONTRACTS, Catalog
from mlconfig.errors import PluginError

FILE = '''
from typing import ClassVar

import pyarrow as pa

from mlconfig.contracts import Source
from mlconfig.vocabulary import Frozen


class TwoRows(Source):
    """Two rows."""

    class Params(Frozen):
        start: int = 0

    def fingerprint(self) -> str:
        return str(self.params.start)

    def read(self) -> pa.Table:
        return pa.table({"a": [self.params.start, self.params.start + 1]})
'''


@pytest.fixture
def project(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "two_rows.py").write_text(FILE)
    return tmp_path


@pytest.mark.parametrize("kind", CONTRACTS)
def test_every_built_in_keeps_its_contract(kind):
    listings = Catalog().list(kind)
    assert listings
    for listing in listings:
        cls = Catalog().load(kind, listing.name)
        assert issubclass(cls, CONTRACTS[kind])
        assert cls.__doc__


def test_an_unknown_name_gets_close_matches_and_what_there_is():
    with pytest.raises(PluginError) as caught:
        Catalog().load("source", "parqet")
    assert "there is no source `parqet`" in str(caught.value)
    assert "did you mean `parquet`?" in str(caught.value)


def test_a_single_file_of_the_project_is_a_plugin(project):
    catalog = Catalog(project, ["two_rows"])
    source = catalog.create("source", "two_rows", {"start": 3}, Context(project))
    assert isinstance(source, Source)
    assert source.read()["a"].to_pylist() == [3, 4]
    distribution, revision, sha256 = catalog.pin("source", "two_rows")
    assert (distribution, revision) == ("plugins/two_rows.py", 1)
    assert sha256 is not None


def test_a_file_that_the_recipe_does_not_list_is_not_loaded(project):
    with pytest.raises(PluginError, match="there is no source `two_rows`"):
        Catalog(project).load("source", "two_rows")


def test_two_owners_of_one_name_are_both_named(project):
    (project / "plugins" / "mine.py").write_text(FILE.replace("class TwoRows", "class Csv"))
    with pytest.raises(PluginError, match=r"plugins/mine.py and by mlconfig"):
        Catalog(project, ["mine"]).load("source", "csv")


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/b", "a.py", ""])
def test_only_bare_names_inside_the_folder_are_taken(project, name):
    with pytest.raises(PluginError, match="no bare name"):
        Catalog(project, [name]).list("source")


def test_a_link_out_of_the_folder_is_refused(project, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "evil.py"
    outside.write_text(FILE)
    (project / "plugins" / "evil.py").symlink_to(outside)
    with pytest.raises(PluginError, match="there is no file"):
        Catalog(project, ["evil"]).list("source")


def test_a_file_that_fails_names_itself_and_the_error(project):
    (project / "plugins" / "broken.py").write_text("1 / 0\n")
    with pytest.raises(PluginError, match=r"broken.py.*ZeroDivisionError"):
        Catalog(project, ["broken"]).list("source")


def test_wrong_params_name_the_plugin_and_the_key(project):
    with pytest.raises(PluginError, match=r"source `two_rows`: start"):
        Catalog(project, ["two_rows"]).create("source", "two_rows", {"start": "x"}, Context(project))
