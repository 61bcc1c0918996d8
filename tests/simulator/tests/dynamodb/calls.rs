//! Random calls. They use few keys and few attributes, so that many of them affect each other.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// The two kinds of tables that the system has: one with a hash key and a sparse index, one with a hash and a range key.
pub(crate) fn tables() -> [(String, Value); 2] {
    let attribute = |name: &str, kind: &str| json!({ "AttributeName": name, "AttributeType": kind });
    let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
    let stream = json!({ "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" });
    let single = json!({
        "TableName": "Single",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [attribute("id", "S"), attribute("unfinished", "S"), attribute("deadline", "N")],
        "KeySchema": [key("id", "HASH")],
        "GlobalSecondaryIndexes": [{
            "IndexName": "unfinished",
            "KeySchema": [key("unfinished", "HASH"), key("deadline", "RANGE")],
            "Projection": { "ProjectionType": "KEYS_ONLY" },
        }],
        "StreamSpecification": stream,
    });
    let double = json!({
        "TableName": "Double",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [attribute("id", "S"), attribute("entry", "S")],
        "KeySchema": [key("id", "HASH"), key("entry", "RANGE")],
        "StreamSpecification": stream,
    });
    [("CreateTable".into(), single), ("CreateTable".into(), double)]
}

pub(crate) fn call() -> impl Strategy<Value = (String, Value)> {
    let named = |name: &'static str| move |request| (name.to_owned(), request);
    prop_oneof![
        3 => put().prop_flat_map(with_return_parameters).prop_map(named("PutItem")),
        5 => update().prop_flat_map(with_return_parameters).prop_map(named("UpdateItem")),
        1 => delete().prop_flat_map(with_return_parameters).prop_map(named("DeleteItem")),
        2 => get().prop_map(named("GetItem")),
        1 => prop::collection::vec(key(), 1..4).prop_map(batch_get).prop_map(named("BatchGetItem")),
        1 => prop::collection::vec(key(), 1..3).prop_map(transact_get).prop_map(named("TransactGetItems")),
        3 => transaction().prop_map(named("TransactWriteItems")),
        2 => query().prop_map(named("Query")),
        1 => scan().prop_map(named("Scan")),
    ]
}

/// A table and one of its keys.
fn key() -> impl Strategy<Value = (&'static str, Value)> {
    let id = || select(vec!["a", "b"]);
    prop_oneof![
        id().prop_map(|id| ("Single", json!({ "id": { "S": id } }))),
        (id(), select(vec!["x", "y"]))
            .prop_map(|(id, part)| ("Double", json!({ "id": { "S": id }, "entry": { "S": part } }))),
    ]
}

fn item() -> impl Strategy<Value = Map<String, Value>> {
    let number = || select(vec![0, 1, 5, -3]).prop_map(|number| json!({ "N": number.to_string() }));
    let member = prop_oneof![number(), Just(json!({ "S": "A" }))];
    (
        prop::option::of(Just(json!({ "S": "unfinished" }))),
        prop::option::of(number()),
        prop::option::of(prop_oneof![
            number(),
            Just(json!({ "S": "A" })),
            Just(json!({ "BOOL": true })),
            Just(json!({ "NULL": true }))
        ]),
        prop::option::of(prop::collection::btree_map(select(vec!["o1", "o2"]), member, 0..3)),
        prop::option::of(prop::collection::vec(number(), 0..3)),
        prop::option::of(select(vec![vec!["A"], vec!["A", "B"]])),
        prop::option::weighted(0.2, select(vec![300, 1100])),
    )
        .prop_map(|(open, at, n, h, l, set, pad)| {
            let pairs = [
                ("unfinished", open),
                ("deadline", at),
                ("n", n),
                ("h", h.map(|members| json!({ "M": members }))),
                ("l", l.map(|values| json!({ "L": values }))),
                ("labels", set.map(|texts| json!({ "SS": texts }))),
                ("pad", pad.map(|length| json!({ "S": "x".repeat(length) }))),
            ];
            pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
        })
}

fn put() -> impl Strategy<Value = Value> {
    (key(), item(), prop::option::of(condition())).prop_map(|((table, key), mut item, condition)| {
        item.extend(key.as_object().unwrap().clone());
        with_placeholders(json!({ "TableName": table, "Item": item }), &[("ConditionExpression", condition)])
    })
}

fn update() -> impl Strategy<Value = Value> {
    (key(), changes(), prop::option::of(condition())).prop_map(|((table, key), changes, condition)| {
        let request = json!({ "TableName": table, "Key": key });
        with_placeholders(request, &[("UpdateExpression", Some(changes)), ("ConditionExpression", condition)])
    })
}

fn delete() -> impl Strategy<Value = Value> {
    (key(), prop::option::of(condition())).prop_map(|((table, key), condition)| {
        with_placeholders(json!({ "TableName": table, "Key": key }), &[("ConditionExpression", condition)])
    })
}

/// A write outside a transaction, with parameters that decide what the response contains.
fn with_return_parameters(request: Value) -> impl Strategy<Value = Value> {
    let values =
        if request.get("UpdateExpression").is_some() { vec!["NONE", "ALL_NEW"] } else { vec!["NONE", "ALL_OLD"] };
    let capacities = select(vec!["NONE", "TOTAL", "INDEXES"]);
    (select(values), capacities, any::<bool>()).prop_map(move |(values, capacity, shown)| {
        let mut request = show(request.clone(), shown);
        request["ReturnValues"] = json!(values);
        request["ReturnConsumedCapacity"] = json!(capacity);
        request
    })
}

fn show(mut request: Value, shown: bool) -> Value {
    request["ReturnValuesOnConditionCheckFailure"] = json!(if shown { "ALL_OLD" } else { "NONE" });
    request
}

fn transaction() -> impl Strategy<Value = Value> {
    let check = (key(), condition()).prop_map(|((table, key), condition)| {
        with_placeholders(json!({ "TableName": table, "Key": key }), &[("ConditionExpression", Some(condition))])
    });
    let write = prop_oneof![
        put().prop_map(|put| ("Put", put)),
        update().prop_map(|update| ("Update", update)),
        delete().prop_map(|delete| ("Delete", delete)),
        check.prop_map(|check| ("ConditionCheck", check)),
    ];
    let write = (write, any::<bool>()).prop_map(|((kind, request), shown)| json!({ kind: show(request, shown) }));
    let token = prop::option::weighted(0.3, select(vec!["token-1", "token-2"]));
    let capacities = select(vec!["NONE", "TOTAL", "INDEXES"]);
    (prop::collection::vec(write, 1..4), token, capacities).prop_map(|(writes, token, capacity)| match token {
        Some(token) => json!({ "TransactItems": writes, "ClientRequestToken": token }),
        None => json!({ "TransactItems": writes, "ReturnConsumedCapacity": capacity }),
    })
}

fn get() -> impl Strategy<Value = Value> {
    (key(), prop::option::of(Just("n, h"))).prop_map(|((table, key), projection)| {
        let request = json!({ "TableName": table, "Key": key });
        with_placeholders(request, &[("ProjectionExpression", projection.map(str::to_owned))])
    })
}

fn batch_get(keys: Vec<(&'static str, Value)>) -> Value {
    let mut items = Map::new();
    for (table, key) in keys {
        let keys = items.entry(table).or_insert_with(|| json!({ "Keys": [], "ConsistentRead": true }));
        keys["Keys"].as_array_mut().unwrap().push(key);
    }
    json!({ "RequestItems": items })
}

fn transact_get(keys: Vec<(&'static str, Value)>) -> Value {
    let get = |(table, key)| json!({ "Get": { "TableName": table, "Key": key } });
    json!({ "TransactItems": keys.into_iter().map(get).collect::<Vec<_>>() })
}

fn query() -> impl Strategy<Value = Value> {
    let range = select(vec![
        "deadline <= :n1",
        "deadline < :n5",
        "deadline BETWEEN :neg AND :n1",
        "deadline = :n1",
        "deadline > :neg",
    ]);
    let index = (prop::option::of(range), any::<bool>()).prop_map(|(range, forward)| {
        let keys = format!("unfinished = :open{}", range.map(|range| format!(" AND {range}")).unwrap_or_default());
        let request =
            json!({ "TableName": "Single", "IndexName": "unfinished", "ScanIndexForward": forward, "Limit": 10 });
        with_placeholders(request, &[("KeyConditionExpression", Some(keys))])
    });
    let range = select(vec!["entry = :sx", "begins_with(entry, :sx)", "entry >= :sx"]);
    let table = (prop::option::of(range), prop::option::of(condition_on_one())).prop_map(|(range, filter)| {
        let keys = format!("id = :sa{}", range.map(|range| format!(" AND {range}")).unwrap_or_default());
        let request = json!({ "TableName": "Double", "ConsistentRead": true });
        with_placeholders(request, &[("KeyConditionExpression", Some(keys)), ("FilterExpression", filter)])
    });
    prop_oneof![index, table]
}

fn scan() -> impl Strategy<Value = Value> {
    prop::option::of(condition_on_one())
        .prop_map(|filter| with_placeholders(json!({ "TableName": "Single" }), &[("FilterExpression", filter)]))
}

/// A condition, often on attributes that the item does not have.
fn condition() -> impl Strategy<Value = String> {
    let one = prop_oneof![9 => condition_on_one(), 1 => Just("attribute_not_exists(id)".to_owned())];
    one.prop_recursive(3, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one} AND {other}")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} OR {other})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one} OR {other}")),
            inner.prop_map(|one| format!("NOT {one}")),
        ]
    })
}

fn path() -> impl Strategy<Value = &'static str> {
    select(vec!["n", "#deadline", "h", "h.#o", "h.o2", "l", "l[0]", "l[1]", "absent", "labels", "#unfinished"])
}

fn condition_on_one() -> impl Strategy<Value = String> {
    let comparator = || select(vec!["=", "<>", "<", "<=", ">", ">="]);
    let value = || select(vec![":n1", ":n5", ":neg", ":sx", ":open"]);
    prop_oneof![
        path().prop_map(|path| format!("attribute_exists({path})")),
        path().prop_map(|path| format!("attribute_not_exists({path})")),
        (path(), comparator(), value()).prop_map(|(path, comparator, value)| format!("{path} {comparator} {value}")),
        (path(), select(vec!["=", "<>"]), select(vec![":list", ":map", ":texts"]))
            .prop_map(|(path, comparator, value)| format!("{path} {comparator} {value}")),
        comparator().prop_map(|comparator| format!("n {comparator} #deadline")),
        (path(), comparator()).prop_map(|(path, comparator)| format!("size({path}) {comparator} :n1")),
        (path(), value(), value()).prop_map(|(path, one, other)| format!("{path} IN ({one}, {other})")),
        path().prop_map(|path| format!("{path} BETWEEN :neg AND :n1")),
        path().prop_map(|path| format!("begins_with({path}, :open)")),
        (path(), value()).prop_map(|(path, value)| format!("contains({path}, {value})")),
        (path(), select(vec![":ts", ":tn", ":tl"])).prop_map(|(path, kind)| format!("attribute_type({path}, {kind})")),
    ]
}

fn changes() -> impl Strategy<Value = String> {
    let set = select(vec![
        "n = :n5",
        "n = n + :n1",
        "n = n - :n5",
        "n = if_not_exists(n, :n1) + :n5",
        "n = #deadline - n",
        "h = :map",
        "h.#o = :map",
        "h.o2 = :n1",
        "h.#o = h.o2",
        "l = :list",
        "l[0] = :n5",
        "l[7] = :n5",
        "l = list_append(if_not_exists(l, :none), :list)",
        "l = list_append(:list, l)",
        "#unfinished = :open",
        "#deadline = :n1",
        "#deadline = :n5",
        "labels = :texts",
        "absent = :sx",
    ]);
    let remove = select(vec![
        "n",
        "h",
        "h.#o",
        "l",
        "l[0]",
        "#unfinished",
        "#unfinished, #deadline",
        "absent",
        "labels",
        "absent.o2",
    ]);
    let add = select(vec!["n :n1", "n :neg", "#deadline :n1", "labels  :texts", "h.o2 :n1"]);
    let delete = select(vec!["labels  :texts", "labels  :text"]);
    (
        prop::collection::vec(set, 0..3),
        prop::option::weighted(0.4, remove),
        prop::option::weighted(0.2, add),
        prop::option::weighted(0.1, delete),
    )
        .prop_map(|(set, remove, add, delete)| {
            let clauses = [
                (!set.is_empty()).then(|| format!("SET {}", set.join(", "))),
                remove.map(|remove| format!("REMOVE {remove}")),
                add.map(|add| format!("ADD {add}")),
                delete.map(|delete| format!("DELETE {delete}")),
            ];
            clauses.into_iter().flatten().collect::<Vec<_>>().join(" ")
        })
        .prop_filter("an update changes something", |changes| !changes.is_empty())
}

/// Adds expressions to a request, and the placeholders that they use.
fn with_placeholders(mut request: Value, expressions: &[(&str, Option<String>)]) -> Value {
    let names = [("#o", json!("o1")), ("#deadline", json!("deadline")), ("#unfinished", json!("unfinished"))];
    let values = [
        (":n1", json!({ "N": "1" })),
        (":n5", json!({ "N": "5" })),
        (":neg", json!({ "N": "-3" })),
        (":sa", json!({ "S": "a" })),
        (":sx", json!({ "S": "x" })),
        (":open", json!({ "S": "unfinished" })),
        (":none", json!({ "L": [] })),
        (":list", json!({ "L": [{ "N": "1" }] })),
        (":map", json!({ "M": { "quantity": { "N": "2" } } })),
        (":texts", json!({ "SS": ["A", "C"] })),
        (":text", json!({ "SS": ["B"] })),
        (":ts", json!({ "S": "S" })),
        (":tn", json!({ "S": "N" })),
        (":tl", json!({ "S": "L" })),
    ];
    let text: String = expressions.iter().filter_map(|(_, text)| text.as_deref()).collect::<Vec<_>>().join(" ; ");
    let word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let used = |placeholder: &str| {
        text.match_indices(placeholder).any(|(at, found)| !text[at + found.len()..].starts_with(word))
    };
    for (member, placeholders) in [("ExpressionAttributeNames", &names[..]), ("ExpressionAttributeValues", &values[..])]
    {
        let used: Map<_, _> = placeholders
            .iter()
            .filter(|(name, _)| used(name))
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        if !used.is_empty() {
            request[member] = Value::Object(used);
        }
    }
    for (name, text) in expressions {
        if let Some(text) = text {
            request[*name] = json!(text);
        }
    }
    request
}
