//! The routes table of the README.

use std::collections::BTreeSet;

use gateway::http::{self, Access};

/// The rows of the README's routes table: the route, and what it needs.
pub(crate) fn rows() -> BTreeSet<(String, String)> {
    let readme = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md"));
    let rows = readme.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.split('|').map(|cell| cell.trim().trim_matches('`'));
        let (route, needs) = (cells.next()?, cells.next()?);
        route.split_once(" /").is_some().then(|| (route.to_owned(), needs.to_owned()))
    });
    rows.collect()
}

#[test]
fn readme_lists_every_route_with_its_access() {
    let registered: BTreeSet<_> = http::routes()
        .into_iter()
        .map(|route| {
            let needs = match route.access {
                Access::Public => "nothing",
                Access::AnyCaller => "any valid token",
                Access::Scope(scope) => scope.as_str(),
            };
            (format!("{} {}", route.method, route.path), needs.to_owned())
        })
        .collect();
    let routes = "the routes table of README.md and route_table() in functions/gateway/src/http.rs differ";
    assert_eq!(rows(), registered, "{routes}");
}
