//! The repository's files and the words in its code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

/// Folders that git ignores.
const IGNORED: [&str; 5] = [".aws-sam", ".git", ".local", ".tools", "target"];

/// Endings of files that a page may name without their folder.
const ENDINGS: [&str; 9] = [".rs", ".yaml", ".yml", ".toml", ".json", ".md", ".py", ".sh", ".xml"];

/// The endings of code and configuration.
const CODE: [&str; 7] = [".rs", ".yaml", ".yml", ".toml", ".json", ".py", ".sh"];

/// The repository that this test is in.
pub(crate) struct Repository {
    root: PathBuf,
    files: BTreeSet<String>,
    folders: BTreeSet<String>,
    words: BTreeSet<String>,
}

impl Repository {
    /// Reads all of it.
    pub(crate) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let (files, folders, words) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut repository = Self { root, files, folders, words };
        repository.walk("");
        let is_code = |file: &&String| {
            // Not these tests: what they name need not be anywhere else.
            !file.starts_with("tests/docs/")
                && (CODE.iter().any(|ending| file.ends_with(ending)) || *file == "Makefile")
        };
        let code: Vec<_> = repository.files.iter().filter(is_code).map(|file| repository.text(file)).collect();
        let words = code.iter().flat_map(|text| words_of(text));
        repository.words = words.map(str::to_owned).collect();
        repository
    }

    fn walk(&mut self, folder: &str) {
        for entry in fs::read_dir(self.root.join(folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            // Build folders of nested workspaces too.
            if IGNORED.contains(&name.as_str()) {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                self.walk(&path);
                self.folders.insert(path);
            } else {
                self.files.insert(path);
            }
        }
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &String> {
        self.files.iter()
    }

    pub(crate) fn text(&self, file: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.root.join(file)).unwrap()).into_owned()
    }

    pub(crate) fn size(&self, file: &str) -> u64 {
        fs::metadata(self.root.join(file)).unwrap().len()
    }

    /// Every Cargo.toml.
    pub(crate) fn manifests(&self) -> String {
        self.files.iter().filter(|file| file.ends_with("Cargo.toml")).map(|file| self.text(file)).collect()
    }

    /// Whether a code span names a file or a folder of this repository.
    pub(crate) fn is_path(&self, code: &str) -> bool {
        static FORM: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^[\w.<>*-]+(/[\w.<>*-]+)*/?$").unwrap());
        let first = code.split('/').next().unwrap_or_default();
        let is_at_top = self.folders.contains(first) && code.contains('/');
        FORM.is_match(code)
            && !IGNORED.contains(&first)
            && (is_at_top || code.ends_with('/') || ENDINGS.iter().any(|ending| code.ends_with(ending)))
    }

    /// The files and folders that a path may mean: from the root or from any folder, `<…>` and `*` for any name.
    pub(crate) fn find(&self, path: &str) -> Vec<&str> {
        let path = path.trim_end_matches('/');
        static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"<[^>]*>|\*").unwrap());
        let fixed: Vec<_> = PLACEHOLDER.split(path).map(regex::escape).collect();
        let pattern = Regex::new(&format!("^(.*/)?{}$", fixed.join("[^/]+"))).unwrap();
        let all = self.files.iter().chain(&self.folders).map(String::as_str);
        all.filter(|file| pattern.is_match(file)).collect()
    }

    pub(crate) fn has_word(&self, word: &str) -> bool {
        self.words.contains(word)
    }

    /// Whether a file contains a word.
    pub(crate) fn contains(&self, file: &str, word: &str) -> bool {
        words_of(&self.text(file)).any(|found| found == word)
    }
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

/// A link's target, relative to the page that it is on.
pub(crate) fn join(page: &str, link: &str) -> String {
    let mut parts: Vec<_> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}
