//! Converts YAML with CloudFormation's tags to plain JSON.

use anyhow::{Context as _, Result, bail, ensure};
use saphyr::{LoadableYamlNode, ScalarOwned, YamlOwned};
use serde_json::{Map, Value, json};

/// Reads one YAML document. Every short form such as `!GetAtt A.B` becomes its long form `{"Fn::GetAtt": ["A", "B"]}`.
pub(crate) fn to_json(text: &str) -> Result<Value> {
    let mut documents = YamlOwned::load_from_str(text)?;
    ensure!(documents.len() == 1, "expected one YAML document, found {}", documents.len());
    convert(documents.remove(0))
}

fn convert(node: YamlOwned) -> Result<Value> {
    Ok(match node {
        YamlOwned::Value(scalar) => match scalar {
            ScalarOwned::Null => Value::Null,
            ScalarOwned::Boolean(value) => value.into(),
            ScalarOwned::Integer(value) => value.into(),
            ScalarOwned::FloatingPoint(value) => value.into_inner().into(),
            ScalarOwned::String(value) => value.into(),
        },
        YamlOwned::Sequence(items) => items.into_iter().map(convert).collect::<Result<_>>()?,
        YamlOwned::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let key = key.as_str().with_context(|| format!("a key is not a string: {key:?}"))?.to_owned();
                let value = convert(value).with_context(|| format!("in {key}"))?;
                object.insert(key, value);
            }
            object.into()
        }
        YamlOwned::Tagged(tag, node) if tag.handle == "!" => intrinsic(&tag.suffix, convert(*node)?),
        other => bail!("unsupported YAML: {other:?}"),
    })
}

fn intrinsic(name: &str, argument: Value) -> Value {
    match (name, &argument) {
        ("Ref" | "Condition", _) => json!({ name: argument }),
        // Only the attribute may contain dots, so the first dot separates the two.
        ("GetAtt", Value::String(path)) => match path.split_once('.') {
            Some((resource, attribute)) => json!({ "Fn::GetAtt": [resource, attribute] }),
            None => json!({ "Fn::GetAtt": [path] }),
        },
        _ => json!({ format!("Fn::{name}"): argument }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_become_long_forms() {
        let json = to_json("a: !Ref X\nb: [!GetAtt Q.Arn, !Sub \"${X}/y\"]\nc: !If [P, 1, 2]\nd: '1'\n").unwrap();
        assert_eq!(
            json,
            json!({
                "a": { "Ref": "X" },
                "b": [{ "Fn::GetAtt": ["Q", "Arn"] }, { "Fn::Sub": "${X}/y" }],
                "c": { "Fn::If": ["P", 1, 2] },
                "d": "1",
            })
        );
    }

    #[test]
    fn duplicate_key_is_an_error() {
        assert!(to_json("a: 1\na: 2\n").is_err());
    }
}
