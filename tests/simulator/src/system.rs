//! The system under test: the functions' own code, wired as in the cloud, on simulated tables, stream, topic, queue and provider.

mod database;
mod empty_tables;
mod function;
mod provider;
mod queue;
mod sdk;
mod stream;
mod tables;
mod topic;

use std::sync::Arc;
use std::time::Duration;

use chassis::client::{Service, Transport};
use inventory::{MovementError, Precondition, put_product, record_movement};
use notification::channel::Channels;
use notification::{Delivery, JobQueue, ParkedQueue};
use order::Saga;
use payment::{HttpProvider, Provider};
use serde_json::json;
use wire::ProductId;
use wire::inventory::PutProduct;
use wire::movement::{MovementKind, NewMovement};

pub(crate) use database::Change;
pub(crate) use empty_tables::{EmptyTables, TableNames};
pub(crate) use provider::{Charge, PaymentProvider};
pub(crate) use tables::Tables;
pub use tables::Write;
pub(crate) use topic::Topic;

use crate::mutation::Mutation;
use crate::simulation::{Simulation, clock};
use queue::Queue;
use stream::Stream;

/// How long the payment function waits for the provider.
const PROVIDER_TIMEOUT: Duration = Duration::from_secs(2);
/// What Lambda gives order-recovery for a run.
const RECOVERY_TIME: Duration = Duration::from_secs(30);
/// How many invocations of notification-delivery run at the same time.
const DELIVERY_CONCURRENCY: usize = 2;

/// The system under test. Clones refer to the same system.
#[derive(Clone)]
pub(crate) struct System {
    pub(crate) simulation: Simulation,
    pub(crate) tables: Tables,
    pub(crate) table_names: TableNames,
    pub(crate) provider: PaymentProvider,
    pub(crate) topic: Topic,
    /// Calls the order function.
    pub(crate) order: Transport,
    /// The inventory table, without the inventory function in front of it.
    pub(crate) inventory: inventory::Store,
    stream: Stream,
    queue: Queue,
    /// What order-relay and order-recovery work with.
    saga: Saga,
    /// Where the notification function sends to.
    queues: Arc<(JobQueue, ParkedQueue)>,
    delivery: Delivery,
}

impl System {
    /// A system with empty tables. `observe` sees every change of an item, at the moment of the write.
    pub(crate) fn new(
        simulation: &Simulation,
        empty: &EmptyTables,
        mutation: Option<Mutation>,
        observe: impl Fn(&Change) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let names = empty.names.clone();
        let stream = Stream::default();
        let (orders, order_stream) = (names.orders.clone(), stream.clone());
        let tables = Tables::new(empty.create()?, mutation, move |change| {
            observe(&change);
            if let Some(order) = change.new.filter(|_| change.table == orders) {
                order_stream.push(&order);
            }
        });
        let client = tables.client(simulation);
        let provider = PaymentProvider::new(simulation, mutation);

        let inventory = inventory::Store::new(client.clone(), names.inventory.clone()).with_clock(clock::now);
        let inventory_function = function::transport(simulation, "inventory", inventory::http::app(inventory.clone()));

        let provider_service = service("provider", provider.transport())?.with_timeout(PROVIDER_TIMEOUT);
        let payments = payment::Store::new(client.clone(), names.payments.clone());
        let payment_app = payment::http::app(payments, Provider::Http(HttpProvider::new(provider_service)));
        let payment_function = function::transport(simulation, "payment", payment_app);
        let payment_function = Mutation::mutate_payment(mutation, payment_function);

        let orders = order::Store::new(client.clone(), names.orders.clone());
        let keys = "c2ltdWxhdG9yc2ltdWxhdG9yc2ltdWxhdG9yc2ltdWw=".parse().map_err(anyhow::Error::msg)?;
        let services = (service("inventory", inventory_function)?, service("payment", payment_function)?);
        let saga = Saga::new(orders, services.0, services.1, keys);
        let is_slow = mutation == Some(Mutation::SlowOrderClock);
        let saga = saga.with_clock(if is_slow { clock::slow } else { clock::now });
        let order_app = Mutation::mutate_order(mutation, order::http::app(saga.clone()));

        let notifications = notification::Store::new(client, names.notifications.clone());
        let queue = Queue::default();
        Ok(Self {
            simulation: simulation.clone(),
            tables,
            provider,
            topic: Topic::new(simulation, mutation),
            order: function::transport(simulation, "order", order_app),
            inventory,
            stream,
            queues: Arc::new(queue.queues(simulation)),
            queue,
            saga,
            delivery: Delivery::new(notifications, Channels::default()).with_clock(clock::now),
            table_names: names,
        })
    }

    /// Creates a product with this stock.
    pub(crate) async fn add_product(&self, id: &str, units: u64, shards: u16) -> anyhow::Result<()> {
        let id = id.parse()?;
        put_product(&self.inventory, &id, &entry("Keyboard", shards)?, &Precondition::Absent).await??;
        self.move_stock(&id, i64::try_from(units)?, "FIRST").await??;
        Ok(())
    }

    /// Changes a product's catalogue entry, on condition that it is still this version.
    pub(crate) async fn rename(&self, id: &ProductId, name: &str, shards: u16, version: u64) -> anyhow::Result<()> {
        let precondition = Precondition::Tags(vec![wire::inventory::etag(version)]);
        // A precondition that fails is an expected outcome.
        let _renamed = put_product(&self.inventory, id, &entry(name, shards)?, &precondition).await?;
        Ok(())
    }

    /// Corrects a product's stock, as an operator does.
    pub(crate) async fn move_stock(
        &self,
        id: &ProductId,
        quantity: i64,
        movement_id: &str,
    ) -> anyhow::Result<Result<(), MovementError>> {
        let (movement_id, reason) = (movement_id.parse()?, "the simulator's operator".parse()?);
        let movement = NewMovement { movement_id, kind: MovementKind::Corrected, quantity, reason };
        let recorded = record_movement(&self.inventory, id, &movement, &"OPERATOR".parse()?).await?;
        Ok(recorded.map(drop))
    }

    /// Starts the event source mappings: stream to order-relay, topic to notification, queue to notification-delivery.
    pub(crate) fn start(&self) {
        for shard in 0..stream::SHARDS {
            let (simulation, store) = (self.simulation.clone(), self.saga.store.clone());
            tokio::spawn(self.stream.clone().deliver(shard, simulation, store, self.topic.clone()));
        }
        tokio::spawn(self.topic.clone().deliver(self.queues.clone()));
        for _ in 0..DELIVERY_CONCURRENCY {
            tokio::spawn(self.queue.clone().deliver(self.simulation.clone(), self.delivery.clone()));
        }
    }

    /// Invokes order-recovery once.
    pub(crate) async fn recover(&self) {
        let saga = self.saga.clone();
        let recovery = async move { order::recovery::recover(&saga, clock::now(), RECOVERY_TIME).await };
        let recovered = self.simulation.invoke("order-recovery", recovery).await;
        self.simulation.log("recovered", || format!("{recovered:?}"));
    }

    /// Whether nothing is in flight: no call, no invocation, no record and no message.
    pub(crate) fn is_idle(&self) -> bool {
        self.simulation.is_idle() && self.stream.is_empty() && self.topic.is_consumed() && self.queue.is_empty()
    }
}

fn entry(name: &str, shards: u16) -> anyhow::Result<PutProduct> {
    let entry = json!({ "name": name, "unit_price": 19.99, "currency": "USD", "shards": shards });
    Ok(serde_json::from_value(entry)?)
}

fn service(name: &'static str, transport: Transport) -> anyhow::Result<Service> {
    Ok(Service::with_transport(name, format!("http://{name}/").parse()?, transport))
}
