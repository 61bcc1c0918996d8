//! Lists that are read page by page.

use serde::Deserialize;
use utoipa::IntoParams;
use wire::order::DEFAULT_PAGE_SIZE;
use wire::problem::{Problem, ProblemType};

/// Maximum length of a cursor, in bytes.
const MAX_CURSOR: usize = 512;

/// Which page to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// Maximum number of entries on the page: 1 to 100, by default 20.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u8>,
    /// The `next_cursor` of the previous page. Without it, the first page.
    #[param(pattern = "^[A-Za-z0-9._-]{1,512}$")]
    cursor: Option<String>,
}

impl PageParams {
    /// The parameters for the service's URL. The service parses the cursor; here it must only be safe in a URL.
    pub(super) fn query(&self) -> Result<String, Problem> {
        let limit = self.limit.unwrap_or(DEFAULT_PAGE_SIZE);
        let Some(cursor) = &self.cursor else { return Ok(format!("limit={limit}")) };
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if (1..=MAX_CURSOR).contains(&cursor.len()) && cursor.bytes().all(allowed) {
            Ok(format!("limit={limit}&cursor={cursor}"))
        } else {
            Err(Problem::new(ProblemType::BadRequest, "cursor is not from an earlier page"))
        }
    }
}
