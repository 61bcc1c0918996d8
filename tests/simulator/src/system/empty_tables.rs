//! The tables of `template.yaml` at the start of a trial.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use local_sam_template::{Resources, Template};
use serde_json::Value as Json;
use tokio::sync::OnceCell;

use crate::simulation::{Simulation, Target};
use crate::system::database::{self, Database};
use crate::system::sdk::{self, AwsResponse, AwsService};
use crate::system::tables::response_of;

/// The template's tables, without items.
#[derive(Debug)]
pub(crate) struct EmptyTables {
    pub(crate) names: TableNames,
    create_requests: Vec<Json>,
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
    /// Reads the template once per process. Reading it draws random numbers and starts the clock, so it comes before the trial's own
    /// [`Simulation`].
    pub(crate) async fn get() -> anyhow::Result<&'static Self> {
        static TABLES: OnceCell<EmptyTables> = OnceCell::const_new();
        TABLES.get_or_try_init(Self::read_template).await
    }

    /// A database with these tables. It reports the changes of orders and stock.
    pub(super) fn create(&self) -> anyhow::Result<Database> {
        Database::new(&self.create_requests, &[&self.names.orders, &self.names.inventory])
    }

    async fn read_template() -> anyhow::Result<Self> {
        let template = Template::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml"))?;
        let recorder = Recorder { emulator: dynoxide::Database::memory()?, create_requests: Arc::default() };
        let config = sdk::config(&Simulation::new(0, false), recorder.clone());
        let names = TableNames::new(&template.provision_tables(&config).await?)?;
        let create_requests = recorder.create_requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Self { names, create_requests })
    }
}

/// A DynamoDB that records how the template's tables are created.
#[derive(Clone)]
struct Recorder {
    emulator: dynoxide::Database,
    create_requests: Arc<Mutex<Vec<Json>>>,
}

impl AwsService for Recorder {
    const TARGET: Target = Target::Table;

    fn call(&self, operation: &str, request: &[u8]) -> AwsResponse {
        if operation == "CreateTable" {
            let request = serde_json::from_slice(request).unwrap_or_default();
            self.create_requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        }
        response_of(database::call(&self.emulator, operation, request))
    }

    fn transient_error(&self, _: &Simulation, _: &str, _: &[u8]) -> AwsResponse {
        AwsResponse { status: 500, json: "{}".to_owned() }
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
