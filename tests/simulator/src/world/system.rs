//! The functions of a world, wired as in the cloud, and what they work on.

use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use bytes::Bytes;
use chassis::client::{Service, Transport};
use http::{Request, Response};
use local_sam_template::{Resources, Template};
use order::Saga;
use payment::{HttpProvider, Provider};
use tokio::sync::OnceCell;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use crate::Sabotage;
use crate::dynamodb::Database;
use crate::kernel::{self, Kernel, Tables, clock, transport};
use crate::world::books::Books;
use crate::world::queue::Queue;
use crate::world::stream::{SHARDS, Stream};
use crate::world::topic::Topic;
use crate::world::watch::Watch;

/// How long the payment function waits for the provider.
const PROVIDER_TIMEOUT: Duration = Duration::from_secs(2);

/// What a world consists of, but for its buyers.
#[derive(Clone)]
pub(crate) struct System {
    pub(crate) kernel: Kernel,
    pub(crate) tables: Tables,
    pub(crate) names: Names,
    pub(crate) books: Books,
    pub(crate) topic: Topic,
    pub(crate) stream: Stream,
    pub(crate) queue: Queue,
    /// order-recovery's.
    pub(crate) saga: Saga,
    /// The way to the order function.
    pub(crate) order: Transport,
    pub(crate) inventory: inventory::Store,
    notifications: notification::Store,
}

/// The tables' names.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) orders: String,
    pub(crate) inventory: String,
    pub(crate) payments: String,
    pub(crate) notifications: String,
}

impl System {
    pub(crate) fn new(kernel: &Kernel, tables: Empty, sabotage: Option<Sabotage>) -> anyhow::Result<Self> {
        let Empty { database, names } = tables;
        let stream = Stream::default();
        let watch = Watch { kernel: kernel.clone(), names: names.clone(), stream: stream.clone() };
        let tables = Tables::new(database, sabotage, move |change| watch.see(&change));
        let client = tables.client(kernel);
        let (books, topic) = (Books::new(kernel, sabotage), Topic::new(kernel, sabotage));

        let inventory = inventory::Store::new(client.clone(), names.inventory.clone()).with_clock(clock::now);
        let inventory_app = transport(kernel, "inventory", inventory::http::app(inventory.clone()));
        let provider = service("provider", books.transport())?.within(PROVIDER_TIMEOUT);
        let payments = payment::Store::new(client.clone(), names.payments.clone());
        let payment_app = payment::http::app(payments, Provider::Http(HttpProvider::over(provider)));
        let payment_app = sabotaged(transport(kernel, "payment", payment_app), sabotage);
        let orders = order::Store::new(client.clone(), names.orders.clone());
        let saga = Saga::new(orders, service("inventory", inventory_app)?, service("payment", payment_app)?);
        let saga = saga.with_clock(clock::now);
        let notifications = notification::Store::new(client, names.notifications.clone()).with_clock(clock::now);
        let order = transport(kernel, "order", without_key(order::http::app(saga.clone()), sabotage));
        let (kernel, queue) = (kernel.clone(), Queue::default());
        Ok(Self { kernel, tables, names, books, topic, stream, queue, saga, order, inventory, notifications })
    }

    /// Begins to give what the stream, the topic and the queue have to whom it is for.
    pub(crate) fn start(&self) {
        for shard in 0..SHARDS {
            let (kernel, store) = (self.kernel.clone(), self.saga.store.clone());
            tokio::spawn(self.stream.clone().deliver(shard, kernel, store, self.topic.clone()));
        }
        tokio::spawn(self.topic.clone().consume(self.queue.clone()));
        for _ in 0..2 {
            tokio::spawn(self.queue.clone().deliver(self.kernel.clone(), self.notifications.clone()));
        }
    }

    /// Runs order-recovery once.
    pub(crate) async fn recover(&self) {
        let saga = self.saga.clone();
        let recovered =
            self.kernel.invoke("order-recovery", async move { order::recovery::recover(&saga, clock::now()).await });
        let recovered = recovered.await;
        self.kernel.note("recovered", || format!("{recovered:?}"));
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.kernel.is_idle() && self.stream.is_empty() && self.topic.is_consumed() && self.queue.is_empty()
    }
}

/// Tables without items, as the template has them.
#[derive(Debug, Clone)]
pub(crate) struct Empty {
    database: Database,
    names: Names,
}

impl Empty {
    /// Made once, and copied for each world. The first time draws by chance: before a world begins.
    pub(crate) async fn tables() -> anyhow::Result<Self> {
        static EMPTY: OnceCell<Empty> = OnceCell::const_new();
        let made = EMPTY.get_or_try_init(async || {
            let template = Template::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml"))?;
            let (database, resources) = kernel::provision(&template).await?;
            anyhow::Ok(Self { database, names: Names::new(&resources)? })
        });
        made.await.cloned()
    }
}

impl Names {
    fn new(resources: &Resources) -> anyhow::Result<Self> {
        let name = |id: &str| {
            let table = resources.tables.get(id).with_context(|| format!("the template has no table {id}"))?;
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

fn service(name: &'static str, transport: Transport) -> anyhow::Result<Service> {
    Ok(Service::over(name, format!("http://{name}/").parse()?, transport))
}

/// The way to the payment function, with what a sabotage makes of it.
fn sabotaged(payment: Transport, sabotage: Option<Sabotage>) -> Transport {
    let Some(sabotage) = sabotage else { return payment };
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let payment = payment.clone();
        async move {
            let (path, body) = (request.uri().path().to_owned(), request.body().clone());
            let json = |answer: serde_json::Value| Ok(Response::new(Bytes::from(answer.to_string())));
            if let Some(answer) = sabotage.of_payment(&path, &body) {
                return json(answer);
            }
            let answered = payment.oneshot(request).await;
            let lost = answered.as_ref().map_or(true, |answer| answer.status().is_server_error());
            match sabotage.of_lost_charge(&path, &body).filter(|_| lost) {
                Some(answer) => json(answer),
                None => answered,
            }
        }
    }))
}

/// The order function, which under a sabotage does not see the Idempotency-Key.
fn without_key(app: Router, sabotage: Option<Sabotage>) -> Router {
    if sabotage != Some(Sabotage::ForgetKey) {
        return app;
    }
    app.layer(axum::middleware::map_request(async |mut request: axum::extract::Request| {
        request.headers_mut().remove("idempotency-key");
        request
    }))
}
