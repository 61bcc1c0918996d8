//! The contract that `/openapi.json` shows.

use std::collections::BTreeSet;

use gateway::http;
use serde_json::{Value, json};
use wire::problem::{Problem, ProblemType};

fn document() -> Value {
    serde_json::to_value(http::document()).unwrap()
}

#[test]
fn every_route_of_the_design_is_there() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let operations: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| format!("{method} {path}")))
        .collect();
    let expected = [
        "get /api/inventory/{product_id}",
        "get /api/orders",
        "get /api/orders/{order_id}",
        "get /api/payments/{transaction_id}",
        "get /healthz",
        "post /api/orders",
        "post /api/orders/{order_id}/cancel",
        "put /api/inventory/{product_id}",
    ];
    assert_eq!(operations, expected.map(str::to_owned).into());
}

#[test]
fn bodies_are_of_a_form_that_is_there() {
    let document = document();
    for (path, method, body) in
        [("/api/orders", "post", "PlaceOrder"), ("/api/inventory/{product_id}", "put", "PutProduct")]
    {
        let schema = &document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(schema, &format!("#/components/schemas/{body}"));
    }
    for object in ["OneProduct", "SeveralProducts", "Line", "PutProduct"] {
        assert_eq!(document["components"]["schemas"][object]["additionalProperties"], false, "{object}");
    }
    let forms = json!([{"$ref": "#/components/schemas/OneProduct"}, {"$ref": "#/components/schemas/SeveralProducts"}]);
    assert_eq!(document["components"]["schemas"]["PlaceOrder"]["oneOf"], forms);
    let quantity = &document["components"]["schemas"]["Line"]["properties"]["quantity"];
    assert_eq!((&quantity["minimum"], &quantity["maximum"]), (&json!(1), &json!(10_000)));
}

#[test]
fn every_kind_of_problem_has_an_example_that_is_one() {
    let document = document();
    let responses = document["components"]["responses"].as_object().unwrap();
    assert_eq!(responses.len(), ProblemType::ALL.len());
    let mut kinds = Vec::new();
    for response in responses.values() {
        for example in response["content"]["application/problem+json"]["examples"].as_object().unwrap().values() {
            let problem: Problem = serde_json::from_value(example["value"].clone()).unwrap();
            assert_eq!((problem.status, problem.title.as_str()), (problem.kind.status(), problem.kind.title()));
            kinds.push(problem.kind);
        }
    }
    assert!(ProblemType::ALL.iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
}

#[test]
fn every_route_but_health_needs_a_token_and_tells_its_problems() {
    let document = document();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            if path == "/healthz" {
                assert_eq!(operation["security"], json!([{}]), "{path}");
                continue;
            }
            for status in ["400", "401", "429", "431", "500", "503"] {
                let problem = &responses[status]["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(problem, "#/components/schemas/Problem", "{method} {path} {status}");
            }
            assert_ne!(operation["security"], json!([{}]), "{method} {path}");
        }
    }
}
