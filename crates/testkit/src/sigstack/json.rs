//! Canonical JSON, of two kinds.

use serde_json::Value;

/// RFC 8785, which Rekor signs and stores: for the values that occur there, without fractions.
pub(super) fn jcs(value: &Value) -> Vec<u8> {
    let mut out = String::new();
    write(value, &|text| Value::from(text).to_string(), &mut out);
    out.into_bytes()
}

/// What TUF signs: only quotes and backslashes are escaped, line ends are not.
pub(super) fn olpc(value: &Value) -> Vec<u8> {
    let quote = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut out = String::new();
    write(value, &quote, &mut out);
    out.into_bytes()
}

fn write(value: &Value, quote: &dyn Fn(&str) -> String, out: &mut String) {
    match value {
        Value::String(text) => out.push_str(&quote(text)),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, quote, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            out.push('{');
            for (index, name) in names.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&quote(name));
                out.push(':');
                write(&members[name], quote, out);
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_two_differ_in_line_ends() {
        let value = json!({"b": "x\n\"", "a": [1, null]});
        assert_eq!(jcs(&value), br#"{"a":[1,null],"b":"x\n\""}"#);
        assert_eq!(olpc(&value), b"{\"a\":[1,null],\"b\":\"x\n\\\"\"}");
    }
}
