//! A page of the documentation, taken apart.

use std::collections::BTreeSet;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// A page.
#[derive(Default)]
pub(crate) struct Page {
    /// The code spans in its text.
    pub(crate) codes: Vec<Code>,
    /// The code blocks.
    pub(crate) blocks: Vec<String>,
    /// The targets of its links and images.
    pub(crate) links: Vec<Code>,
    /// The anchors of its headings, as GitHub makes them.
    pub(crate) anchors: BTreeSet<String>,
    /// The sections that have a numbered list.
    pub(crate) recipes: Vec<Recipe>,
}

/// A text at a place.
pub(crate) struct Code {
    /// The page and the line.
    pub(crate) place: String,
    /// The text.
    pub(crate) text: String,
    /// The Rust file that the text before it names: `` `http/orders.rs`: `a_test`, `another_test` ``.
    pub(crate) file: Option<String>,
}

/// A section with a numbered list of files.
#[derive(Default)]
pub(crate) struct Recipe {
    pub(crate) title: String,
    pub(crate) text: String,
    /// The first code span of each item.
    pub(crate) files: Vec<String>,
}

impl Page {
    /// Takes a page apart. `path` names it in failures.
    pub(crate) fn parse(path: &str, markdown: &str) -> Self {
        let mut page = Self::default();
        let (mut heading, mut block) = (None::<String>, None::<String>);
        let (mut section, mut awaits_file) = (Recipe::default(), false);
        // The Rust file that was named last, and whether a colon came after it.
        let mut file = None::<(String, bool)>;
        for (event, range) in Parser::new_ext(markdown, Options::ENABLE_TABLES).into_offset_iter() {
            let place = || format!("{path}:{}", markdown[..range.start].lines().count().max(1));
            match event {
                Event::Start(Tag::Heading { level, .. }) => {
                    if level <= HeadingLevel::H2 {
                        page.recipes.push(std::mem::take(&mut section));
                    }
                    heading = Some(String::new());
                }
                Event::End(TagEnd::Heading(_)) => {
                    let title = heading.take().unwrap_or_default();
                    page.anchors.insert(slug(&title));
                    section.title = title;
                }
                Event::Start(Tag::CodeBlock(_)) => block = Some(String::new()),
                Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(Code { place: place(), text: dest_url.into_string(), file: None });
                }
                Event::Start(Tag::Item) => awaits_file = true,
                Event::Start(Tag::TableCell | Tag::Paragraph) => file = None,
                Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                    if std::mem::take(&mut awaits_file) {
                        section.files.push(text.to_string());
                    }
                    let named = file.as_ref().filter(|(_, colon)| *colon).map(|(name, _)| name.clone());
                    if text.ends_with(".rs") {
                        file = Some((text.to_string(), false));
                    }
                    page.codes.push(Code { place: place(), text: text.into_string(), file: named });
                }
                Event::Text(text) => {
                    if let Some(part) = heading.as_mut().or(block.as_mut()) {
                        part.push_str(&text);
                    } else {
                        section.text.push_str(&text);
                    }
                    if let Some((_, colon)) = &mut file {
                        *colon |= text.starts_with(':');
                    }
                    // Other punctuation ends the list of names.
                    if text.contains([';', '.', '(']) {
                        file = None;
                    }
                }
                Event::SoftBreak => section.text.push(' '),
                _ => {}
            }
        }
        page.recipes.push(section);
        page.recipes.retain(|recipe| !recipe.files.is_empty());
        page
    }
}

/// A heading's anchor.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
