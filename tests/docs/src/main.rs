//! Keeps the documentation true: what the pages name exists, and what they promise about their own size holds.
//!
//! The pages are README.md, ARCHITECTURE.md, SECURITY.md and everything in `docs/`. A failure names the page and the line.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's panic is its report")]

mod page;
mod repository;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use page::Page;
use regex::Regex;
use repository::Repository;

/// The recipes of docs/changing.md, and how many files each may touch.
const RECIPES: [(&str, usize); 5] = [
    ("Add a public route", 9),
    ("Add a function", 6),
    ("Add a metric", 3),
    ("Add a notification channel", 8),
    ("Add a terminal order status with its event", 9),
];

/// Names other projects' code, which is not in this repository.
const OF_OTHER_PROJECTS: &str = "docs/decisions.md";

/// The repository and its pages, read once for all tests.
fn pages() -> &'static (Repository, BTreeMap<String, Page>) {
    static PAGES: LazyLock<(Repository, BTreeMap<String, Page>)> = LazyLock::new(read_pages);
    &PAGES
}

fn read_pages() -> (Repository, BTreeMap<String, Page>) {
    let repository = Repository::read();
    let is_page = |path: &&String| path.ends_with(".md") && (path.starts_with("docs/") || !path.contains('/'));
    let read = |path: &String| (path.clone(), Page::parse(path, &repository.text(path)));
    let pages = repository.files().filter(is_page).map(read).collect();
    (repository, pages)
}

fn assert_none(problems: Vec<String>) {
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn every_path_exists() {
    let (repository, pages) = pages();
    let codes = pages.values().flat_map(|page| &page.codes).filter(|code| repository.is_path(&code.text));
    let missing = codes.filter(|code| repository.find(&code.text).is_empty());
    assert_none(missing.map(|code| format!("{}: there is no {}", code.place, code.text)).collect());
}

#[test]
fn every_identifier_is_in_the_code() {
    let (repository, pages) = pages();
    let mut problems = Vec::new();
    for (path, page) in pages.iter().filter(|(path, _)| *path != OF_OTHER_PROJECTS) {
        for code in &page.codes {
            let Some(name) = identifier(&code.text) else { continue };
            match &code.file {
                Some(file) if !repository.find(file).iter().any(|file| repository.contains(file, name)) => {
                    problems.push(format!("{}: {name} is not in {file}", code.place));
                }
                None if !repository.has_word(name) => problems.push(format!("{}: no code has {name}", code.place)),
                _ => {}
            }
        }
        // The output of a test run.
        for name in captures(r"(?m)^test (\w+)", page.blocks.join("\n")) {
            if !repository.has_word(&name) {
                problems.push(format!("{path}: there is no test {name}"));
            }
        }
    }
    assert_none(problems);
}

#[test]
fn every_link_leads_somewhere() {
    let (repository, pages) = pages();
    let mut problems = Vec::new();
    for (path, page) in pages {
        for link in page.links.iter().filter(|link| !link.text.contains("://")) {
            let (target, anchor) = link.text.split_once('#').unwrap_or((&link.text, ""));
            let target = if target.is_empty() { path.clone() } else { repository::join(path, target) };
            if repository.find(&target).is_empty() {
                problems.push(format!("{}: there is no {target}", link.place));
            } else if !anchor.is_empty() && !pages.get(&target).is_some_and(|page| page.anchors.contains(anchor)) {
                problems.push(format!("{}: {target} has no heading #{anchor}", link.place));
            }
        }
    }
    assert_none(problems);
}

#[test]
fn every_command_exists() {
    let (repository, pages) = pages();
    let makefile = repository.text("Makefile");
    let targets = captures(r"(?m)^([a-z][a-z0-9-]*):", makefile);
    let crates = captures(r#"(?m)^name = "([\w-]+)"$"#, repository.manifests());
    let mut problems = Vec::new();
    for (path, page) in pages {
        let commands = page.codes.iter().map(|code| &code.text).chain(&page.blocks).cloned().collect::<Vec<_>>();
        let commands = commands.join("\n");
        for target in captures(r"(?m)(?:^|\()make (?:-s )?([a-z][a-z0-9-]*)", &commands) {
            if !targets.contains(&target) {
                problems.push(format!("{path}: the Makefile has no target {target}"));
            }
        }
        for name in captures(r"(?m)^cargo test .*(?:-p|--test) ([a-z][a-z0-9_-]*)", &commands) {
            if !crates.contains(&name) {
                problems.push(format!("{path}: there is no crate or test binary {name}"));
            }
        }
    }
    assert_none(problems);
}

#[test]
fn readme_has_at_most_200_lines() {
    let (repository, _) = pages();
    assert!(repository.text("README.md").lines().count() <= 200);
}

#[test]
fn every_recipe_is_within_its_limit_and_names_existing_files() {
    let (repository, pages) = pages();
    let page = &pages["docs/changing.md"];
    let found: Vec<_> = page.recipes.iter().map(|recipe| recipe.title.as_str()).collect();
    assert_eq!(found, RECIPES.map(|(title, _)| title));
    let mut problems = Vec::new();
    for (recipe, (title, limit)) in page.recipes.iter().zip(RECIPES) {
        if !recipe.text.contains(&format!("At most {limit} files.")) {
            problems.push(format!("{title}: the page does not say \"At most {limit} files.\""));
        }
        let count = recipe.files.len();
        if !(1..=limit).contains(&count) {
            problems.push(format!("{title}: {count} files, the limit is {limit}"));
        }
        let missing = recipe.files.iter().filter(|file| repository.find(file).is_empty());
        problems.extend(missing.map(|file| format!("{title}: no file is like {file}")));
    }
    assert_none(problems);
}

#[test]
fn screenshot_is_small() {
    let (repository, _) = pages();
    assert!(repository.size("docs/images/trace.png") < 400_000);
}

/// The name to look for in the code, if a code span is an identifier that only code would have: with an underscore or with
/// capitals inside, alone, as a path (`Order::place`) or before a value (`SEED=1`).
fn identifier(code: &str) -> Option<&str> {
    let name = code.split('=').next()?.rsplit("::").next()?;
    let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let is_code = name.contains('_') || name.chars().skip(1).any(|letter| letter.is_ascii_uppercase());
    (is_word && is_code).then_some(name)
}

/// What the first group of a regular expression matches, everywhere in a text.
fn captures(pattern: &str, text: impl AsRef<str>) -> Vec<String> {
    let pattern = Regex::new(pattern).unwrap();
    pattern.captures_iter(text.as_ref()).map(|found| found[1].to_owned()).collect()
}

#[test]
fn identifiers_are_told_from_other_code() {
    assert_eq!(identifier("Transition"), None);
    assert_eq!(identifier("OrderStatus"), Some("OrderStatus"));
    assert_eq!(identifier("Order::place_it"), Some("place_it"));
    assert_eq!(identifier("SEED=1"), Some("SEED"));
    assert_eq!(identifier("expired_token_is_rejected"), Some("expired_token_is_rejected"));
    for other in ["stock + reserved", "order-relay", "application/json", "kid", "x-trace-id"] {
        assert_eq!(identifier(other), None, "{other}");
    }
}
