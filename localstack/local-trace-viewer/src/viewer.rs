//! The state that the routes share.

use axum::extract::FromRef;

use crate::recording::Recording;
use crate::store::Store;

/// The state of all routes.
#[derive(Clone)]
pub(crate) struct Viewer {
    pub(crate) store: Store,
    pub(crate) recording: Option<Recording>,
}

impl FromRef<Viewer> for Store {
    fn from_ref(viewer: &Viewer) -> Self {
        viewer.store.clone()
    }
}
