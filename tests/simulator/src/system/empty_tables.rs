//! The tables of `template.yaml` at the start of a trial.

use anyhow::Context as _;
use local_sam_template::{Resources, Template};
use tokio::sync::OnceCell;

use crate::dynamodb::Database;
use crate::simulation::Simulation;
use crate::system::sdk;
use crate::system::tables::Tables;

/// The template's tables, without items.
#[derive(Debug, Clone)]
pub(crate) struct EmptyTables {
    pub(crate) database: Database,
    pub(crate) names: TableNames,
}

/// The tables' names.
#[derive(Debug, Clone)]
pub(crate) struct TableNames {
    pub(crate) orders: String,
    pub(crate) inventory: String,
    pub(crate) payments: String,
    pub(crate) notifications: String,
}

impl EmptyTables {
    /// Created once per process and copied for every trial. Creating them draws random numbers and starts the clock, so this comes
    /// before the trial's own [`Simulation`].
    pub(crate) async fn copy() -> anyhow::Result<Self> {
        static CREATED: OnceCell<EmptyTables> = OnceCell::const_new();
        CREATED.get_or_try_init(Self::create).await.cloned()
    }

    async fn create() -> anyhow::Result<Self> {
        let template = Template::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml"))?;
        let tables = Tables::new(Database::default(), None, |_| {});
        let config = sdk::config(&Simulation::new(0, false), tables.clone());
        let resources = template.provision_tables(&config).await?;
        Ok(Self { database: tables.read(Clone::clone), names: TableNames::new(&resources)? })
    }
}

impl TableNames {
    fn new(resources: &Resources) -> anyhow::Result<Self> {
        let name = |id: &str| {
            let table = resources.tables.get(id).with_context(|| format!("template.yaml has no table {id}"))?;
            anyhow::Ok(table.name.clone())
        };
        Ok(Self {
            orders: name("OrdersTable")?,
            inventory: name("InventoryTable")?,
            payments: name("PaymentsTable")?,
            notifications: name("NotificationsTable")?,
        })
    }
}
