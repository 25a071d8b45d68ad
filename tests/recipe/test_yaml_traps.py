"""What a file may not say, each with its line; nothing else is ever raised."""

import time

import pytest

TRAPS = [
    ("{bare}on: 1\n", "recipes/churn.yaml:8: on: YAML reads the key `on` as a truth value", 'quote it: "on"'),
    ("{bare}tags: {{off: x}}\n", "recipes/churn.yaml:8: tags.off: YAML reads the key `off`", "quote it"),
    ("{bare}tags: {{a: yes}}\n", "recipes/churn.yaml:8: tags.a: YAML reads `yes` as true", 'quote it: "yes"'),
    ("{bare}tags: {{a: No}}\n", "YAML reads `No` as false", "write false"),
    ("{bare}tags: {{a: 12:30}}\n", "YAML reads `12:30` as a number to base 60", 'quote it: "12:30"'),
    ("{bare}tags: {{a: 1:30.5}}\n", "YAML reads `1:30.5` as a number to base 60", "quote it"),
    ("{bare}tags: {{a: 2024-01-31}}\n", "YAML reads `2024-01-31` as a date", 'quote it: "2024-01-31"'),
    ("{bare}tags: {{a: 0777}}\n", "YAML reads `0777` as an octal number", "leave out the leading 0"),
    ("{bare}tuning: {{trials: .inf}}\n", "`.inf` is no finite number", "null stands for no bound"),
    ("{bare}tags: {{1: x}}\n", "YAML reads the key `1` as a number", 'quote it: "1"'),
    ("{bare}tags: {{null: x}}\n", "YAML reads the key `null` as nothing", "quote it"),
    ("{bare}tags: {{[a]: x}}\n", "a key is a word, not a list or mapping", ""),
    ("{bare}tags: {{_target_: os.system}}\n", "tags._target_: a recipe is data and runs no code", "name a plugin"),
    ("{bare}tags: {{a: !!python/name:os.system x}}\n", "python/name:os.system` is not available", "runs no code"),
    ("{bare}tags: !!python/object:os.system {{a: b}}\n", "python/object:os.system` is not available", "runs no code"),
    ("{bare}tags: {{a: !!binary aGk=}}\n", "binary` is not available", "runs no code"),
    ("{bare}tags: {{a: '${{oc.env:HOME}}'}}\n", "`${oc.env:HOME}` is not available", "${secret:NAME}"),
    ("{bare}tags: {{a: '${{oc.decode:x}}'}}\n", "`${oc.decode:x}` is not available", "${section.key}"),
    ("{bare}tags: {{a: '${{a${{b}}}}'}}\n", "is not available in a recipe", "${section.key}"),
    ("{bare}hydra: {{run: {{dir: x}}}}\n", "recipes/churn.yaml:8: hydra: a recipe says nothing about Hydra", "remove"),
    ("# @package evil\n{bare}", "recipes/churn.yaml:1: `# @package evil` is not available", "_global_"),
    ("{bare}name: twice\n", "recipes/churn.yaml:8: name: written twice", "keep one"),
    ("{bare}tags: {{a: b\n", "recipes/churn.yaml:9: this is no YAML", ""),
    ("{bare}tags: *nope\n", "recipes/churn.yaml:8: the alias *nope has no finished anchor", ""),
    ("{bare}tags: &a {{b: *a}}\n", "recipes/churn.yaml:8: the alias *a has no finished anchor", ""),
    ("{bare}---\nname: b\n", "this is no YAML: expected a single document", ""),
    ("- a\n- b\n", "recipes/churn.yaml:1: a recipe is a mapping of sections", ""),
    ('{bare}tags: {{a: "\\uD800"}}\n', "this is no YAML", ""),
    ("{bare}random_state: " + "9" * 400 + "\n", "more than 300 digits", ""),
    ("{bare}random_state: !!int x\n", "`x` is no number", ""),
]


@pytest.mark.parametrize(("text", "what", "hint"), TRAPS, ids=[what[:40] for _, what, _ in TRAPS])
def test_a_trap_is_named_with_its_line(project, bare, text, what, hint):
    faults = [fault for fault in project.faults(text.format(bare=bare)) if what in fault]
    assert faults, project.faults(text.format(bare=bare))
    assert hint in faults[0]
    assert faults[0].startswith("recipes/churn.yaml:")


def test_a_trap_is_told_once(project, bare):
    assert len(project.faults(f"{bare}on: 1\n")) == 1


def test_quoted_words_are_words(project, bare):
    recipe = project.load(f"{bare}tags: {{a: 'yes', b: '12:30', c: '2024-01-31', 'on': x}}\n")
    assert dict(recipe.tags) == {"a": "yes", "b": "12:30", "c": "2024-01-31", "on": "x"}


def test_numbers_as_people_write_them(project, bare):
    recipe = project.load(f"{bare}packaging: {{parity: {{tolerance: 1e-6}}}}\nrandom_state: 1_000\n")
    assert (recipe.packaging.parity.tolerance, recipe.random_state) == (1e-6, 1000)


def test_merge_keys_bring_in_what_is_not_said(project, bare):
    recipe = project.load(f"{bare}tags: {{a: &a 'x', <<: {{a: y, b: z}}, c: *a}}\n")
    assert dict(recipe.tags) == {"a": "x", "b": "z", "c": "x"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"[" * 400_000, "recipes/churn.yaml:1: nested deeper than 50 levels"),
        (b"{a: " * 100_000, "nested deeper than 50 levels"),
        (b"a: " + b"x" * (1 << 20), "larger than 1 MiB"),
        (b"tags: [" + b"x," * 20_001 + b"]", "more than 20,000 values"),
        (b"name: a\nowner: \x00\n", "recipes/churn.yaml:2: a NUL character"),
        (b"name: a\nowner: \xff\n", "recipes/churn.yaml:2: this is not UTF-8 text"),
        (b"name: \x07\n", "this is no YAML"),
    ],
    ids=["brackets", "braces", "large", "many", "nul", "latin", "bell"],
)
def test_limits_hold_before_parsing(project, text, what):
    began = time.process_time()
    (fault,) = project.faults(text)
    assert what in fault
    assert time.process_time() - began < 2.0


def test_aliases_count_as_expanded(project, bare):
    lines = ["b0: &b0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 10)}]" for n in range(1, 10)]
    (fault,) = project.faults(bare + "\n".join(lines))
    assert "more than 20,000 values, aliases expanded" in fault


def test_aliases_count_in_depth(project, bare):
    lines = ["b0: &b0 [x]"] + [f"b{n}: &b{n} [*b{n - 1}]" for n in range(1, 60)]
    (fault,) = project.faults(bare + "\n".join(lines))
    assert "nested deeper than 50 levels" in fault
