//! The types of `docs/api.md` as JSON Schemas. The document is the one home of the shapes: people read it, this module turns
//! it into schemas for programs, and the tests hold every answer against them.
//!
//! Of TypeScript it knows what that document uses: object types, arrays, unions, literals, intersections, `Record`, and type
//! parameters.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The document, as it was when the program was built.
const DOCUMENT: &str = include_str!("../../../../docs/api.md");

/// A type.
#[derive(Debug, Clone, PartialEq)]
enum Type {
    Plain(&'static str),
    Any,
    Literal(String),
    List(Box<Type>),
    /// Name, optional, type.
    Object(Vec<(String, bool, Type)>),
    Record(Box<Type>),
    Union(Vec<Type>),
    Both(Vec<Type>),
    Named(String, Vec<Type>),
}

/// Named types, with the names of their parameters.
#[derive(Debug, Default)]
pub(super) struct Shapes(BTreeMap<String, (Vec<String>, Type)>);

/// A text that is no type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoType(pub String);

impl Shapes {
    /// The types of the document.
    ///
    /// # Errors
    /// [`NoType`] where it holds what this module does not know.
    pub(super) fn read() -> Result<Shapes, NoType> {
        let mut shapes = Shapes::default();
        for block in DOCUMENT.split("```ts\n").skip(1).filter_map(|b| b.split("```").next()) {
            let mut p = Parser::new(block);
            while p.peek().is_some() {
                p.expect("type")?;
                let name = p.word()?;
                let mut parameters = Vec::new();
                if p.take("<") {
                    parameters.push(p.word()?);
                    while p.take(",") {
                        parameters.push(p.word()?);
                    }
                    p.expect(">")?;
                }
                p.expect("=")?;
                let kind = p.union()?;
                p.take(";");
                shapes.0.insert(name, (parameters, kind));
            }
        }
        Ok(shapes)
    }

    /// Schemas of all types without parameters, by name.
    pub(super) fn schemas(&self) -> Map<String, Value> {
        let plain = self.0.iter().filter(|(_, (parameters, _))| parameters.is_empty());
        plain.map(|(name, (_, kind))| (name.clone(), self.schema(kind, &BTreeMap::new(), 0))).collect()
    }

    /// The schema of a type in the document's notation.
    ///
    /// # Errors
    /// [`NoType`] when the text is none, or names a type that the document does not have.
    pub(super) fn schema_of(&self, text: &str) -> Result<Value, NoType> {
        let mut p = Parser::new(text);
        let kind = p.union()?;
        if let Some(rest) = p.peek() {
            return Err(NoType(format!("{text}: what is '{rest}' behind it?")));
        }
        self.check(&kind)?;
        Ok(self.schema(&kind, &BTreeMap::new(), 0))
    }

    fn check(&self, kind: &Type) -> Result<(), NoType> {
        match kind {
            Type::Plain(_) | Type::Any | Type::Literal(_) => Ok(()),
            Type::List(of) | Type::Record(of) => self.check(of),
            Type::Object(fields) => fields.iter().try_for_each(|f| self.check(&f.2)),
            Type::Union(all) | Type::Both(all) => all.iter().try_for_each(|k| self.check(k)),
            Type::Named(name, arguments) => {
                if !self.0.contains_key(name) {
                    return Err(NoType(format!("docs/api.md has no type {name}")));
                }
                arguments.iter().try_for_each(|k| self.check(k))
            }
        }
    }

    /// Fields of an object type, whatever it is called.
    fn fields(&self, kind: &Type, depth: usize) -> Vec<(String, bool, Type)> {
        match kind {
            Type::Object(fields) => fields.clone(),
            Type::Both(all) => {
                let mut out: Vec<(String, bool, Type)> = Vec::new();
                for (name, optional, kind) in all.iter().flat_map(|k| self.fields(k, depth)) {
                    out.retain(|f| f.0 != name);
                    out.push((name, optional, kind));
                }
                out
            }
            Type::Named(name, _) if depth < 8 => {
                self.0.get(name).map(|(_, kind)| self.fields(kind, depth + 1)).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    fn schema(&self, kind: &Type, bound: &BTreeMap<String, Value>, depth: usize) -> Value {
        if depth > 32 {
            return json!({});
        }
        let of = |k: &Type| self.schema(k, bound, depth + 1);
        match kind {
            Type::Plain(name) => json!({"type": name}),
            Type::Any => json!({}),
            Type::Literal(text) => json!({"type": "string", "enum": [text]}),
            Type::List(item) => json!({"type": "array", "items": of(item)}),
            Type::Record(value) => json!({"type": "object", "additionalProperties": of(value)}),
            Type::Object(fields) => {
                let required: Vec<&String> = fields.iter().filter(|f| !f.1).map(|f| &f.0).collect();
                let properties: Map<String, Value> = fields.iter().map(|f| (f.0.clone(), of(&f.2))).collect();
                json!({"type": "object", "required": required, "properties": properties})
            }
            Type::Both(_) => of(&Type::Object(self.fields(kind, 0))),
            Type::Union(all) => {
                let words: Option<Vec<&String>> =
                    all.iter().map(|k| if let Type::Literal(text) = k { Some(text) } else { None }).collect();
                if let Some(words) = words {
                    return json!({"type": "string", "enum": words});
                }
                let literals: Vec<Type> =
                    all.iter().filter(|k| matches!(k, Type::Literal(_))).cloned().collect();
                let mut any: Vec<Value> =
                    all.iter().filter(|k| !matches!(k, Type::Literal(_))).map(of).collect();
                if !literals.is_empty() {
                    any.insert(0, of(&Type::Union(literals)));
                }
                match any
                    .iter()
                    .map(|s| {
                        s.as_object()?
                            .get("type")?
                            .as_str()
                            .filter(|_| s.as_object().is_some_and(|o| o.len() == 1))
                    })
                    .collect::<Option<Vec<_>>>()
                {
                    Some(types) => json!({"type": types}),
                    None => json!({"anyOf": any}),
                }
            }
            Type::Named(name, arguments) => {
                if let Some(schema) = bound.get(name) {
                    return schema.clone();
                }
                match self.0.get(name) {
                    Some((parameters, kind)) if !parameters.is_empty() => {
                        let given = parameters.iter().cloned().zip(arguments.iter().map(of)).collect();
                        self.schema(kind, &given, depth + 1)
                    }
                    _ => json!({"$ref": format!("#/components/schemas/{name}")}),
                }
            }
        }
    }
}

struct Parser<'a> {
    tokens: Vec<&'a str>,
    at: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Parser<'a> {
        let mut tokens = Vec::new();
        for line in text.lines() {
            let mut rest = line.trim_start();
            while !rest.is_empty() && !rest.starts_with("//") {
                let length = match rest.chars().next() {
                    Some('"') => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
                    Some(c) if c.is_alphanumeric() || c == '_' => {
                        rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
                    }
                    Some(c) => c.len_utf8(),
                    None => break,
                };
                tokens.push(&rest[..length]);
                rest = rest[length..].trim_start();
            }
        }
        Parser { tokens, at: 0 }
    }

    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.at).copied()
    }

    fn take(&mut self, token: &str) -> bool {
        let is = self.peek() == Some(token);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, token: &str) -> Result<(), NoType> {
        if self.take(token) {
            return Ok(());
        }
        let near =
            self.tokens[self.at.saturating_sub(4)..].iter().take(8).copied().collect::<Vec<_>>().join(" ");
        Err(NoType(format!("expected '{token}' near '{near}'")))
    }

    fn word(&mut self) -> Result<String, NoType> {
        match self.peek().filter(|t| t.starts_with(|c: char| c.is_alphabetic() || c == '_')) {
            Some(word) => {
                self.at += 1;
                Ok(word.to_owned())
            }
            None => Err(NoType(format!("expected a name, found {:?}", self.peek()))),
        }
    }

    fn union(&mut self) -> Result<Type, NoType> {
        self.take("|");
        let mut all = vec![self.both()?];
        while self.take("|") {
            all.push(self.both()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Type::Union(all) })
    }

    fn both(&mut self) -> Result<Type, NoType> {
        let mut all = vec![self.list()?];
        while self.take("&") {
            all.push(self.list()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Type::Both(all) })
    }

    fn list(&mut self) -> Result<Type, NoType> {
        let mut kind = self.single()?;
        while self.take("[") {
            self.expect("]")?;
            kind = Type::List(Box::new(kind));
        }
        Ok(kind)
    }

    fn single(&mut self) -> Result<Type, NoType> {
        if self.take("(") {
            let kind = self.union()?;
            self.expect(")")?;
            return Ok(kind);
        }
        if self.take("{") {
            return self.object();
        }
        if let Some(text) = self.peek().and_then(|t| t.strip_prefix('"')) {
            self.at += 1;
            return Ok(Type::Literal(text.trim_end_matches('"').to_owned()));
        }
        let name = self.word()?;
        let mut arguments = Vec::new();
        if self.take("<") {
            arguments.push(self.union()?);
            while self.take(",") {
                arguments.push(self.union()?);
            }
            self.expect(">")?;
        }
        Ok(match name.as_str() {
            "string" => Type::Plain("string"),
            "number" => Type::Plain("number"),
            "integer" => Type::Plain("integer"),
            "boolean" => Type::Plain("boolean"),
            "null" => Type::Plain("null"),
            "unknown" | "any" | "object" => Type::Any,
            "Record" => Type::Record(Box::new(arguments.pop().unwrap_or(Type::Any))),
            "Array" => Type::List(Box::new(arguments.pop().unwrap_or(Type::Any))),
            _ => Type::Named(name, arguments),
        })
    }

    fn object(&mut self) -> Result<Type, NoType> {
        let mut fields = Vec::new();
        while !self.take("}") {
            let name = match self.peek().and_then(|t| t.strip_prefix('"')) {
                Some(quoted) => {
                    self.at += 1;
                    quoted.trim_end_matches('"').to_owned()
                }
                None => self.word()?,
            };
            let optional = self.take("?");
            self.expect(":")?;
            fields.push((name, optional, self.union()?));
            let _ = self.take(";") || self.take(",");
        }
        Ok(Type::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(text: &str) -> Value {
        Shapes::read().unwrap().schema_of(text).unwrap()
    }

    #[test]
    fn types_become_schemas() {
        assert_eq!(schema("string | null"), json!({"type": ["string", "null"]}));
        assert_eq!(schema("\"a\" | \"b\""), json!({"type": "string", "enum": ["a", "b"]}));
        assert_eq!(
            schema("\"a\" | null"),
            json!({"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]})
        );
        assert_eq!(
            schema("{ a: number; b?: string[] } & { a: string }"),
            json!({"type": "object", "required": ["a"], "properties":
                {"a": {"type": "string"}, "b": {"type": "array", "items": {"type": "string"}}}})
        );
        assert_eq!(
            schema("Record<\"x\" | \"y\", number>"),
            json!({"type": "object", "additionalProperties": {"type": "number"}})
        );
        let page = schema("Page<Source>");
        assert_eq!(page["properties"]["items"]["items"]["$ref"], "#/components/schemas/Source");
    }

    #[test]
    fn what_is_no_type_is_refused() {
        let shapes = Shapes::read().unwrap();
        for bad in ["Nobody", "{ a }", "string |", "string number", "", "Page<Nobody>"] {
            assert!(shapes.schema_of(bad).is_err(), "{bad}");
        }
    }
}
