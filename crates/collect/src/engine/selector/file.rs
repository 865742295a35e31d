//! The file as it is written, and what is wrong with one.

use serde::{Deserialize, Deserializer, de};

/// A selector file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SelectorError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is no TOML, or holds what is not known, or lacks what is needed.
    #[error("{0}")]
    Form(#[from] toml::de::Error),
    /// A selector is none.
    #[error("{key}: {text:?} is no CSS selector: {reason}")]
    Selector {
        /// Where in the file.
        key: String,
        /// What stands there.
        text: String,
        /// Why not.
        reason: String,
    },
    /// A pattern is none.
    #[error("{key}: {text:?} is no pattern: {reason}")]
    Pattern {
        /// Where in the file.
        key: String,
        /// What stands there.
        text: String,
        /// Why not.
        reason: String,
    },
    /// A value that makes no sense.
    #[error("{key}: {reason}")]
    Value {
        /// Where in the file.
        key: String,
        /// Why not.
        reason: String,
    },
}

/// Where a value stands: `"CSS"`, or a table with what to take of the element.
#[derive(Debug, Clone, Default)]
pub(super) struct PickForm {
    pub selector: String,
    pub attribute: Option<String>,
    pub pattern: Option<String>,
    pub format: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PickTable {
    selector: Option<String>,
    attribute: Option<String>,
    pattern: Option<String>,
    format: Option<String>,
}

impl<'de> Deserialize<'de> for PickForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PickForm, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = PickForm;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a CSS selector, or a table of selector, attribute, pattern, format")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<PickForm, E> {
                Ok(PickForm { selector: text.to_owned(), ..PickForm::default() })
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<PickForm, A::Error> {
                let t = PickTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let selector = t.selector.unwrap_or_default();
                Ok(PickForm { selector, attribute: t.attribute, pattern: t.pattern, format: t.format })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// The file, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileForm {
    pub name: String,
    #[serde(default)]
    pub zone: Option<String>,
    #[serde(default)]
    pub day_first: Option<bool>,
    pub address: AddressForm,
    #[serde(default)]
    pub page: PageForm,
    #[serde(default)]
    pub board: Option<BoardForm>,
    pub thread: ThreadForm,
    pub post: PostForm,
    #[serde(default)]
    pub login: Option<LoginForm>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddressForm {
    pub index: String,
    pub board: String,
    pub thread: String,
    #[serde(default)]
    pub keep: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PageForm {
    pub forum: Option<PickForm>,
    pub member: Option<PickForm>,
    pub title: Option<PickForm>,
    pub crumbs: Option<String>,
    pub next: Option<String>,
    pub login_needed: Option<String>,
    pub refused: Option<PickForm>,
    pub missing: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BoardForm {
    pub row: String,
    pub link: String,
    #[serde(default)]
    pub threads: Option<PickForm>,
    #[serde(default)]
    pub posts: Option<PickForm>,
    #[serde(default)]
    pub last: Option<PickForm>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThreadForm {
    pub row: String,
    pub link: String,
    #[serde(default)]
    pub replies: Option<PickForm>,
    #[serde(default)]
    pub posts: Option<PickForm>,
    #[serde(default)]
    pub last: Option<PickForm>,
    #[serde(default)]
    pub sticky: Option<String>,
    #[serde(default)]
    pub moved: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PostForm {
    pub row: String,
    pub id: PickForm,
    pub author: PickForm,
    #[serde(default)]
    pub guest: Option<String>,
    pub time: PickForm,
    pub body: String,
    #[serde(default)]
    pub edited: Option<PickForm>,
    #[serde(default)]
    pub quote: Option<String>,
    #[serde(default)]
    pub quote_author: Option<PickForm>,
    #[serde(default)]
    pub quote_post: Option<PickForm>,
    #[serde(default)]
    pub drop: Option<String>,
    #[serde(default)]
    pub mention: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginForm {
    pub page: String,
    pub user: String,
    pub password: String,
}
