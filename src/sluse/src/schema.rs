//! Form fields against a contract's JSON Schema, and their one canonical form.
//!
//! Fields that are valid come out as canonical JSON: keys sorted, no white space, no key twice, no number that a
//! reader with 64-bit floats would change. So everyone who reads them after us reads the same.

use std::fmt;

use jsonschema::{Draft, PatternOptions, Validator};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value};
use sluse_sanitize::report::plain;

/// Errors told about one form. Who makes more mistakes gets the first ones.
const MAX_ERRORS: usize = 100;

/// Size of one compiled `pattern`, and of its automaton's cache, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// Largest whole number that a 64-bit float has exactly together with all below it (RFC 7493, 2.2).
const MAX_EXACT: u64 = (1 << 53) - 1;

/// One thing that is wrong with the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldError {
    /// Where: a JSON pointer (RFC 6901), escaped by [`plain`]; empty for the whole.
    pub pointer: String,
    /// What is wrong, in words, without the value itself.
    pub message: String,
}

impl FieldError {
    fn whole(message: impl fmt::Display) -> Vec<Self> {
        vec![Self { pointer: String::new(), message: plain(&message.to_string()) }]
    }
}

/// A contract's schema that cannot be used: the operator's fault.
#[derive(Debug, thiserror::Error)]
#[error("the contract's schema: {0}")]
pub struct SchemaError(String);

/// A contract's JSON Schema (draft 2020-12), ready to use.
#[derive(Debug)]
pub struct Schema(Validator);

impl Schema {
    /// Reads a schema. References go nowhere but into the schema itself.
    ///
    /// # Errors
    /// [`SchemaError`] when it is no JSON, no schema, refers to elsewhere, or has a pattern that needs look-around,
    /// back-references or too much memory.
    pub fn parse(schema: &[u8]) -> Result<Self, SchemaError> {
        let value = parse_strictly(schema).map_err(|error| SchemaError(plain(&error.to_string())))?;
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .offline()
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .with_pattern_options(
                PatternOptions::regex().size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_PATTERN_BYTES),
            )
            .build(&value)
            .map(Self)
            .map_err(|error| SchemaError(plain(&error.to_string())))
    }

    /// Holds fields against the schema; returns them as canonical JSON.
    ///
    /// # Errors
    /// What is wrong with them, at most 100 things.
    pub fn check(&self, fields: &[u8]) -> Result<Vec<u8>, Vec<FieldError>> {
        let value = parse_strictly(fields)
            .map_err(|error| FieldError::whole(format_args!("not acceptable JSON: {error}")))?;
        if !value.is_object() {
            return Err(FieldError::whole("the fields must be a JSON object"));
        }
        let errors: Vec<FieldError> = self
            .0
            .iter_errors(&value)
            .take(MAX_ERRORS)
            .map(|error| FieldError {
                pointer: plain(error.instance_path().as_str()),
                message: plain(&error.masked_with("the value").to_string()),
            })
            .collect();
        if errors.is_empty() {
            serde_json::to_vec(&Canonical(&value)).map_err(FieldError::whole)
        } else {
            Err(errors)
        }
    }
}

/// Parses JSON that means the same to every reader. Nesting is limited to 128 by the parser.
fn parse_strictly(json: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Strict>(json).map(|Strict(value)| value)
}

/// A value in which no key comes twice and no number was rounded to a whole other one.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

fn inexact<E: de::Error>() -> E {
    E::custom("a number is too large to be exact: send it as a text")
}

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > MAX_EXACT { Err(inexact()) } else { Ok(value.into()) }
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        if value > MAX_EXACT { Err(inexact()) } else { Ok(value.into()) }
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        let exact = value.abs() <= MAX_EXACT as f64;
        Number::from_f64(value).filter(|_| exact).map(Value::Number).ok_or_else(inexact)
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if map.insert(key, value).is_some() {
                return Err(de::Error::custom("a key comes twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

/// Writes objects with sorted keys, whatever order the map keeps.
struct Canonical<'a>(&'a Value);

impl Serialize for Canonical<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => serializer.collect_seq(items.iter().map(Canonical)),
            Value::Object(map) => {
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_unstable_by_key(|(key, _)| *key);
                serializer.collect_map(entries.into_iter().map(|(key, value)| (key, Canonical(value))))
            }
            scalar => scalar.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &[u8], fields: &[u8]) -> Result<Vec<u8>, Vec<FieldError>> {
        Schema::parse(schema).map_err(FieldError::whole)?.check(fields)
    }

    const SCHEMA: &[u8] = br#"{
        "type": "object",
        "properties": {
            "name": { "type": "string", "maxLength": 5 },
            "cpr": { "type": "string", "pattern": "^[0-9]{6}-?[0-9]{4}$" },
            "born": { "type": "string", "format": "date" },
            "amount": { "type": "number" },
            "list": { "type": "array" }
        },
        "required": ["name"],
        "additionalProperties": false
    }"#;

    fn pointers(fields: &[u8]) -> Vec<String> {
        check(SCHEMA, fields).unwrap_err().into_iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn valid_fields_come_out_sorted_and_compact() {
        let canonical =
            check(SCHEMA, br#" { "name" : "\u00c5sa", "amount": 1.50, "cpr": "0101011234" } "#).unwrap();
        assert_eq!(
            String::from_utf8(canonical).unwrap(),
            r#"{"amount":1.5,"cpr":"0101011234","name":"Åsa"}"#
        );
    }

    #[test]
    fn canonical_fields_stay_as_they_are() {
        let once = check(SCHEMA, br#"{"list":[{"b":1,"a":[2,{"d":3,"c":4}]}],"name":"x"}"#).unwrap();
        assert_eq!(check(SCHEMA, &once).unwrap(), once);
    }

    #[test]
    fn every_wrong_field_is_pointed_at() {
        let mut found = pointers(br#"{"name":"too long","cpr":"12","born":"31-12-2020"}"#);
        found.sort();
        assert_eq!(found, ["/born", "/cpr", "/name"]);
    }

    #[test]
    fn errors_do_not_tell_the_value() {
        let errors = check(SCHEMA, br#"{"name":"ok","cpr":"010101-12345"}"#).unwrap_err();
        assert!(!errors[0].message.contains("010101"), "{}", errors[0].message);
    }

    #[test]
    fn a_pointer_from_outside_is_escaped() {
        let errors = check(br#"{"additionalProperties":{"type":"string"}}"#, "{\"a\u{202e}b\":1}".as_bytes())
            .unwrap_err();
        assert_eq!(errors[0].pointer, "/a\\u{202e}b");
    }

    #[test]
    fn a_key_that_comes_twice_is_refused() {
        assert_eq!(pointers(br#"{"name":"a","name":"b"}"#), [""]);
        assert_eq!(pointers(br#"{"name":"a","list":[{"x":1,"\u0078":2}]}"#), [""]);
    }

    #[test]
    fn a_number_that_some_reader_would_round_is_refused() {
        for number in ["123456789012345678901234", "1e400", "-1e300", "9007199254740993", "-9007199254740993"]
        {
            assert_eq!(pointers(format!(r#"{{"name":"a","amount":{number}}}"#).as_bytes()), [""], "{number}");
        }
        assert!(check(SCHEMA, br#"{"name":"a","amount":9007199254740991}"#).is_ok());
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let deep = format!(r#"{{"name":"a","list":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(pointers(deep.as_bytes()), [""]);
    }

    #[test]
    fn bytes_that_are_no_json_are_refused() {
        for bad in [&b""[..], b"{", b"[]", b"{} {}", b"\xff\xfe{}", br#"{"name":"\ud800"}"#, b"null"] {
            assert_eq!(pointers(bad), [""], "{bad:?}");
        }
    }

    #[test]
    fn a_reference_to_elsewhere_is_no_schema() {
        for reference in ["https://example.org/schema.json", "file:///etc/hostname"] {
            let schema = format!(r#"{{"$ref":"{reference}"}}"#);
            assert!(Schema::parse(schema.as_bytes()).is_err(), "{reference}");
        }
    }

    #[test]
    fn a_pattern_that_could_backtrack_or_fill_memory_is_no_schema() {
        for pattern in [r"(a+)+\\1", r"(?=a)b", r"((a{1000}){1000}){1000}"] {
            let schema = format!(r#"{{"properties":{{"x":{{"pattern":"{pattern}"}}}}}}"#);
            assert!(Schema::parse(schema.as_bytes()).is_err(), "{pattern}");
        }
    }

    #[test]
    fn no_more_errors_are_told_than_the_cap() {
        let schema = br#"{"additionalProperties":{"type":"string"}}"#;
        let fields: Map<String, Value> = (0..1000).map(|n| (n.to_string(), n.into())).collect();
        let errors = check(schema, &serde_json::to_vec(&fields).unwrap()).unwrap_err();
        assert_eq!(errors.len(), MAX_ERRORS);
    }
}
