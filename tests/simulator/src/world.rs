//! A world: a few buyers and products, the system, and a seed that decides about everything.

mod books;
mod buyer;
mod check;
mod queue;
mod stream;
mod system;
mod topic;
mod watch;

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use serde_json::json;
use tokio::time::sleep;
use tower::ServiceExt as _;
use wire::order::OrderPage;

use crate::Sabotage;
use crate::kernel::{Fault, Kernel, Report, Violation, Write};
use buyer::{Answer, Buyer, Market, Purchase};
use check::Lists;
use system::{Empty, System};

/// What decides about a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct World {
    /// What all chances are drawn by.
    pub seed: u64,
    /// How many orders are asked for.
    pub orders: usize,
    /// Which promise is not kept, if any.
    pub sabotage: Option<Sabotage>,
    /// Whether it keeps a diary.
    pub keep_diary: bool,
}

/// What came of a world.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The promises that were broken.
    pub violations: Vec<Violation>,
    /// How many orders came to rest where.
    pub rests: Vec<(String, u64)>,
    /// How often each fault struck.
    pub struck: Vec<(Fault, u64)>,
    /// A hash of all that happened: the same for the same world.
    pub trace: u64,
    /// All that happened, if a diary was kept.
    pub diary: Vec<String>,
}

/// How many times recovery runs before a world has to be at rest. Its pauses grow to 10 minutes.
const ROUNDS: usize = 60;

impl World {
    /// Runs the world in a thread and a runtime of its own making, and checks it.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        runtime.block_on(self.live())
    }

    async fn live(self) -> anyhow::Result<Outcome> {
        let tables = Empty::tables().await?;
        let kernel = Kernel::new(self.seed, self.keep_diary);
        let system = System::new(&kernel, tables, self.sabotage)?;
        let market = open_market(&system).await?;
        system.start();
        kernel.storm();
        // In some worlds recovery is away for longer than a reservation is sure to be held, while others go on buying.
        let outage = kernel.draw(|chance| chance.permille(150));
        let recovery = tokio::spawn(recover(system.clone(), outage, self.sabotage));
        let purchases = shop(&system, &market, outage, self.orders).await;
        recovery.abort();
        kernel.calm();
        if come_to_rest(&system, self.sabotage).await {
            let purchases = ask_again(&system, &market, purchases).await;
            let lists = lists(&system, &purchases).await?;
            check::check(&system, &purchases, &lists);
        }
        let rests = check::rests(&system);
        let Report { violations, struck, trace, diary } = kernel.take_report();
        Ok(Outcome { violations, rests, struck, trace, diary })
    }
}

/// All writes of a world in which a product is entered, and one order of one piece is placed and confirmed, and nothing goes wrong.
pub fn one_order() -> anyhow::Result<Vec<Write>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        let system = System::new(&Kernel::new(0, false), Empty::tables().await?, None)?;
        system.tables.count();
        let product = json!({ "name": "Keyboard", "unit_price": 19.99, "currency": "USD", "available": 1_000 });
        system.inventory.put_product(&"PROD-123".parse()?, &serde_json::from_value(product)?).await??;
        system.start();
        let body = json!({ "user_id": "USER-001", "product_id": "PROD-123", "quantity": 1 }).to_string();
        let request = http::Request::post("http://order/orders").header("content-type", "application/json");
        let request = request.header("idempotency-key", "\"8e03978e-40d5-43e8-bc93-6894a57f9324\"");
        let answer = system.order.clone().oneshot(request.body(body.into())?).await?;
        anyhow::ensure!(answer.status() == http::StatusCode::CREATED, "the order is answered {answer:?}");
        anyhow::ensure!(come_to_rest(&system, None).await, "the order does not come to rest");
        Ok(system.tables.counted())
    })
}

/// Enters a few products of few pieces.
async fn open_market(system: &System) -> anyhow::Result<Market> {
    let products = system.kernel.draw(|chance| chance.between(1, 6)) as usize;
    let mut keyless = true;
    for product in 0..products {
        let (available, shards) = system.kernel.draw(|chance| {
            let shards = if chance.permille(200) { chance.one_of([2, 3, 5]) } else { 1 };
            (chance.millis(1, 300).as_millis(), shards)
        });
        keyless &= shards == 1;
        let put = json!({
            "name": "Keyboard", "unit_price": 19.99, "currency": "USD", "available": available, "shards": shards,
        });
        let id = format!("P{product}").parse()?;
        system.inventory.put_product(&id, &serde_json::from_value(put)?).await??;
    }
    Ok(Market { products, keyless })
}

/// Lets buyers buy, at the same time.
async fn shop(system: &System, market: &Market, outage: bool, orders: usize) -> Vec<Purchase> {
    let buyers = system.kernel.draw(|chance| chance.between(2, 12)) as usize;
    let hurry = system.kernel.draw(|chance| if outage { 600_000 } else { chance.one_of([5, 200, 5_000]) });
    let shopping = (0..buyers).map(|index| {
        let share = orders / buyers + usize::from(index < orders % buyers);
        let buyer = Buyer {
            kernel: system.kernel.clone(),
            order: system.order.clone(),
            market: market.clone(),
            user: format!("USER-{index}"),
        };
        async move {
            let mut purchases = Vec::new();
            for number in 0..share {
                sleep(buyer.kernel.draw(|chance| chance.millis(1, hurry))).await;
                purchases.push(buyer.buy(number).await);
            }
            purchases
        }
    });
    join_all(shopping).await.into_iter().flatten().collect()
}

/// Runs order-recovery once a minute, and now and then twice at once.
async fn recover(system: System, outage: bool, sabotage: Option<Sabotage>) {
    let minutes = if outage { 30 } else { 1 };
    while sabotage != Some(Sabotage::NoRecovery) {
        sleep(Duration::from_mins(minutes)).await;
        let again = system.kernel.draw(|chance| chance.permille(200));
        let other = system.clone();
        if again {
            tokio::spawn(async move { other.recover().await });
        }
        system.recover().await;
    }
}

/// Waits until nothing is left to do; false where that does not come.
async fn come_to_rest(system: &System, sabotage: Option<Sabotage>) -> bool {
    let unfinished = || system.tables.read(|database| database.index_len(&system.names.orders, "unfinished"));
    for _ in 0..ROUNDS {
        wait_until_idle(system).await;
        if system.is_idle() && unfinished() == 0 {
            return true;
        }
        sleep(Duration::from_secs(60)).await;
        if sabotage != Some(Sabotage::NoRecovery) {
            system.recover().await;
        }
    }
    let seen = format!("{} orders are unfinished, idle: {}", unfinished(), system.is_idle());
    system.kernel.violate("everything comes to rest", seen);
    false
}

/// The list of every buyer's orders, page by page: the orders' ids.
async fn lists(system: &System, purchases: &[Purchase]) -> anyhow::Result<Lists> {
    let mut lists = Lists::new();
    for user in purchases.iter().map(|purchase| &purchase.user) {
        if lists.contains_key(user) {
            continue;
        }
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let request = http::Request::get(format!("http://order/orders?user_id={user}&limit=3{cursor}"));
            let answer = system.order.clone().oneshot(request.body(Bytes::new())?).await?;
            let page: OrderPage = serde_json::from_slice(answer.body())?;
            ids.extend(page.orders.iter().map(|order| order.order_id.to_string()));
            let Some(next) = page.next_cursor else { break };
            cursor = format!("&cursor={next}");
        }
        lists.insert(user.clone(), ids);
    }
    Ok(lists)
}

async fn wait_until_idle(system: &System) {
    /// Longer than anything is late.
    const LONGEST: u32 = 4_000;
    for _ in 0..LONGEST {
        if system.is_idle() {
            break;
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// Waits until what was held and forgotten has expired, meets it by looking at the products, and asks for every order with a key
/// once more.
async fn ask_again(system: &System, market: &Market, mut purchases: Vec<Purchase>) -> Vec<Purchase> {
    sleep(inventory::LIFETIME + Duration::from_secs(60)).await;
    for product in 0..market.products {
        let Ok(id) = format!("P{product}").parse() else { continue };
        for _ in 0..20 {
            let seen = system.inventory.product(&id).await;
            if matches!(&seen, Ok(Some(product)) if product.reserved == 0) {
                break;
            }
        }
    }
    for purchase in purchases.iter_mut().filter(|purchase| purchase.key.is_some()) {
        let buyer = Buyer {
            kernel: system.kernel.clone(),
            order: system.order.clone(),
            market: market.clone(),
            user: purchase.user.clone(),
        };
        // An order that nobody has recorded yet would be placed by this.
        let known = purchase.answers.iter().any(Answer::is_final_or_accepted);
        if known {
            let answer = buyer.post(purchase, &purchase.body).await;
            purchase.answers.extend(answer);
            if let Some(other) = &purchase.other_body {
                let answer = buyer.post(purchase, other).await;
                purchase.other_answers.extend(answer);
            }
        }
    }
    wait_until_idle(system).await;
    purchases
}
