//! The OpenAPI document.

use std::collections::BTreeSet;

use gateway::http::{self, Access, Route};
use serde_json::{Value, json};
use wire::problem::{Problem, ProblemType};

use crate::readme;

fn document() -> Value {
    serde_json::to_value(http::document()).unwrap()
}

#[test]
fn every_route_is_documented() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let operations: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let routes = readme::rows().into_iter().map(|(route, _)| route);
    assert_eq!(operations, routes.filter(|route| route != "GET /openapi.json").collect());
}

#[test]
fn request_bodies_have_a_schema() {
    let document = document();
    for (path, method, body) in [
        ("/api/orders", "post", "PlaceOrder"),
        ("/api/inventory/{product_id}", "put", "PutProduct"),
        ("/api/inventory/{product_id}/movements", "post", "NewMovement"),
    ] {
        let schema = &document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(schema, &format!("#/components/schemas/{body}"));
    }
    for object in ["OneProduct", "SeveralProducts", "Line", "PutProduct", "NewMovement"] {
        assert_eq!(document["components"]["schemas"][object]["additionalProperties"], false, "{object}");
    }
    assert!(document["components"]["schemas"]["PutProduct"]["properties"]["available"].is_null());
    let forms = json!([{"$ref": "#/components/schemas/OneProduct"}, {"$ref": "#/components/schemas/SeveralProducts"}]);
    assert_eq!(document["components"]["schemas"]["PlaceOrder"]["oneOf"], forms);
    let quantity = &document["components"]["schemas"]["Line"]["properties"]["quantity"];
    assert_eq!((&quantity["minimum"], &quantity["maximum"]), (&json!(1), &json!(10_000)));
}

#[test]
fn every_problem_type_has_a_valid_example() {
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
fn every_operation_declares_the_access_and_the_problems_of_its_route() {
    let document = document();
    assert_eq!(document["security"], json!([{"bearer": []}]), "the default: any valid token");
    for Route { method, path, access } in http::routes() {
        let operation = &document["paths"][&path][method.as_str().to_lowercase()];
        if operation.is_null() {
            assert_eq!(path, "/openapi.json", "the only undocumented route");
            continue;
        }
        let security = match access {
            Access::Public => json!([{}]),
            Access::AnyCaller => Value::Null,
            Access::Scope(scope) => json!([{"bearer": [scope.as_str()]}]),
        };
        assert_eq!(operation["security"], security, "{method} {path}");
        if access == Access::Public {
            continue;
        }
        for status in ["400", "401", "429", "431", "500", "503"] {
            let problem = &operation["responses"][status]["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(problem, "#/components/schemas/Problem", "{method} {path} {status}");
        }
    }
}
